"""Copy about sales speaks of real orders, or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from qunflow.daily_content.progress import PaidOrder, live_variables
from qunflow.settings.workspace import Offer

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEDNESDAY = date(2026, 3, 4)
ORANGE = Offer(
    key="orange", name="砂糖橘", price_fen=2990, old_price_fen=3990, stock=2, url="https://shop.example.com/o"
)


def order(day: int, hour: int = 12) -> PaidOrder:
    return PaidOrder(datetime(2026, 3, day, hour, tzinfo=SHANGHAI).astimezone(UTC), 2990)


def test_sold_and_left_are_of_the_day_and_the_week_begins_on_monday() -> None:
    """Sunday's order belongs to the week before; today's count against the stock."""
    known = live_variables([order(1), order(2), order(4), order(5)], ORANGE, WEDNESDAY, SHANGHAI)

    assert known == {"sold": 1, "left": 1, "week": {"orders": 2, "saved": "20"}}


def test_nothing_sold_says_nothing() -> None:
    """A report of zero sales is not sent: the variable is missing."""
    assert live_variables([], ORANGE, WEDNESDAY, SHANGHAI) == {}
    assert "sold" not in live_variables([order(2)], ORANGE, WEDNESDAY, SHANGHAI)


def test_what_is_left_is_never_negative() -> None:
    """More orders than stock is the shop's problem, not a negative number in a group."""
    assert live_variables([order(4)] * 3, ORANGE, WEDNESDAY, SHANGHAI)["left"] == 0
