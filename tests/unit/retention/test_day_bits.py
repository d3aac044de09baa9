"""The days after a start, read off bits: over word boundaries, over a year, and far beyond what one word holds."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.spec.retention_by_hand import counted
from tests.spec.test_retention_by_hand import found

FIRST = datetime(2025, 3, 3, tzinfo=UTC)
EVERY = {
    "period": "week",
    "total_intervals": 50,
    "date_to": "2026-02-15",
    "timezone": "Europe/Berlin",
    "week_start": "monday",
    "cumulative": False,
    "minimum_occurrences": 1,
    "actor": "member",
    "target_event": "join",
    "returning_event": "say",
    "definitions": ["stay", "classic", "rolling", "bracket"],
    "days": [0, 1, 30, 61, 62, 63, 123, 124, 200],
    "brackets": [[0, 61], [55, 66], [62, 62], [60, 130], [1, 300]],
    "as_of": "2026-05-01",
}


def a_year(luck: random.Random) -> list[Any]:
    """Forty people who come, talk now and then, and go, some of them twice."""
    rows: list[Any] = []
    for number in range(40):
        joined = FIRST + timedelta(days=luck.randrange(300), seconds=luck.randrange(86_400))
        said = [joined + timedelta(days=luck.choice((0, 1, 61, 62, 63, 124, luck.random() * 350))) for _ in range(9)]
        kinds = [("join", joined), ("leave", joined + timedelta(days=luck.randrange(1, 250)))]
        kinds += [("join", joined + timedelta(days=90))] if number % 3 == 0 else []
        rows += [(f"p{number}", kind, at, "g") for kind, at in [*kinds, *(("say", at) for at in said)]]
    return rows


@pytest.mark.parametrize("windows", ["calendar", "exact_24h"])
@pytest.mark.parametrize("rule", ["first_time", "recurring"])
def test_days_over_a_year_are_those_of_loops(windows: str, rule: str) -> None:
    """Days at both sides of a word's end, brackets across it, and what lies beyond the last day asked for."""
    rows = a_year(random.Random(6))
    query = {**EVERY, "windows": windows, "cohort_rule": rule}

    assert found(rows, query) == counted(rows, query)
