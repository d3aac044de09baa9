"""
Whose work an order is: the campaign and group behind its short link, else its coupon, else its buyer.

The strongest trace wins and is named, so that a figure can say how it was counted. Leaves finding links, coupons and
memberships to the tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from qunflow.conversion.orders import Order

LINK, COUPON, WINDOW, NOTHING = "link", "coupon", "window", "none"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a code was shown: ``campaign`` "" is an everyday push, ``group_id`` None no group."""

    community: str
    campaign: str
    group_id: int | None
    slot: str = ""


@dataclass(frozen=True, slots=True)
class OfferWindow:
    """An offer really delivered to a group, and until when an order of its members counts for it."""

    community: str
    campaign: str
    group_id: int
    delivered_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Traces:
    """Everything an order can be recognised by: sources by code, offers delivered, and who is in which groups."""

    links: Mapping[str, Source]
    coupons: Mapping[str, Source]
    windows: Collection[OfferWindow]
    groups_of: Mapping[int, Collection[int]]


@dataclass(frozen=True, slots=True)
class Attribution:
    """What an order belongs to, and by which trace: link, coupon, window or none."""

    by: str
    source: Source | None


def attribute(order: Order, traces: Traces) -> Attribution:
    """Find the campaign and group of an order: short link, then coupon, then buyer within an offer's window."""
    if order.short_code in traces.links:
        return Attribution(LINK, traces.links[order.short_code])
    if order.coupon_code in traces.coupons:
        return Attribution(COUPON, traces.coupons[order.coupon_code])
    window = _window(order, traces)
    if window is not None:
        return Attribution(WINDOW, Source(window.community, window.campaign, window.group_id))
    return Attribution(NOTHING, None)


def _window(order: Order, traces: Traces) -> OfferWindow | None:
    """The latest offer that reached the buyer before paying; two at the same instant go to the smaller group number."""
    theirs = traces.groups_of.get(order.person_id, ()) if order.person_id else ()
    fitting = [
        window
        for window in traces.windows
        if window.group_id in theirs and window.delivered_at <= order.paid_at < window.until
    ]
    return max(fitting, key=lambda window: (window.delivered_at, -window.group_id), default=None)
