"""When a figure is final and what becomes of a value that differs, as tables."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from qunflow.community.finality import FINAL_AFTER_DAYS, Outcome, Reason, is_final, outcome, reason_for
from qunflow.settings.workspace import Figures

D = date(2026, 3, 1)
FIRST, SAME, REVISED, TOO_LATE = Outcome

# days after its own day | final after so many days | final
FINAL = [
    (0, 3, False),
    (1, 3, False),
    (3, 3, False),
    (4, 3, True),
    (400, 3, True),
    (0, 0, False),
    (1, 0, True),
    (7, 7, False),
    (8, 7, True),
]

# was told before | differs | final | the run opens the day again | what becomes of it
OUTCOMES = [
    (False, True, False, False, FIRST),
    (False, True, True, False, FIRST),
    (False, True, True, True, FIRST),
    (True, False, False, False, SAME),
    (True, False, True, False, SAME),
    (True, False, True, True, SAME),
    (True, True, False, False, REVISED),
    (True, True, False, True, REVISED),
    (True, True, True, False, TOO_LATE),
    (True, True, True, True, REVISED),
]

# what the run gives as its reason | the figure was told after its day was over | the reason written down
REASONS = [
    *((given, True, given) for given in Reason),
    *((given, False, Reason.DAY_WENT_ON) for given in Reason),
]


@pytest.mark.parametrize(("days", "after", "final"), FINAL)
def test_a_figure_is_open_through_the_last_local_day_of_the_setting(days: int, after: int, final: bool) -> None:
    """Day D is open on D+3 and final on D+4, unless the setting says another number."""
    assert is_final(D, D + timedelta(days=days), after) is final


@pytest.mark.parametrize(("told_before", "differs", "final", "reopen", "became"), OUTCOMES)
def test_what_differs_revises_an_open_figure_and_never_a_final_one(
    told_before: bool, differs: bool, final: bool, reopen: bool, became: Outcome
) -> None:
    """Only a run that opens the day again changes a final figure; what was never told may always be told."""
    assert outcome(told_before=told_before, differs=differs, final=final, reopen=reopen) is became


@pytest.mark.parametrize(("given", "over", "written"), REASONS)
def test_a_figure_told_within_its_day_differs_because_the_day_went_on(
    given: Reason, over: bool, written: Reason
) -> None:
    """The run's reason counts only for figures that were told when their day was over."""
    assert reason_for(given, day_was_over=over) is written


def test_the_setting_and_the_rule_have_one_default() -> None:
    """Three days, whether a workspace says so or not."""
    assert Figures().final_after_days == FINAL_AFTER_DAYS == 3


def test_the_page_names_every_reason() -> None:
    """docs/explanation/figures.md lists the closed list, each once and in words."""
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "figures.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page, flags=re.M)
    assert sorted(listed) == sorted(Reason)
