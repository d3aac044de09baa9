"""Whose work an order is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from qunflow.conversion.attribution import Attribution, OfferWindow, Source, Traces, attribute
from qunflow.conversion.orders import Order

NOON = datetime(2026, 3, 7, 4, 0, tzinfo=UTC)
CLOSING = datetime(2026, 3, 8, 16, 0, tzinfo=UTC)
BY_LINK = Source("neighbours", "spring", 1)
BY_COUPON = Source("neighbours", "spring", 2)
TRACES = Traces(
    links={"linkcode": BY_LINK},
    coupons={"COUPON": BY_COUPON},
    windows=(
        OfferWindow("neighbours", "spring", 3, NOON, CLOSING),
        OfferWindow("neighbours", "later", 3, NOON + timedelta(hours=2), CLOSING),
    ),
    groups_of={7: {3}, 8: {9}},
)
ORDER = Order("A1", 2990, NOON + timedelta(hours=1), person_id=7)


def test_the_link_is_the_strongest_trace() -> None:
    """A short link wins over the coupon, the coupon over the buyer's groups."""
    assert attribute(replace(ORDER, short_code="linkcode", coupon_code="COUPON"), TRACES) == Attribution(
        "link", BY_LINK
    )
    assert attribute(replace(ORDER, coupon_code="COUPON"), TRACES) == Attribution("coupon", BY_COUPON)
    assert attribute(ORDER, TRACES) == Attribution("window", Source("neighbours", "spring", 3))


@pytest.mark.parametrize(
    ("minutes", "campaign"),
    [(-1, None), (0, "spring"), (119, "spring"), (120, "later"), (36 * 60 - 1, "later"), (36 * 60, None)],
)
def test_a_window_opens_with_delivery_and_shuts_at_closing(minutes: int, campaign: str | None) -> None:
    """Only an order paid after the offer reached the group and before closing counts; the latest offer wins."""
    found = attribute(replace(ORDER, paid_at=NOON + timedelta(minutes=minutes)), TRACES)

    assert (found.source.campaign if found.source else None) == campaign


@pytest.mark.parametrize("person", [None, 8, 99])
def test_a_buyer_who_never_got_the_offer_is_not_counted(person: int | None) -> None:
    """Without a code, an unknown buyer or one from another group belongs to no campaign."""
    assert attribute(replace(ORDER, person_id=person), TRACES) == Attribution("none", None)


def test_an_unknown_code_falls_back_to_the_buyer() -> None:
    """A foreign code neither counts nor hides the weaker trace."""
    assert attribute(replace(ORDER, short_code="foreign", coupon_code="FOREIGN"), TRACES).by == "window"
