"""
Orders, and the codes by which they and clicks are recognised.

An order is one row by its source and number for ever. Which campaign it belongs to is decided by the conversion rules;
here it is only kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from qunflow.store.coupons import as_issued
from qunflow.store.rows import chunks, upsert
from qunflow.store.tables import coupons, orders, short_links

SOURCE = "inbox:order"


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order; money in fen, ``source_key`` is the shop's order number."""

    community: str
    source: str
    source_key: str
    person_id: int | None
    group_id: int | None
    campaign: str
    amount_fen: int
    paid_at: datetime
    refunded_fen: int
    short_code: str
    coupon_code: str


@dataclass(frozen=True, slots=True)
class LinkRow:
    """Where a short link was shown."""

    code: str
    community: str
    campaign: str
    slot_key: str
    group_id: int | None


@dataclass(frozen=True, slots=True)
class CouponRow:
    """A coupon code; ``event_key`` says what it was given for, once."""

    code: str
    offer_key: str
    community: str
    person_id: int | None
    event_key: str


def known_orders(conn: Connection, numbers: Iterable[str], source: str = SOURCE) -> dict[str, OrderRow]:
    """The orders with these numbers."""
    found: dict[str, OrderRow] = {}
    for part in chunks(set(numbers)):
        query = _orders().where(orders.c.source == source, orders.c.source_key.in_(part))
        found.update({row.source_key: OrderRow(*row) for row in conn.execute(query)})
    return found


def keep_orders(conn: Connection, rows: Sequence[OrderRow]) -> None:
    """Write orders down as they stand now; the same number is the same row."""
    plain = [{name: getattr(row, name) for name in OrderRow.__slots__} for row in rows]
    upsert(conn, orders, plain, key=("source", "source_key"))


def orders_of(conn: Connection, community: str, campaign: str) -> list[OrderRow]:
    """The orders of one campaign, oldest first."""
    query = _orders().where(orders.c.community == community, orders.c.campaign == campaign)
    return [OrderRow(*row) for row in conn.execute(query.order_by(orders.c.paid_at, orders.c.source_key))]


def links_by_code(conn: Connection, codes: Iterable[str]) -> dict[str, LinkRow]:
    """The short links with these codes."""
    found: dict[str, LinkRow] = {}
    for part in chunks(set(codes)):
        query = select(*(short_links.c[name] for name in LinkRow.__slots__)).where(short_links.c.code.in_(part))
        found.update({row.code: LinkRow(*row) for row in conn.execute(query)})
    return found


def coupons_by_code(conn: Connection, codes: Iterable[str]) -> dict[str, CouponRow]:
    """The coupons with these codes, each under the code as it was written; look-alikes are understood."""
    issued = {code: as_issued(code) for code in codes}
    found: dict[str, CouponRow] = {}
    for part in chunks({*issued, *issued.values()}):
        query = select(*(coupons.c[name] for name in CouponRow.__slots__)).where(coupons.c.code.in_(part))
        found.update({row.code: CouponRow(*row) for row in conn.execute(query)})
    named = {code: found.get(code) or found.get(kept) for code, kept in issued.items()}
    return {code: row for code, row in named.items() if row}


def unattributed(conn: Connection, community: str, paid_since: datetime) -> list[OrderRow]:
    """Orders of a community that belong to no campaign yet, paid at or after an instant."""
    query = _orders().where(orders.c.community == community, orders.c.campaign == "", orders.c.paid_at >= paid_since)
    return [OrderRow(*row) for row in conn.execute(query.order_by(orders.c.paid_at, orders.c.source_key))]


def link_slots(conn: Connection, community: str, campaign: str) -> set[tuple[str, int]]:
    """The slots and groups (slot key, group id) for which a campaign has short links."""
    query = select(short_links.c.slot_key, short_links.c.group_id).where(
        short_links.c.community == community, short_links.c.campaign == campaign, short_links.c.group_id.is_not(None)
    )
    return {(row.slot_key, row.group_id) for row in conn.execute(query)}


def _orders() -> Select[Any]:
    return select(*(orders.c[name] for name in OrderRow.__slots__))
