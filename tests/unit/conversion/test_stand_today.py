"""What a campaign may say today, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from qunflow.conversion.arrivals import Incoming, OrderArrival
from qunflow.conversion.attribution import Source
from qunflow.conversion.campaign import Verdict, WarmUp
from qunflow.conversion.facts import ClickedOn, Reached, offer_clickers, people_reached, warm_ups
from qunflow.conversion.orders import Click, Order
from qunflow.conversion.stand import Stand, clicked_not_bought, copy_names, may_say

OFFER_ON = date(2026, 3, 7)
NOON = datetime(2026, 3, 7, 4, 0, tzinfo=UTC)
GO = Verdict("go", "at_least_usual", 0.1, 0.1)
WARM, COLD = WarmUp(1, True, 5, 0, 50), WarmUp(2, False, 0, 0, 50)


@dataclass(frozen=True)
class Sitting:
    group_id: int
    person_id: int
    joined_at: datetime
    left_at: datetime | None = None


def stand(state: str) -> Stand:
    return Stand("spring", state, GO, (WARM, COLD), OFFER_ON, date(2026, 3, 8))


@pytest.mark.parametrize(
    ("state", "days", "way", "group", "may"),
    [
        ("planned", -2, "hand_send", 2, True),
        ("warmed_up", -1, "hand_send", 2, True),
        ("held", -1, "hand_send", 1, False),
        ("warmed_up", 0, "mass_task", 1, False),
        ("offered", 0, "mass_task", 1, True),
        ("offered", 0, "mass_task", 2, False),
        ("offered", 1, "hand_send", 2, False),
        ("held", 0, "mass_task", 1, False),
        ("closed", 1, "mass_task", 1, False),
        ("closed", 2, "internal", 2, True),
        ("held", 2, "internal", 1, True),
        ("planned", 2, "internal", 1, False),
    ],
)
def test_what_may_be_said(state: str, days: int, way: str, group: int, may: bool) -> None:
    """Warm-ups before the offer, the offer only in warmed-up groups, reviews only for staff."""
    assert may_say(stand(state), days_to_offer=days, way=way, group_id=group) is may


def test_only_those_who_clicked_and_did_not_buy_are_asked() -> None:
    """Payers and people who want to be left alone are not asked what kept them."""
    assert clicked_not_bought({1, 2, 3, 4}, {2}, {3}) == (1, 4)


@pytest.mark.parametrize(
    ("reworded", "coupon", "names"),
    [
        (False, False, ["c/offer.j2", "c/offer.j2"]),
        (True, False, ["c/offer_reword.j2", "c/offer.j2"]),
        (False, True, ["c/offer_coupon.j2", "c/offer.j2"]),
        (True, True, ["c/offer_reword_coupon.j2", "c/offer_reword.j2", "c/offer_coupon.j2", "c/offer.j2"]),
    ],
)
def test_the_fittest_copy_comes_first(reworded: bool, coupon: bool, names: list[str]) -> None:
    """Other words, then the coupon, then the slot's own copy."""
    assert list(copy_names("c/offer.j2", reworded=reworded, coupon=coupon)) == names


def test_a_warm_up_is_what_came_before_the_offer() -> None:
    """The best-answered message of a group counts once; the offer's own answers and clicks do not."""
    reached = [
        Reached("a", 1, date(2026, 3, 5), NOON, 4),
        Reached("b", 1, date(2026, 3, 6), NOON, 7),
        Reached("b", 3, date(2026, 3, 6), NOON, None),
        Reached("offer", 1, OFFER_ON, NOON, 30),
        Reached("offer", 2, OFFER_ON, NOON, 30),
    ]
    clicked = [ClickedOn(9, 1, date(2026, 3, 6)), ClickedOn(9, 1, date(2026, 3, 5)), ClickedOn(8, 1, OFFER_ON)]

    assert warm_ups(reached, clicked, {1: 50, 2: 60}, OFFER_ON) == (
        WarmUp(1, True, 7, 1, 50),
        WarmUp(2, False, 0, 0, 60),
        WarmUp(3, True, 0, 0, 0),
    )
    assert offer_clickers(clicked, OFFER_ON) == {8}


def test_reached_is_who_was_there_when_it_could_be_read() -> None:
    """Who left before or joined later was not reached; who is in two groups was reached once."""
    hour = timedelta(hours=1)
    seats = [
        Sitting(1, 7, NOON - hour),
        Sitting(2, 7, NOON - hour),
        Sitting(1, 8, NOON - hour, NOON),
        Sitting(1, 9, NOON + hour),
        Sitting(2, 9, NOON + hour),
        Sitting(3, 10, NOON - hour),
    ]
    reached = [
        Reached("offer", 1, OFFER_ON, NOON, None),
        Reached("last-call", 1, OFFER_ON, NOON + 2 * hour, None),
        Reached("offer", 2, OFFER_ON, NOON, None),
        Reached("story", 3, OFFER_ON, NOON, None),
    ]

    assert people_reached(reached, {("offer", 1), ("last-call", 1), ("offer", 2)}, seats) == {7}
    assert people_reached([], {("offer", 1)}, seats) == frozenset()


def test_everything_that_came_in_is_a_row_with_its_reason() -> None:
    """Clicks and orders, usable or not, are all shown to the input check."""
    at = datetime(2026, 3, 7, 5, 0, tzinfo=UTC)
    later = datetime(2026, 3, 7, 6, 0, tzinfo=UTC)
    incoming = Incoming(
        clicks=(Click(1, "good", "wm", at), Click(2, "bad", "wm", at), Click(3, "good", "", None)),
        orders=(
            OrderArrival(4, later, Order("A1", 2990, at), ""),
            OrderArrival(5, later, None, "bad_time"),
            OrderArrival(6, later, Order("A2", 2990, datetime(2026, 3, 8, 6, 0, tzinfo=UTC)), ""),
        ),
        received={1: later, 2: later, 3: later},
        links={"good": Source("neighbours", "spring", 1)},
    )

    rows = incoming.rows(later)

    assert [row["reason"] for row in rows] == ["", "unknown_code", "unreadable", "", "bad_time", "in_the_future"]
    assert (len(incoming), rows[0]["days_late"], rows[4]["days_late"]) == (6, pytest.approx(1 / 24), None)
