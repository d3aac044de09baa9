"""Leave alarms that separate: growth does not ring, size does not ring, a trickle does."""

from __future__ import annotations

import random
from datetime import date
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qunflow.retention.care.alarms import Limits, alarms_of, allowed_pace, chance_of_run
from qunflow.retention.health import GroupCounts

LIMITS = Limits(new_group_d7=0.15, old_group_month=0.10, leave_streak_days=3)
OLD, THROUGH = date(2026, 1, 1), date(2026, 3, 31)


def test_newcomers_who_leave_do_not_make_a_growing_old_group_ring() -> None:
    """Thirty leavers of a month ring over 100 members only if they were among those hundred."""
    growing = GroupCounts(1, members=170, members_before=100, leavers_month=30, leavers_of_before=8)
    shrinking = GroupCounts(1, members=70, members_before=100, leavers_month=30, leavers_of_before=30)

    assert [alarms_of(one, OLD, THROUGH, LIMITS)[0].fires for one in (growing, shrinking)] == [False, True]


def test_a_run_rings_in_a_small_group_and_not_in_a_large_one() -> None:
    """Somebody leaves a group of 2,000 every day at the allowed pace; in a group of 60 a week of that is no chance."""
    small = GroupCounts(1, members=60, leave_streak_days=6, leavers_in_streak=6)
    large = GroupCounts(1, members=2_000, leave_streak_days=6, leavers_in_streak=30)

    assert [alarms_of(one, OLD, THROUGH, LIMITS)[1].fires for one in (small, large)] == [True, False]


def test_many_leavers_in_a_run_ring_where_the_days_alone_would_not() -> None:
    """Three days in a group of 300 are ordinary with one leaver each, and not with five each."""
    few = GroupCounts(1, members=300, leave_streak_days=3, leavers_in_streak=3)
    many = GroupCounts(1, members=300, leave_streak_days=3, leavers_in_streak=15)

    assert [alarms_of(one, OLD, THROUGH, LIMITS)[1].fires for one in (few, many)] == [False, True]


def test_an_alarm_tells_how_far_it_may_be_luck() -> None:
    """Three of 25 and 120 of 1,000 are 12 % both; only the second is surely over 10 %."""
    few = GroupCounts(1, members_before=25, leavers_of_before=3)
    many = GroupCounts(1, members_before=1_000, leavers_of_before=120)

    small, large = (alarms_of(one, OLD, THROUGH, LIMITS)[0] for one in (few, many))
    assert (small.fires, large.fires) == (True, True)
    assert (small.chance, large.chance) == (pytest.approx(0.463, abs=0.001), pytest.approx(0.022, abs=0.001))


def test_the_chance_can_be_switched_off() -> None:
    """At 1 every run of the length rings, as before."""
    large = GroupCounts(1, members=2_000, leave_streak_days=3, leavers_in_streak=9)

    assert alarms_of(large, OLD, THROUGH, Limits(0.15, 0.10, 3, leave_streak_chance=1.0))[1].fires


@pytest.mark.parametrize(("days", "leavers", "pace"), [(2, 3, 0.7), (4, 9, 1.3), (3, 3, 0.2)])
def test_the_chance_of_a_run_is_what_happens(days: int, leavers: int, pace: float) -> None:
    """The closed sum agrees with 40,000 simulated runs."""
    dice = random.Random(20260331)
    hits = 0
    for _ in range(40_000):
        seen = [_poisson(dice, pace) for _ in range(days)]
        hits += min(seen) >= 1 and sum(seen) >= leavers

    assert chance_of_run(days, leavers, pace) == pytest.approx(hits / 40_000, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(days=st.integers(1, 40), more=st.integers(0, 60), pace=st.floats(0.001, 6))
def test_a_longer_or_larger_run_is_never_likelier(days: int, more: int, pace: float) -> None:
    """Between 0 and 1, falling with each leaver; for one leaver a day it is the plain power."""
    chance = chance_of_run(days, days + more, pace)

    assert 0 <= chance <= 1
    assert chance_of_run(days, days + more + 1, pace) <= chance + 1e-12
    assert chance_of_run(days, days, pace) == pytest.approx((1 - exp(-pace)) ** days, abs=1e-9)


def test_at_the_allowed_pace_an_alarm_of_the_run_is_rare() -> None:
    """A group that loses just what the limits allow rings on under one day in twenty, whatever its size."""
    dice = random.Random(7)
    for members in (60, 150, 400):
        counts = GroupCounts(1, members=members)
        pace, run, people, rings = allowed_pace(counts, LIMITS), 0, 0, 0
        for _ in range(6_000):
            left = _poisson(dice, pace)
            run, people = (run + 1, people + left) if left else (0, 0)
            rings += run >= 3 and chance_of_run(run, people, pace) <= LIMITS.leave_streak_chance
        assert rings / 6_000 < 0.05, members


def _poisson(dice: random.Random, pace: float) -> int:
    count, left = 0, dice.expovariate(1.0)
    while left < pace:
        count += 1
        left += dice.expovariate(1.0)
    return count
