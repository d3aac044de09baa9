"""A campaign in numbers."""

from __future__ import annotations

from datetime import UTC, datetime

from qunflow.conversion.campaign import WarmUp
from qunflow.conversion.numbers import campaign_numbers
from qunflow.conversion.orders import Order

AT = datetime(2026, 3, 7, 5, 0, tzinfo=UTC)
WARM_UPS = (WarmUp(1, True, 10, 2, 100), WarmUp(2, False, 0, 0, 50))


def test_people_are_counted_once_and_money_in_full() -> None:
    """Two orders of one person are one payer and all the money; refunds stand beside it."""
    orders = [
        Order("A1", 2990, AT, person_id=7),
        Order("A2", 2990, AT, refunded_fen=2990, person_id=7),
        Order("A3", 3991, AT),
    ]

    numbers = campaign_numbers(WARM_UPS, reached=100, clickers=[7, 7, 8], orders=orders)

    assert (numbers.clickers, numbers.payers, numbers.orders) == (2, 2, 3)
    assert (numbers.revenue_fen, numbers.refunds_fen) == (9971, 2990)
    assert numbers.average_order_fen == 3324
    assert numbers.conversion_rate == 0.02
    assert numbers.click_rate == 0.02
    assert (numbers.responses, numbers.warm_up_members, numbers.warm_up_rate) == (12, 100, 0.12)


def test_before_the_offer_the_rates_are_blank() -> None:
    """Nobody reached and nothing sold is "not due yet", never 0 %."""
    numbers = campaign_numbers((), reached=0, clickers=(), orders=())

    assert numbers.click_rate is None
    assert numbers.conversion_rate is None
    assert numbers.average_order_fen is None
    assert numbers.warm_up_rate is None
