"""Every reason a bound gives has its words in Chinese and English; a reason that was reworded is noticed here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from qunflow.delivery.bounds import verdict
from qunflow.delivery.reasons import in_words
from qunflow.language import catalogue
from tests.unit.delivery.test_bounds import CASES, HOME, candidate, facts


@pytest.mark.parametrize(("changes", "known", "now", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_reason_is_told_in_the_readers_words(
    changes: dict[str, Any], known: dict[str, Any], now: datetime, expected: str
) -> None:
    """What is sent has no reason; anything else says why, and not in the database's English."""
    why = verdict(candidate(**changes), HOME, facts(**known), now).why
    assert bool(why) is (expected != "send")
    if why and not known.get("gone"):  # why somebody is gone is the test's own word
        assert in_words(catalogue("zh").text, why) != why
