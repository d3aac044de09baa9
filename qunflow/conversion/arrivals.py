"""
Which clicks and orders can be used, and why the others cannot: rows for the input check.

Leaves reading the inbox and looking up links to the tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from qunflow.conversion.attribution import Source
from qunflow.conversion.orders import Click, Order

# Clocks of two machines differ a little; more than this is a clock in the future.
CLOCK_SLACK = timedelta(minutes=5)
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class OrderArrival:
    """An order hook as it came: the order, or the reason why it is none, and what it says of who bought."""

    inbox_id: int
    received_at: datetime
    order: Order | None
    reason: str
    external_userid: str = field(default="", repr=False)
    unionid: str = field(default="", repr=False)
    openid: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


def problem_with_click(click: Click, links: Mapping[str, Source], now: datetime) -> str:
    """Why a click cannot be used, or ""."""
    if click.at is None:
        return "unreadable"
    if click.code not in links:
        return "unknown_code"
    return "in_the_future" if click.at > now + CLOCK_SLACK else ""


def problem_with_order(arrival: OrderArrival, now: datetime) -> str:
    """Why an order cannot be used, or ""."""
    if arrival.order is None:
        return arrival.reason
    return "in_the_future" if arrival.order.paid_at > now + CLOCK_SLACK else ""


def click_rows(
    clicks: Iterable[Click], received: Mapping[int, datetime], links: Mapping[str, Source], now: datetime
) -> list[dict[str, object]]:
    """Clicks as rows of the input check; ``received`` is when each inbox row came in."""
    return [
        _row(one.inbox_id, "click", problem_with_click(one, links, now), received[one.inbox_id], one.at)
        for one in clicks
    ]


def order_rows(arrivals: Iterable[OrderArrival], now: datetime) -> list[dict[str, object]]:
    """Orders as rows of the input check."""
    rows = []
    for one in arrivals:
        paid_at = one.order.paid_at if one.order else None
        row = _row(one.inbox_id, "order", problem_with_order(one, now), one.received_at, paid_at)
        money = (one.order.amount_fen, one.order.refunded_fen) if one.order else (0, 0)
        rows.append({**row, "amount_fen": money[0], "refunded_fen": money[1]})
    return rows


def _row(inbox_id: int, kind: str, reason: str, received: datetime, happened: datetime | None) -> dict[str, object]:
    late = (received - happened).total_seconds() / _DAY_S if happened else None
    return {
        "inbox_id": inbox_id,
        "kind": kind,
        "reason": reason,
        "amount_fen": 0,
        "refunded_fen": 0,
        "days_late": late,
    }


@dataclass(frozen=True, slots=True)
class Incoming:
    """
    What came in for one community and is not used yet.

    ``received`` is when each inbox row came in; ``links`` are the known short links by code, with the slot each stands
    in; ``people`` the persons behind the clicks' actors, as far as they are known.
    """

    clicks: tuple[Click, ...] = ()
    orders: tuple[OrderArrival, ...] = ()
    received: Mapping[int, datetime] = field(default_factory=dict)
    links: Mapping[str, Source] = field(default_factory=dict)
    people: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.clicks) + len(self.orders)

    def rows(self, now: datetime) -> list[dict[str, object]]:
        """Everything as rows of the input check."""
        return [*click_rows(self.clicks, self.received, self.links, now), *order_rows(self.orders, now)]
