"""Health and alarms of groups: which numbers make them, and where they go off."""

from __future__ import annotations

from datetime import date

import pytest

from qunflow.retention.care.alarms import LEAVE_STREAK, NEW_GROUP_D7, OLD_GROUP_MONTH, Limits, alarms_of
from qunflow.retention.health import GroupCounts, health_of, streak_of

LIMITS = Limits(new_group_d7=0.15, old_group_month=0.10, leave_streak_days=3)
THROUGH = date(2026, 3, 31)
OLD, NEW = date(2026, 1, 1), date(2026, 3, 2)


def counts(**given: int) -> GroupCounts:
    return GroupCounts(group_id=1, **given)


def test_a_group_nobody_leaves_and_everybody_moves_in_is_at_100() -> None:
    """The best group has all points of all four parts."""
    health = health_of(counts(members=10, members_before=10, active_week=3))

    assert health is not None
    assert health.score == 100
    assert (health.stay, health.activity, health.calm, health.growth) == (40, 30, 15, 15)


def test_a_dying_group_is_at_0() -> None:
    """A group that loses people every day, wins none and is silent has no points."""
    dying = counts(members=8, members_before=10, leavers_month=4, leavers_week=4, leave_days_week=7)

    assert health_of(dying).score == 0  # type: ignore[union-attr]


def test_half_of_each_part_is_half_the_health() -> None:
    """Every part falls in proportion."""
    half = counts(
        members=20, members_before=20, leavers_month=2, leavers_week=2, joiners_week=1, leave_days_week=0, active_week=3
    )
    health = health_of(half)

    assert health is not None
    assert (health.stay, health.activity, health.calm, health.growth) == (20, 15, 15, 7.5)
    assert health.score == 58


def test_an_empty_group_has_no_health() -> None:
    """Nobody in it is not the same as ill."""
    assert health_of(counts(members_before=9, leavers_month=9)) is None


@pytest.mark.parametrize(("gone", "of", "fires"), [(15, 100, False), (16, 100, True), (0, 0, None)])
def test_a_new_group_alarms_by_those_gone_by_day_seven(gone: int, of: int, fires: bool | None) -> None:
    """More than 15 % gone by their 7th day rings; exactly 15 % does not; without anybody it cannot be said."""
    leaving, _ = alarms_of(
        counts(settled=of, gone_by_d7=gone, leavers_month=99, members_before=100), NEW, THROUGH, LIMITS
    )

    assert (leaving.rule, leaving.fires, leaving.people, leaving.among) == (NEW_GROUP_D7, fires, gone, of)


@pytest.mark.parametrize(("gone", "of", "fires"), [(10, 100, False), (11, 100, True), (0, 0, None)])
def test_an_old_group_alarms_by_its_month(gone: int, of: int, fires: bool | None) -> None:
    """More than 10 % of a month's starting members rings in a group older than 30 days, or of unknown age."""
    seen = counts(leavers_month=gone, members_before=of, settled=10, gone_by_d7=10)

    for opened_on in (OLD, date(2026, 3, 1), None):
        leaving, _ = alarms_of(seen, opened_on, THROUGH, LIMITS)
        assert (leaving.rule, leaving.fires, leaving.among) == (OLD_GROUP_MONTH, fires, of)


@pytest.mark.parametrize(("days", "fires"), [(2, False), (3, True)])
def test_a_run_of_days_with_leavers_alarms_by_itself(days: int, fires: bool) -> None:
    """A steady trickle rings although the rates are low."""
    _, streak = alarms_of(counts(leave_streak_days=days, members_before=1000), OLD, THROUGH, LIMITS)

    assert (streak.rule, streak.fires, streak.people) == (LEAVE_STREAK, fires, days)


@pytest.mark.parametrize(
    ("days", "expected"),
    [([], 0), ([31], 1), ([29, 30, 31], 3), ([28, 30, 31], 2), ([29, 30], 0)],
)
def test_a_streak_ends_today(days: list[int], expected: int) -> None:
    """A run that was broken, or that ended yesterday, does not count."""
    assert streak_of({date(2026, 3, day) for day in days}, THROUGH) == expected
