"""
What orders belong to: known orders merged with what arrives, and everything by which a campaign can be recognised.

The rules are those of ``qunflow.conversion``; here they get their rows. Orders come by hook and by file alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from sqlalchemy import Connection

from qunflow.clock import day_bounds
from qunflow.conversion.attribution import OfferWindow, Source, Traces, attribute
from qunflow.conversion.orders import Order, merge
from qunflow.settings.workspace import Community
from qunflow.store import campaigns
from qunflow.store import orders as kept
from qunflow.store.orders import OrderRow


def with_known(conn: Connection, arrived: Collection[Order]) -> dict[str, Order]:
    """Arrived orders merged with each other and with what is known of them, by number."""
    known = {number: order_of(row) for number, row in kept.known_orders(conn, {one.number for one in arrived}).items()}
    for one in arrived:
        known[one.number] = merge(known.get(one.number), one)
    return known


def attributed(conn: Connection, community: Community, orders: Iterable[Order]) -> list[Order]:
    """The same orders, each with the campaign and group it belongs to if one is found."""
    listed = list(orders)
    traces = traces_of(conn, community, listed)
    found = [(one, attribute(one, traces).source) for one in listed]
    return [replace(one, campaign=at.campaign, group_id=at.group_id) if at else one for one, at in found]


def sources_of_links(conn: Connection, codes: Collection[str]) -> dict[str, Source]:
    """Where short links were shown, by code."""
    found = kept.links_by_code(conn, {code for code in codes if code})
    return {code: Source(row.community, row.campaign, row.group_id, row.slot_key) for code, row in found.items()}


def traces_of(conn: Connection, community: Community, orders: Iterable[Order]) -> Traces:
    """Everything these orders can be recognised by."""
    listed = list(orders)
    coupons = kept.coupons_by_code(conn, {one.coupon_code for one in listed if one.coupon_code})
    groups = campaigns.members_by_group(conn, community.key)
    groups_of: dict[int, set[int]] = defaultdict(set)
    for group_id, people in groups.items():
        for person_id in people:
            groups_of[person_id].add(group_id)
    return Traces(
        links=sources_of_links(conn, {one.short_code for one in listed}),
        coupons={code: source for code, row in coupons.items() if (source := coupon_source(row.event_key))},
        windows=_windows(conn, community),
        groups_of=groups_of,
    )


def coupon_key(community: str, campaign: str, group_id: int) -> str:
    """What the coupon of a campaign in a group is given for: one code a group."""
    return f"offer/{community}/{campaign}/{group_id}"


def coupon_source(event_key: str) -> Source | None:
    """The campaign and group behind a coupon's reason; None for one given for something else."""
    kind, *parts = event_key.split("/")
    return Source(parts[0], parts[1], int(parts[2])) if kind == "offer" and len(parts) == 3 else None


def _windows(conn: Connection, community: Community) -> list[OfferWindow]:
    """The first time each offer reached each group, open until the end of the campaign's last day."""
    planned = campaigns.campaigns_of(conn, community.key)
    until = {row.key: day_bounds(row.closes_on, community.zone_info)[1] for row in planned}
    first: dict[tuple[str, int], OfferWindow] = {}
    slots = {campaign: kept.link_slots(conn, community.key, campaign) for campaign in until}
    for one in campaigns.delivered_messages(conn, community.key):
        place = (one.campaign, one.group_id)
        if one.campaign in until and (one.slot_key, one.group_id) in slots[one.campaign] and place not in first:
            first[place] = OfferWindow(community.key, *place, one.delivered_at, until[one.campaign])
    return list(first.values())


def order_of(row: OrderRow) -> Order:
    """An order as the rules know it."""
    return Order(
        row.source_key,
        row.amount_fen,
        row.paid_at,
        row.refunded_fen,
        row.short_code,
        row.coupon_code,
        row.person_id,
        row.group_id,
        row.campaign,
    )


def row_of(community: str, one: Order) -> OrderRow:
    """An order as the store keeps it."""
    return OrderRow(
        community=community,
        source=kept.SOURCE,
        source_key=one.number,
        person_id=one.person_id,
        group_id=one.group_id,
        campaign=one.campaign,
        amount_fen=one.amount_fen,
        paid_at=one.paid_at,
        refunded_fen=one.refunded_fen,
        short_code=one.short_code,
        coupon_code=one.coupon_code,
    )
