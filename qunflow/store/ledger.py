"""
Points, coupons, prizes and stock as a double-entry ledger: what one account gets another gives, so all sums to 0.

Every entry has an event key (who, for what, on which day); a second booking of the same key changes nothing, however
often a run is repeated. Entries are never changed: a mistake is reversed by another entry, which ``reversals`` books.
What a kind of account means is left to ``coupons``, ``stock`` and ``spending``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal

from sqlalchemy import Connection, func, insert, select

from qunflow.errors import BadInput
from qunflow.store.engine import lock
from qunflow.store.rows import chunks, insert_new
from qunflow.store.tables import ledger_entries, ledger_postings

Unit = Literal["points", "coupon", "prize", "stock"]
REVERSAL = "reversal:"
_KEY_LENGTH = 200

Covered = Literal["booked", "known", "short"]


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One booking.

    Args:
        event_key: what happened; booked once, for ever.
        postings: account → whole amount, summing to 0, none of them 0.
        person_of: account → person, for the accounts that belong to somebody.
    """

    event_key: str
    community: str
    unit: Unit
    reason: str
    postings: Mapping[str, int]
    person_of: Mapping[str, int] = field(default_factory=dict)


def book(
    conn: Connection,
    event_key: str,
    community: str,
    unit: Unit,
    reason: str,
    postings: Mapping[str, int],
    person_of: Mapping[str, int],
    at: datetime,
) -> bool:
    """
    Book one entry; returns whether its key is new.

    Raises:
        BadInput: when the postings do not sum to 0.
    """
    return bool(book_many(conn, [Entry(event_key, community, unit, reason, postings, person_of)], at))


def book_many(conn: Connection, entries: Sequence[Entry], at: datetime) -> list[str]:
    """Book several entries; returns the event keys that are new. Raises ``BadInput`` before booking any."""
    for entry in entries:
        _require_balance(entry)
    by_key = {entry.event_key: entry for entry in reversed(entries)}
    rows = [
        {
            "event_key": entry.event_key,
            "community": entry.community,
            "unit": entry.unit,
            "reason": entry.reason,
            "booked_at": at,
        }
        for entry in by_key.values()
    ]
    new = dict(insert_new(conn, ledger_entries, rows, ["event_key", "entry_id"]))
    if new:
        conn.execute(
            insert(ledger_postings), [row for key, number in new.items() for row in _rows(number, by_key[key])]
        )
    return list(new)


def hold(conn: Connection, accounts: Iterable[str]) -> None:
    """Keep other transactions from booking what depends on these accounts until this one ends."""
    # In one order for everybody, lest two wait for each other for ever.
    for account in sorted(set(accounts)):
        lock(conn, f"ledger:{account}")


def book_covered(conn: Connection, entries: Sequence[Entry], covered: Collection[str], at: datetime) -> Covered:
    """
    Book entries together, unless they would take a ``covered`` account below 0 in their unit.

    Returns:
        ``known`` when one of the event keys is booked already, ``short`` when something is not covered; nothing is
        booked then. Whoever asks at the same time waits.
    """
    hold(conn, covered)
    if booked(conn, [entry.event_key for entry in entries]):
        return "known"
    moved: dict[tuple[str, Unit], int] = defaultdict(int)
    for entry in entries:
        for account, amount in entry.postings.items():
            if account in covered:
                moved[account, entry.unit] += amount
    if any(amount < 0 and balance(conn, *place) + amount < 0 for place, amount in moved.items()):
        return "short"
    return "booked" if book_many(conn, entries, at) else "known"


def balance(conn: Connection, account: str, unit: Unit | None = None) -> int:
    """What an account holds, of one unit or of all; 0 when nothing was ever booked on it."""
    query = select(func.coalesce(func.sum(ledger_postings.c.amount), 0)).where(ledger_postings.c.account == account)
    if unit is not None:
        query = query.join(ledger_entries).where(ledger_entries.c.unit == unit)
    return int(conn.execute(query).scalar_one())


def balances(conn: Connection, prefix: str, unit: Unit | None = None) -> dict[str, int]:
    """What every account whose name begins with ``prefix`` holds; accounts back at 0 are kept."""
    query = select(ledger_postings.c.account, func.sum(ledger_postings.c.amount)).where(
        ledger_postings.c.account.startswith(prefix, autoescape=True)
    )
    if unit is not None:
        query = query.join(ledger_entries).where(ledger_entries.c.unit == unit)
    rows = conn.execute(query.group_by(ledger_postings.c.account).order_by(ledger_postings.c.account))
    return {row[0]: int(row[1]) for row in rows}


def balances_of_persons(conn: Connection, person_ids: Iterable[int], unit: Unit) -> dict[int, int]:
    """What persons hold of a unit over all their accounts; those without a booking are left out."""
    totals: dict[int, int] = defaultdict(int)
    for part in chunks(dict.fromkeys(person_ids)):
        query = (
            select(ledger_postings.c.person_id, func.sum(ledger_postings.c.amount))
            .join(ledger_entries)
            .where(ledger_entries.c.unit == unit, ledger_postings.c.person_id.in_(part))
            .group_by(ledger_postings.c.person_id)
        )
        totals.update({row[0]: int(row[1]) for row in conn.execute(query)})
    return dict(totals)


def booked(conn: Connection, event_keys: Iterable[str]) -> set[str]:
    """Which of these event keys are booked already."""
    found: set[str] = set()
    for part in chunks(event_keys):
        query = select(ledger_entries.c.event_key).where(ledger_entries.c.event_key.in_(part))
        found.update(conn.execute(query).scalars())
    return found


def receivers(conn: Connection, event_keys: Iterable[str]) -> dict[str, str]:
    """Event key → the account that got something by it, for entries with one such account."""
    found: dict[str, str] = {}
    for part in chunks(event_keys):
        query = select(ledger_entries.c.event_key, ledger_postings.c.account).join(ledger_postings)
        rows = conn.execute(query.where(ledger_entries.c.event_key.in_(part), ledger_postings.c.amount > 0))
        found.update({row.event_key: row.account for row in rows})
    return found


def reversal_key(event_key: str) -> str:
    """The one event key under which an entry can be reversed."""
    plain = f"{REVERSAL}{event_key}"
    return plain if len(plain) <= _KEY_LENGTH else f"{REVERSAL}{sha256(event_key.encode()).hexdigest()}"


def require_balanced(conn: Connection) -> None:
    """
    Check every entry.

    Raises:
        BadInput: when postings do not sum to 0, which only happens when somebody writes into the tables by hand.
    """
    query = select(ledger_postings.c.entry_id).group_by(ledger_postings.c.entry_id)
    wrong = list(conn.execute(query.having(func.sum(ledger_postings.c.amount) != 0).limit(5)).scalars())
    if wrong:
        raise BadInput(
            f"the ledger does not balance: entries {', '.join(map(str, wrong))}",
            "find out who changed them, and reverse each by a new entry",
        )


def _require_balance(entry: Entry) -> None:
    if sum(entry.postings.values()) != 0 or len(entry.postings) < 2 or 0 in entry.postings.values():
        raise BadInput(
            f"the booking {entry.event_key} moves {sorted(entry.postings.values())}, which is no double entry",
            "give at least two accounts whose amounts sum to 0, none of them 0",
        )


def _rows(entry_id: int, entry: Entry) -> list[dict[str, object]]:
    return [
        {"entry_id": entry_id, "account": account, "person_id": entry.person_of.get(account), "amount": amount}
        for account, amount in entry.postings.items()
    ]
