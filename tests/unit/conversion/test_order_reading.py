"""Orders and clicks as they come in."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.conversion.orders import Click, Order, merge, read_click, read_order

PAID_AT = datetime(2026, 3, 7, 4, 30, tzinfo=UTC)
BODY: dict[str, Any] = {
    "order_no": "A1",
    "amount_fen": 2990,
    "paid_at": "2026-03-07T12:30:00+08:00",
    "status": "paid",
    "link_code": "abcdefghij",
    "coupon": "orange3",
}


def test_a_paid_order() -> None:
    """Money stays in fen, the time becomes UTC, the codes are kept for attribution."""
    assert read_order(BODY) == Order("A1", 2990, PAID_AT, 0, "abcdefghij", "orange3")


@pytest.mark.parametrize(
    ("given_back", "refunded"), [({"refunded_fen": 990}, 990), ({}, 2990), ({"refunded_fen": None}, 2990)]
)
def test_a_refund(given_back: dict[str, Any], refunded: int) -> None:
    """A refund in part keeps its amount; one without an amount is a refund in full."""
    order = read_order({**BODY, "status": "refunded", **given_back})

    assert isinstance(order, Order)
    assert order.refunded_fen == refunded


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"order_no": ""}, "no_order_number"),
        ({"order_no": "x" * 121}, "no_order_number"),
        ({"status": "shipped"}, "unknown_status"),
        ({"amount_fen": -1}, "bad_amount"),
        ({"amount_fen": "29.90"}, "bad_amount"),
        ({"amount_fen": True}, "bad_amount"),
        ({"amount_fen": 10**12}, "bad_amount"),
        ({"paid_at": "2026-03-07 12:30"}, "bad_time"),
        ({"paid_at": "yesterday"}, "bad_time"),
        ({"paid_at": "0001-01-01T00:00:00+14:00"}, "bad_time"),
        ({"paid_at": 1_772_000_000}, "bad_time"),
        ({"status": "refunded", "refunded_fen": 2991}, "bad_refund"),
    ],
)
def test_a_bad_order_says_why(change: dict[str, Any], reason: str) -> None:
    """What cannot be read is refused with a reason, never guessed."""
    assert read_order({**BODY, **change}) == reason


def test_a_code_that_cannot_be_ours_is_dropped() -> None:
    """An over-long code does not cost the order, only its trace."""
    order = read_order({**BODY, "link_code": "x" * 33})

    assert isinstance(order, Order)
    assert order.short_code == ""


def test_a_click() -> None:
    """A click may be anonymous, and an unreadable time is None instead of a guess."""
    assert read_click(3, {"code": "c", "actor": "wm1", "at": "2026-03-07T04:30:00+00:00"}) == Click(
        3, "c", "wm1", PAID_AT
    )
    assert read_click(4, {"code": "c", "actor": None, "at": "soon"}) == Click(4, "c", "", None)


refunds = st.sampled_from([0, 500, 2990])


@given(st.lists(refunds, min_size=1, max_size=4))
def test_any_order_of_arrival_is_one_order(given_back: list[int]) -> None:
    """Paid and refunded messages repeated and shuffled end in the same order: a refund never shrinks."""
    messages = [Order("A1", 2990, PAID_AT, refunded, "abcdefghij" if refunded else "") for refunded in given_back]
    ends = set()
    for sequence in permutations(messages):
        known: Order | None = None
        for message in (*sequence, sequence[0]):
            known = merge(known, message)
        ends.add(known)

    assert len(ends) == 1
    assert ends.pop().refunded_fen == max(given_back)  # type: ignore[union-attr]


def test_what_was_found_out_stays() -> None:
    """A later message without traces does not take away the person or campaign already found."""
    known = Order("A1", 2990, PAID_AT, person_id=7, group_id=1, campaign="spring")

    merged = merge(known, Order("A1", 2990, PAID_AT, refunded_fen=2990))

    assert (merged.person_id, merged.group_id, merged.campaign, merged.refunded_fen) == (7, 1, "spring", 2990)
