"""Streaks as a table: a week in characters (Monday first, x = checked in), the day asked about, the three lengths."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.weekly_activity.streaks import Streak, streak, streaks

MONDAY = date(2026, 3, 2)


def days_of(week: str) -> list[date]:
    return [MONDAY + timedelta(days=n) for n, mark in enumerate(week) if mark == "x"]


@pytest.mark.parametrize(
    ("week", "as_of", "current", "longest", "total"),
    [
        (".......", 6, 0, 0, 0),
        ("x......", 0, 1, 1, 1),
        ("x......", 1, 0, 1, 1),
        ("xx.....", 1, 2, 2, 2),
        ("xxx....", 3, 0, 3, 3),
        ("xx.xxx.", 5, 3, 3, 5),
        ("xxx.xx.", 5, 2, 3, 5),
        ("xxx.xx.", 6, 0, 3, 5),
        ("x.x.x.x", 6, 1, 1, 4),
        ("xxxxxxx", 6, 7, 7, 7),
        ("xxxxxxx", 3, 4, 4, 4),
        ("....xxx", 3, 0, 0, 0),
    ],
)
def test_streak_of_a_week(week: str, as_of: int, current: int, longest: int, total: int) -> None:
    """A streak counts days in a row and ends at the day asked about; later days do not count."""
    expected = Streak(current, longest, total)

    assert expected == streak(days_of(week), MONDAY + timedelta(days=as_of))


def test_a_streak_crosses_month_and_year() -> None:
    """Days in a row are calendar days, whatever month or year they lie in."""
    days = [date(2025, 12, 30), date(2025, 12, 31), date(2026, 1, 1)]

    assert Streak(3, 3, 3) == streak(days, date(2026, 1, 1))


def test_a_day_given_twice_counts_once() -> None:
    """Repetition and order of the rows change nothing."""
    rows = [(1, MONDAY + timedelta(days=1)), (1, MONDAY), (1, MONDAY), (2, MONDAY)]

    assert {1: Streak(2, 2, 2), 2: Streak(0, 1, 1)} == streaks(rows, MONDAY + timedelta(days=1))


def test_who_came_later_is_not_there_yet() -> None:
    """A person whose first check-in lies after the day asked about has no streak at all."""
    assert streaks([(1, MONDAY + timedelta(days=3))], MONDAY) == {}


@given(st.sets(st.integers(0, 30)), st.integers(0, 30))
def test_lengths_keep_their_order(offsets: set[int], last: int) -> None:
    """The current streak is never longer than the best, nor the best than all days counted."""
    measured = streak([MONDAY + timedelta(days=n) for n in offsets], MONDAY + timedelta(days=last))

    assert measured.current <= measured.longest <= measured.total == len([n for n in offsets if n <= last])
