"""The life of a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.conversion.campaign import (
    CLOSED,
    GO,
    HELD,
    HOLD,
    OFFERED,
    PLANNED,
    REWORD,
    WARMED_UP,
    WarmUp,
    campaigns_on,
    judge,
    next_state,
    reserves_mass_task,
    response_rate,
)


@dataclass(frozen=True)
class Plan:
    key: str = "spring"
    warm_up_on: date = date(2026, 3, 5)
    offer_on: date = date(2026, 3, 7)
    closes_on: date = date(2026, 3, 8)


@dataclass(frozen=True)
class Town:
    campaigns: tuple[Plan, ...] = (Plan(),)


@dataclass(frozen=True)
class Group:
    key: str = "g1"


@pytest.mark.parametrize(
    ("state", "day", "warmed_up", "decision", "becomes"),
    [
        (PLANNED, 4, False, HOLD, PLANNED),
        (PLANNED, 5, False, HOLD, PLANNED),
        (PLANNED, 6, True, HOLD, WARMED_UP),
        (WARMED_UP, 6, True, HOLD, WARMED_UP),
        (WARMED_UP, 7, True, GO, OFFERED),
        (WARMED_UP, 7, True, REWORD, OFFERED),
        (WARMED_UP, 7, True, HOLD, HELD),
        (PLANNED, 7, True, GO, OFFERED),
        (PLANNED, 7, False, GO, HELD),
        (PLANNED, 9, True, GO, HELD),
        (OFFERED, 8, True, HOLD, OFFERED),
        (OFFERED, 9, True, GO, CLOSED),
        (HELD, 7, True, GO, HELD),
        (CLOSED, 7, True, GO, CLOSED),
    ],
)
def test_where_a_campaign_stands(state: str, day: int, warmed_up: bool, decision: Any, becomes: str) -> None:
    """Each day a campaign takes the one step its warm-up and dates allow."""
    assert next_state(state, Plan(), date(2026, 3, day), warmed_up=warmed_up, decision=decision) == becomes


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([GO, REWORD, HOLD])), min_size=12, max_size=12))
def test_no_offer_without_a_warm_up(days: list[tuple[bool, Any]]) -> None:
    """Whatever the days bring, no offer before a warm-up was delivered, before its day or after closing."""
    state, delivered = PLANNED, False
    for offset, (more, decision) in enumerate(days):
        day, before = date(2026, 3, 1) + timedelta(days=offset), state
        delivered = delivered or more
        state = next_state(state, Plan(), day, warmed_up=delivered, decision=decision)
        if state == OFFERED and before != OFFERED:
            assert delivered
            assert decision != HOLD
            assert Plan().offer_on <= day <= Plan().closes_on


@given(st.sampled_from([PLANNED, WARMED_UP, OFFERED, CLOSED, HELD]), st.integers(1, 12), st.booleans())
def test_the_same_day_twice_changes_nothing(state: str, day: int, warmed_up: bool) -> None:
    """A second run of a day with the same facts leaves the campaign where the first put it."""
    on = date(2026, 3, day)
    once = next_state(state, Plan(), on, warmed_up=warmed_up, decision=GO)

    assert next_state(once, Plan(), on, warmed_up=warmed_up, decision=GO) == once


@pytest.mark.parametrize(
    ("rate", "past", "decision", "reason"),
    [
        (None, [0.1], HOLD, "no_warm_up"),
        (0.10, [0.05, 0.10, 0.30], GO, "at_least_usual"),
        (0.09, [0.05, 0.10, 0.30], REWORD, "below_usual"),
        (0.05, [0.05, 0.10, 0.30], REWORD, "below_usual"),
        (0.04, [0.05, 0.10, 0.30], HOLD, "far_below_usual"),
        (0.15, [0.10, 0.20], GO, "at_least_usual"),
        (0.01, [], GO, "first_answered"),
        (0.0, [], REWORD, "first_silent"),
    ],
)
def test_the_evening_decision(rate: float | None, past: list[float], decision: str, reason: str) -> None:
    """The answers are weighed against the median of earlier campaigns: go, other words, or wait."""
    verdict = judge(rate, past)

    assert (verdict.decision, verdict.reason) == (decision, reason)


def test_responses_never_exceed_the_group() -> None:
    """Who answered and clicked may be the same person: the sum is capped by the members of the group."""
    assert WarmUp(1, True, replies=30, clickers=25, members=40).responses == 40
    assert WarmUp(1, True, replies=3, clickers=2, members=40).responses == 5


def test_a_group_without_warm_up_is_left_out_of_the_rate() -> None:
    """A group whose warm-up was never delivered does not spoil the rate; without any there is none."""
    warm_ups = [WarmUp(1, True, 10, 0, 100), WarmUp(2, False, 0, 0, 100), WarmUp(3, True, 0, 30, 100)]

    assert response_rate(warm_ups) == 0.2
    assert response_rate([WarmUp(2, False, 0, 0, 100)]) is None


@pytest.mark.parametrize(("day", "reserved"), [(5, False), (6, False), (7, True), (8, True), (9, False)])
def test_a_campaign_reserves_its_mass_tasks(day: int, reserved: bool) -> None:
    """On the day of the offer and the closing day the group's one mass task belongs to the campaign."""
    assert reserves_mass_task(Town(), Group(), date(2026, 3, day)) is reserved


def test_a_held_campaign_gives_the_day_back() -> None:
    """When it is known that nothing will be offered, daily content keeps its mass task."""
    assert reserves_mass_task(Town(), Group(), date(2026, 3, 7), states={"spring": "warmed_up"})
    assert not reserves_mass_task(Town(), Group(), date(2026, 3, 7), states={"spring": "held"})
    assert not reserves_mass_task(Town(campaigns=()), Group(), date(2026, 3, 7))


def test_days_on_which_a_campaign_has_work() -> None:
    """From the first day of the warm-up to the day after closing, when what came of it is counted."""
    busy = [day for day in range(1, 15) if campaigns_on([Plan()], date(2026, 3, day))]

    assert busy == [5, 6, 7, 8, 9]
