"""
Mistakes in the ledger are answered by the opposite entry, once; nothing is ever deleted.

What has been used cannot be taken back: a redeemed coupon, points that are spent, pieces that are given. Who asked for
it and why stands in the audit log, written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select

from qunflow.errors import BadInput
from qunflow.store import audit, coupons, ledger
from qunflow.store.ledger import Entry
from qunflow.store.spending import EXCHANGE, exchange_keys
from qunflow.store.tables import ledger_entries, ledger_postings

Reversal = Literal["reversed", "reversed_before", "unknown", "is_reversal", "used", "final"]
# Where things come from; what goes back there may be any number.
_SOURCES = (":issued", ":supply")


@dataclass(frozen=True, slots=True)
class _Booked:
    entry_id: int
    event_key: str
    community: str
    unit: ledger.Unit
    reason: str


def reverse(conn: Connection, event_key: str, reason: str, by: str, at: datetime) -> Reversal:
    """
    Book the opposite of an entry; of an exchange, of both its entries.

    Args:
        reason: why, in words without names, for the audit log.
        by: who asked for it.

    Returns:
        ``reversed``; or, with nothing booked, ``reversed_before``, ``unknown`` for a key that was never booked,
        ``is_reversal``, ``used`` when somebody has spent or redeemed it, ``final`` for a coupon's use or expiry.

    Raises:
        BadInput: no reason, or nobody who asks.
    """
    if not reason.strip() or not by.strip():
        raise BadInput("a reversal needs a reason and somebody who asks for it", "say why, and who you are")
    if event_key.startswith(ledger.REVERSAL):
        return "is_reversal"
    if event_key.startswith(coupons.FINAL):
        return "final"
    found = _entries(conn, _together(event_key))
    return _reversed(conn, found, reason, by, at) if found else "unknown"


def _reversed(conn: Connection, found: Sequence[_Booked], reason: str, by: str, at: datetime) -> Reversal:
    opposite = [_opposite(conn, one) for one in found]
    covered = {
        account
        for entry in opposite
        for account, amount in entry.postings.items()
        if amount < 0 and not account.endswith(_SOURCES)
    }
    coupons.hold(conn)
    ledger.hold(conn, covered)
    if ledger.booked(conn, [one.event_key for one in opposite]):
        return "reversed_before"
    if any(one.unit == "coupon" and not coupons.withdraw(conn, one.event_key, at) for one in found):
        return "used"
    if ledger.book_covered(conn, opposite, covered, at) != "booked":
        return "used"
    for one in found:
        audit.record(conn, by, "ledger.reverse", one.event_key[:160], at, {"reason": reason})
    return "reversed"


def _together(event_key: str) -> list[str]:
    """The event keys that stand or fall with one."""
    if not event_key.startswith(EXCHANGE):
        return [event_key]
    return list(exchange_keys(event_key[len(EXCHANGE) :].rpartition(":")[0]))


def _entries(conn: Connection, event_keys: Sequence[str]) -> list[_Booked]:
    query = select(*(ledger_entries.c[name] for name in _Booked.__slots__))
    rows = conn.execute(query.where(ledger_entries.c.event_key.in_(event_keys)).order_by(ledger_entries.c.entry_id))
    return [_Booked(*row) for row in rows]


def _opposite(conn: Connection, one: _Booked) -> Entry:
    query = select(ledger_postings).where(ledger_postings.c.entry_id == one.entry_id)
    rows: Sequence[Any] = conn.execute(query).all()
    moved = {row.account: -row.amount for row in rows}
    persons = {row.account: row.person_id for row in rows if row.person_id is not None}
    return Entry(ledger.reversal_key(one.event_key), one.community, one.unit, "reversal", moved, persons)
