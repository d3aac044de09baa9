"""
Coupon codes: one a reason, never guessed, used once.

Issuing and redeeming are booked in the ledger in the same transaction, so the number of open coupons is a balance.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select, update

from qunflow.store import ledger
from qunflow.store.rows import chunks, insert_ignore
from qunflow.store.tables import coupons

# Crockford's base 32: no I, L, O or U, so a code survives being read aloud.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# 65 bits: nobody hits a live code by trying.
LENGTH = 13
_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})

Redemption = Literal["redeemed", "used_before", "expired", "unknown"]


@dataclass(frozen=True, slots=True)
class CouponOrder:
    """
    A coupon to be issued.

    Args:
        event_key: the reason; asking again for the same one gives the same code.
        person_id: whose it is; ``None`` for whoever shows it.
    """

    event_key: str
    offer_key: str
    community: str
    person_id: int | None
    expires_at: datetime


def new_code(choice: Callable[[str], str] = secrets.choice) -> str:
    """Thirteen characters from a cryptographic source."""
    return "".join(choice(ALPHABET) for _ in range(LENGTH))


def issue(
    conn: Connection,
    orders: Sequence[CouponOrder],
    at: datetime,
    choice: Callable[[str], str] = secrets.choice,
) -> dict[str, str]:
    """
    Issue coupons.

    Returns:
        event key → code, of new coupons and of those issued before.
    """
    rows = [_row(order, new_code(choice), at) for order in orders]
    insert_ignore(conn, coupons, rows)
    ledger.book_many(conn, [_issued(order) for order in orders], at)
    return codes(conn, [order.event_key for order in orders])


def codes(conn: Connection, event_keys: Sequence[str]) -> dict[str, str]:
    """The codes issued for these reasons; reasons without one are left out."""
    found: dict[str, str] = {}
    for part in chunks(event_keys):
        query = select(coupons.c.event_key, coupons.c.code).where(coupons.c.event_key.in_(part))
        found.update({row.event_key: row.code for row in conn.execute(query)})
    return found


def redeem(conn: Connection, code: str, at: datetime) -> Redemption:
    """Use a coupon; lower case, spaces and the look-alikes I, L and O are understood."""
    wanted = code.strip().upper().translate(_READ_AS)
    row = conn.execute(select(coupons).where(coupons.c.code == wanted)).first()
    if row is None:
        return "unknown"
    if row.redeemed_at is None and row.expires_at <= at:
        return "expired"
    used = update(coupons).where(coupons.c.code == wanted, coupons.c.redeemed_at.is_(None)).values(redeemed_at=at)
    if conn.execute(used).rowcount == 0:
        return "used_before"
    ledger.book_many(conn, [_redeemed(row)], at)
    return "redeemed"


def _row(order: CouponOrder, code: str, at: datetime) -> dict[str, Any]:
    return {
        "code": code,
        "offer_key": order.offer_key,
        "community": order.community,
        "person_id": order.person_id,
        "event_key": order.event_key,
        "issued_at": at,
        "expires_at": order.expires_at,
    }


def _accounts(offer_key: str, person_id: int | None) -> tuple[str, str, str]:
    holder = f"coupon:held:{offer_key}:{'anyone' if person_id is None else person_id}"
    return f"coupon:issued:{offer_key}", holder, f"coupon:redeemed:{offer_key}"


def _issued(order: CouponOrder) -> ledger.Entry:
    issued, held, _ = _accounts(order.offer_key, order.person_id)
    person = {} if order.person_id is None else {held: order.person_id}
    key = f"coupon:{order.event_key}"
    return ledger.Entry(key, order.community, "coupon", "issued", {issued: -1, held: 1}, person)


def _redeemed(row: Any) -> ledger.Entry:
    _, held, redeemed = _accounts(row.offer_key, row.person_id)
    person = {} if row.person_id is None else {held: row.person_id}
    key = f"coupon-redeemed:{row.event_key}"
    return ledger.Entry(key, row.community, "coupon", "redeemed", {held: -1, redeemed: 1}, person)
