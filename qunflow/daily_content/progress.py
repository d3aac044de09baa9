"""
The day's own figures that copy may speak of: sold, left, what the week brought.

They are counted from paid orders of the offer the day is about. Nothing sold yet means there is nothing to report: the
variable stays away, and the slot that needs it waits for a later run of the day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from qunflow.clock import day_bounds
from qunflow.community.offers import yuan
from qunflow.community.wording import Plain
from qunflow.settings.workspace import Offer


@dataclass(frozen=True, slots=True)
class PaidOrder:
    """One paid order that came through one of the community's links."""

    paid_at: datetime
    amount_fen: int


def live_variables(orders: Iterable[PaidOrder], offer: Offer | None, day: date, zone: ZoneInfo) -> dict[str, Plain]:
    """
    What may be said about sales at this moment.

    ``sold`` and ``left`` are orders of the day against the offer's stock (at least 0 left); ``week`` holds ``orders``
    and ``saved`` (yuan against the usual price) since Monday.
    """
    begin, end = day_bounds(day, zone)
    monday = day_bounds(day - timedelta(days=day.weekday()), zone)[0]
    week = [order for order in orders if monday <= order.paid_at < end]
    today = [order for order in week if order.paid_at >= begin]
    if offer is None or not week:
        return {}
    saved = len(week) * max(offer.old_price_fen - offer.price_fen, 0)
    known: dict[str, Plain] = {"week": {"orders": len(week), "saved": yuan(saved)}}
    if today:
        known |= {"sold": len(today), "left": max(offer.stock - len(today), 0)}
    return known
