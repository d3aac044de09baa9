"""
Coupon codes: one a reason, never guessed, used once.

Issuing, redeeming and expiring are booked in the ledger in the same transaction, so the number of open coupons is a
balance. Whoever shows too many codes that do not exist has to wait; each of those tries stands in the audit log.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, func, select, update

from qunflow.store import audit, ledger, people
from qunflow.store.engine import lock
from qunflow.store.rows import chunks, insert_ignore, insert_new
from qunflow.store.tables import audit_log, coupons

# Crockford's base 32: no I, L, O or U, so a code survives being read aloud.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# 65 bits: nobody hits a live code by trying.
LENGTH = 13
_READ_AS = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})

# Wrong codes within an hour after which nobody is listened to, right or wrong.
WRONG_GUESSES = 5
LOCKED_FOR = timedelta(hours=1)
_GUESSED = "coupon.wrong_code"
_ISSUED, _REDEEMED, _EXPIRED = "coupon:", "coupon-redeemed:", "coupon-expired:"
# How the event keys begin of what nobody can take back.
FINAL = (_REDEEMED, _EXPIRED)

Redemption = Literal["redeemed", "used_before", "expired", "unknown", "locked"]


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


@dataclass(frozen=True, slots=True)
class BroughtCoupon:
    """A coupon another system made, as it stands there: ``redeemed_at`` is None while nobody used it."""

    code: str
    event_key: str
    offer_key: str
    community: str
    person_id: int | None
    issued_at: datetime
    expires_at: datetime
    redeemed_at: datetime | None = None


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


def bring_in(conn: Connection, brought: Sequence[BroughtCoupon], at: datetime) -> set[str]:
    """
    Take coupons of another system into the books, with their use; a code that is known stays as it is.

    Returns:
        The codes that are new.
    """
    rows = [{name: getattr(one, name) for name in BroughtCoupon.__slots__} for one in brought]
    new = {row[0] for row in insert_new(conn, coupons, rows, ["code"])}
    fresh = [one for one in brought if one.code in new]
    issued = [
        _issued(CouponOrder(one.event_key, one.offer_key, one.community, one.person_id, one.expires_at))
        for one in fresh
    ]
    used = [_used(one, _REDEEMED, "redeemed") for one in fresh if one.redeemed_at is not None]
    ledger.book_many(conn, [*issued, *used], at)
    return new


def booked_as(event_key: str) -> tuple[str, str]:
    """Under which keys the ledger has a coupon's issue and its use."""
    return f"{_ISSUED}{event_key}", f"{_REDEEMED}{event_key}"


def codes(conn: Connection, event_keys: Sequence[str]) -> dict[str, str]:
    """The codes issued for these reasons; reasons without one are left out."""
    found: dict[str, str] = {}
    for part in chunks(event_keys):
        query = select(coupons.c.event_key, coupons.c.code).where(coupons.c.event_key.in_(part))
        found.update({row.event_key: row.code for row in conn.execute(query)})
    return found


def redeem(conn: Connection, code: str, at: datetime, guesser: str = "") -> Redemption:
    """
    Use a coupon; lower case, spaces and the look-alikes I, L and O are understood.

    Args:
        guesser: who shows the code (a number or key, no name); five wrong ones in an hour lock them out for the rest
            of it. Without one nobody is counted, as when the code comes from the shop itself.
    """
    if guesser and _is_locked(conn, guesser, at):
        return "locked"
    hold(conn)
    row = _shown(conn, code.strip())
    if row is None:
        if guesser:
            audit.record(conn, guesser, _GUESSED, guesser, at)
        return "unknown"
    if row.redeemed_at is None and (row.expires_at <= at or _over(conn, [row.event_key])):
        return "expired"
    used = update(coupons).where(coupons.c.code == row.code, coupons.c.redeemed_at.is_(None)).values(redeemed_at=at)
    if conn.execute(used).rowcount == 0:
        return "used_before"
    ledger.book_many(conn, _from_where_it_was_issued(conn, [_used(row, _REDEEMED, "redeemed")]), at)
    return "redeemed"


def expire(conn: Connection, at: datetime) -> int:
    """Book every coupon that nobody used in time out of its holder's hands; returns how many were not booked before."""
    hold(conn)
    late = select(coupons).where(coupons.c.expires_at <= at, coupons.c.redeemed_at.is_(None))
    rows = list(conn.execute(late))
    over = _over(conn, [row.event_key for row in rows])
    due = [_used(row, _EXPIRED, "expired") for row in rows if row.event_key not in over]
    return len(ledger.book_many(conn, _from_where_it_was_issued(conn, due), at))


def as_issued(code: str) -> str:
    """A code as we issue it, from one as people write it: lower case, spaces, the look-alikes I, L and O."""
    return code.strip().upper().translate(_READ_AS)


def holders(conn: Connection, written: Iterable[str]) -> dict[str, int]:
    """Code as written → the person it was given to; codes for whoever shows them, and of the erased, are left out."""
    codes_of = {one: (one.strip(), as_issued(one)) for one in written if one}
    found: dict[str, int] = {}
    for part in chunks({code for both in codes_of.values() for code in both}):
        query = select(coupons.c.code, coupons.c.person_id).where(coupons.c.person_id.is_not(None))
        found.update({row.code: row.person_id for row in conn.execute(query.where(coupons.c.code.in_(part)))})
    gone = people.erased(conn, found.values())
    held = {one: found.get(code) or found.get(issued) for one, (code, issued) in codes_of.items()}
    return {one: person for one, person in held.items() if person is not None and person not in gone}


def hold(conn: Connection) -> None:
    """Let one transaction at a time use, expire or withdraw coupons."""
    lock(conn, "coupons")


def withdraw(conn: Connection, issued_key: str, at: datetime) -> bool:
    """End a coupon at once by the key of its ledger entry; False when it was used or had expired."""
    event_key = issued_key.removeprefix(_ISSUED)
    open_still = (coupons.c.event_key == event_key, coupons.c.redeemed_at.is_(None))
    if _over(conn, [event_key]):
        return False
    return conn.execute(update(coupons).where(*open_still).values(expires_at=at)).rowcount == 1


def _shown(conn: Connection, code: str) -> Any:
    """The coupon of a code: as it is written, for codes of other systems, else as ours are read aloud."""
    ours = code.upper().translate(_READ_AS)
    rows = {row.code: row for row in conn.execute(select(coupons).where(coupons.c.code.in_([code, ours])))}
    return rows.get(code) or rows.get(ours)


def _over(conn: Connection, event_keys: Sequence[str]) -> set[str]:
    """Those of these coupons that were booked as expired or taken back."""
    ends = {f"{_EXPIRED}{key}": key for key in event_keys}
    ends |= {ledger.reversal_key(f"{_ISSUED}{key}"): key for key in event_keys}
    return {ends[found] for found in ledger.booked(conn, ends)}


def _is_locked(conn: Connection, guesser: str, at: datetime) -> bool:
    lock(conn, f"guesser:{guesser}")
    wrong = select(func.count()).where(
        audit_log.c.subject == guesser, audit_log.c.action == _GUESSED, audit_log.c.at > at - LOCKED_FOR
    )
    return int(conn.execute(wrong).scalar_one()) >= WRONG_GUESSES


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


def _accounts(offer_key: str, person_id: int | None) -> tuple[str, str]:
    return f"coupon:issued:{offer_key}", f"coupon:held:{offer_key}:{'anyone' if person_id is None else person_id}"


def _issued(order: CouponOrder) -> ledger.Entry:
    issued, held = _accounts(order.offer_key, order.person_id)
    person = {} if order.person_id is None else {held: order.person_id}
    key = f"{_ISSUED}{order.event_key}"
    return ledger.Entry(key, order.community, "coupon", "issued", {issued: -1, held: 1}, person)


def _used(row: Any, prefix: str, reason: str) -> ledger.Entry:
    held = _accounts(row.offer_key, row.person_id)[1]
    person = {} if row.person_id is None else {held: row.person_id}
    moved = {held: -1, f"coupon:{reason}:{row.offer_key}": 1}
    return ledger.Entry(f"{prefix}{row.event_key}", row.community, "coupon", reason, moved, person)


def _from_where_it_was_issued(conn: Connection, uses: Sequence[ledger.Entry]) -> list[ledger.Entry]:
    """Uses taken out of the accounts the coupons were issued into: after a merge those bear the holder's old number."""
    key_of = {use.event_key: f"{_ISSUED}{use.event_key.removeprefix(_REDEEMED).removeprefix(_EXPIRED)}" for use in uses}
    account_of = ledger.receivers(conn, key_of.values())
    return [_out_of(account_of.get(key_of[use.event_key]), use) for use in uses]


def _out_of(account: str | None, use: ledger.Entry) -> ledger.Entry:
    if account is None:
        return use
    now = {name: account if amount < 0 else name for name, amount in use.postings.items()}
    postings = {now[name]: amount for name, amount in use.postings.items()}
    return replace(use, postings=postings, person_of={now[name]: who for name, who in use.person_of.items()})
