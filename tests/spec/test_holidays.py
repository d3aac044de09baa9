"""Days of rest in China as a table."""

from __future__ import annotations

from datetime import date

import pytest

from qunflow.community.holidays import china, is_rest_day, unknown_years


@pytest.mark.parametrize(
    ("day", "rest"),
    [
        (date(2026, 2, 17), True),  # 春节, a Tuesday
        (date(2026, 2, 14), False),  # a Saturday worked for it
        (date(2026, 3, 4), False),
        (date(2026, 3, 7), True),
        (date(2024, 4, 7), False),  # a Sunday worked for 清明
    ],
)
def test_days_of_rest(day: date, rest: bool) -> None:
    """Holidays, worked weekends and ordinary days."""
    assert is_rest_day(day) is rest


def test_the_communitys_own_days_come_first() -> None:
    """A region with another calendar says so in its settings."""
    assert is_rest_day(date(2026, 3, 4), {date(2026, 3, 4): True})
    assert not is_rest_day(date(2026, 2, 17), {date(2026, 2, 17): False})


def test_a_year_nobody_announced_has_ordinary_weekends_and_is_named() -> None:
    """Beyond the table a Saturday is a day of rest, and the year is told."""
    assert is_rest_day(date(2031, 1, 4))
    assert unknown_years(date(2026, 12, 31), date(2031, 1, 4)) == (2027, 2028, 2029, 2030, 2031)


def test_the_table_has_the_worked_weekends_of_twenty_years() -> None:
    """133 worked days from 2007 to 2026: Saturdays, Sundays, and the Monday of 2020 on which work began again."""
    known = china()
    assert (len(known.years), len(known.worked)) == (20, 133)
    assert [day for day in known.worked if day.weekday() < 5] == [date(2020, 2, 3)]
