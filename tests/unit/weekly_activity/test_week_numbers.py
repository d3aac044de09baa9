"""The week in numbers."""

from __future__ import annotations

from datetime import date

from qunflow.weekly_activity.challenge import Challenge
from qunflow.weekly_activity.numbers import week_numbers

MONDAY = date(2026, 3, 2)
TUESDAY = date(2026, 3, 3)
WEDNESDAY = date(2026, 3, 4)
WEEK = Challenge("week", "打卡周", MONDAY, date(2026, 3, 8), 5)
ROWS = [(1, MONDAY), (2, MONDAY), (1, TUESDAY), (3, WEDNESDAY), (1, WEDNESDAY)]


def test_a_day_is_seen_without_what_came_after() -> None:
    """Asked about Tuesday, Wednesday's check-ins and newcomers are not counted."""
    numbers = week_numbers(WEEK, ROWS, TUESDAY)

    assert numbers.enrolled == 2
    assert dict(numbers.by_day) == {MONDAY: 2, TUESDAY: 1}
    assert numbers.rate == 0.5
    assert dict(numbers.people_by_longest) == {1: 1, 2: 1}


def test_days_without_a_check_in_are_zero() -> None:
    """After the week each of its seven days has a number, and today counts nothing."""
    numbers = week_numbers(WEEK, ROWS, date(2026, 3, 10))

    assert list(numbers.by_day.values()) == [2, 1, 2, 0, 0, 0, 0]
    assert numbers.today == 0
    assert numbers.rate == 0.0


def test_nobody_enrolled_has_no_rate() -> None:
    """Without anybody enrolled the rate is blank, never 0."""
    assert week_numbers(WEEK, [], MONDAY).rate is None
