"""The week of a challenge."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from qunflow.weekly_activity.challenge import Challenge, challenge_of_week, is_decided, is_opening_day

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 3, 2)
WEEK = Challenge("checkin-week-2026-W10", "打卡周", MONDAY, date(2026, 3, 8), 5)


@pytest.mark.parametrize("offset", range(7))
def test_every_day_of_a_week_names_the_same_challenge(offset: int) -> None:
    """A challenge opens on Monday and closes on Sunday, and each day between belongs to it."""
    day = MONDAY + timedelta(days=offset)

    assert challenge_of_week(day, sop="checkin-week", title="打卡周", points_per_checkin=5) == WEEK
    assert WEEK.takes(day)
    assert WEEK.day_number(day) == offset + 1
    assert is_opening_day(day) is (offset == 0)


def test_the_next_week_is_another_challenge() -> None:
    """The Monday after has its own key, and last week's challenge takes it no more."""
    after = challenge_of_week(date(2026, 3, 9), sop="checkin-week", title="打卡周", points_per_checkin=5)

    assert after.key == "checkin-week-2026-W11"
    assert not WEEK.takes(date(2026, 3, 9))


def test_a_week_over_new_year_keeps_one_name() -> None:
    """The week of 29 December 2025 is one week, named by its ISO year."""
    first = challenge_of_week(date(2025, 12, 29), sop="w", title="", points_per_checkin=1)
    last = challenge_of_week(date(2026, 1, 4), sop="w", title="", points_per_checkin=1)

    assert first == last
    assert first.key == "w-2026-W01"


@pytest.mark.parametrize(
    ("now", "decided"),
    [
        (datetime(2026, 3, 8, 11, 59, tzinfo=UTC), False),
        (datetime(2026, 3, 8, 12, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 9, 1, 0, tzinfo=UTC), True),
    ],
)
def test_awards_wait_for_sunday_evening(now: datetime, decided: bool) -> None:
    """Nothing is awarded before Sunday 20:00 in the community's zone."""
    assert is_decided(WEEK, now, SHANGHAI) is decided
