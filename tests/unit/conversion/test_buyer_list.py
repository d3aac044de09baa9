"""Who is likely to buy, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.conversion.buyers import CONDITIONS, Reason, list_buyers, score
from qunflow.conversion.features import Features

QUIET = Features(1, active_days=1, clicks=0, checkins=0, replies=0, orders=0, amount_fen=0, recency_days=20)
KEEN = Features(2, active_days=9, clicks=3, checkins=4, replies=2, orders=2, amount_fen=12_000, recency_days=0)


@pytest.mark.parametrize(
    ("change", "points", "reason"),
    [
        ({"orders": 1, "amount_fen": 2990}, 30, Reason("bought", 1, 2990)),
        ({"clicks": 1}, 25, Reason("clicked", 1)),
        ({"checkins": 1, "replies": 1}, 20, Reason("took_part", 2)),
        ({"active_days": 3}, 15, Reason("active", 3)),
        ({"recency_days": 7}, 10, Reason("seen_lately", 7)),
    ],
)
def test_each_condition_alone(change: dict[str, int], points: int, reason: Reason) -> None:
    """Every condition has its points and a reason with the number that was seen."""
    assert score(replace(QUIET, **change)) == (points, (reason,))


@pytest.mark.parametrize("change", [{"checkins": 1}, {"active_days": 2}, {"recency_days": 8}])
def test_just_below_a_condition_is_nothing(change: dict[str, int]) -> None:
    """One less than a condition asks for is worth nothing and gives no reason."""
    assert score(replace(QUIET, **change)) == (0, ())


def test_all_conditions_make_a_hundred() -> None:
    """Five conditions, a hundred points, the weightiest reason first."""
    points, reasons = score(KEEN)

    assert points == 100 == sum(condition.points for condition in CONDITIONS)
    assert [reason.condition for reason in reasons] == ["bought", "clicked", "took_part", "active", "seen_lately"]


def test_the_list_is_best_first_with_its_tiers() -> None:
    """Ordered by score, then number; who spent enough in the window is a high spender."""
    middling = replace(KEEN, person_id=3, orders=0, amount_fen=0)

    buyers = list_buyers(
        [middling, QUIET, KEEN], members={1, 2, 3}, suppressed=(), least_score=30, high_spender_fen=10_000
    )

    assert [(one.person_id, one.score, one.tier) for one in buyers] == [(2, 100, "high"), (3, 70, "low")]


def test_who_opted_out_or_left_is_never_listed() -> None:
    """However keen, a person who opted out, has an open case or is in no group is not on the list."""
    assert list_buyers([KEEN], members={2}, suppressed={2}, least_score=1, high_spender_fen=1) == ()
    assert list_buyers([KEEN], members={1}, suppressed=(), least_score=1, high_spender_fen=1) == ()


counts = st.integers(0, 40)


@given(
    st.lists(
        st.builds(Features, counts, counts, counts, counts, counts, counts, st.integers(0, 10**6), st.integers(0, 29)),
        max_size=20,
    ),
    st.sets(counts),
    st.sets(counts),
    st.integers(0, 100),
)
def test_nobody_is_listed_without_a_reason(
    people: list[Features], members: set[int], suppressed: set[int], least: int
) -> None:
    """Every listed person is a member, not suppressed, has enough points and at least one reason."""
    for buyer in list_buyers(
        people, members=members, suppressed=suppressed, least_score=least, high_spender_fen=10_000
    ):
        assert buyer.person_id in members - suppressed
        assert buyer.score >= max(least, 1)
        assert 1 <= len(buyer.reasons) <= 5
