"""The checks before anything is done about retention: sound boards pass, impossible ones are stopped."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from data_checks.gate import gate
from data_checks.retention_care import CARE, WIN_BACK

GROUP: dict[str, Any] = {
    "group": "g1",
    "members": 40,
    "active_share": 0.5,
    "layered": 20,
    "silent": 3,
    "stage": "talking",
    "advice": "keep",
}
PROPOSAL: dict[str, Any] = {"person": 7, "way": "private_task", "marketing": True}


def test_a_sound_board_passes() -> None:
    """Also a group without anybody, whose share is not known."""
    empty = {**GROUP, "group": "g2", "members": 0, "active_share": None, "layered": 0, "silent": 0, "stage": "dead"}

    assert gate(pd.DataFrame([GROUP, empty]), CARE).blocking == ()
    assert gate(pd.DataFrame([PROPOSAL]), WIN_BACK).blocking == ()


@pytest.mark.parametrize(
    "wrong",
    [{"active_share": 1.2}, {"layered": 41}, {"silent": 41}, {"stage": "sleeping"}, {"advice": "shout"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_impossible_board_is_stopped(wrong: dict[str, Any]) -> None:
    """One wrong value is enough."""
    assert len(gate(pd.DataFrame([{**GROUP, **wrong}]), CARE).blocking) == 1


@pytest.mark.parametrize("wrong", [{"way": "mass_task"}, {"marketing": False}], ids=lambda wrong: next(iter(wrong)))
def test_a_proposal_that_would_pass_the_caps_by_is_stopped(wrong: dict[str, Any]) -> None:
    """Win-back is private and counts as marketing; nobody gets two on a day."""
    assert len(gate(pd.DataFrame([{**PROPOSAL, **wrong}]), WIN_BACK).blocking) == 1
    assert len(gate(pd.DataFrame([PROPOSAL, PROPOSAL]), WIN_BACK).blocking) == 1
