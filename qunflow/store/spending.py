"""
Points that persons spend (积分兑换): never more than they have, whoever else is spending at the same time.

What something costs is left to the caller. Spending is reversed as any other entry; an exchange as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from qunflow.errors import BadInput
from qunflow.store import ledger, stock
from qunflow.store.ledger import Entry
from qunflow.store.stock import Prize
from qunflow.weekly_activity.points import points_account

Spent = Literal["spent", "spent_before", "too_few_points"]
Exchanged = Literal["exchanged", "exchanged_before", "too_few_points", "sold_out", "cap_reached"]
EXCHANGE = "exchange:"


@dataclass(frozen=True, slots=True)
class Purchase:
    """What one person gives: ``points`` of a community, once for each event key."""

    event_key: str
    community: str
    person_id: int
    points: int


def spend(conn: Connection, purchase: Purchase, at: datetime) -> Spent:
    """Take points from a person. Raises: BadInput for a price below 1."""
    theirs = points_account(purchase.community, purchase.person_id)
    outcome = ledger.book_covered(conn, [_paying(purchase.event_key, purchase, "spent")], [theirs], at)
    found: dict[ledger.Covered, Spent] = {"booked": "spent", "known": "spent_before", "short": "too_few_points"}
    return found[outcome]


def exchange(conn: Connection, purchase: Purchase, prize: Prize, at: datetime) -> Exchanged:
    """Take points and give one piece of a prize of the same community, both or neither. Raises: as ``spend``."""
    theirs = points_account(purchase.community, purchase.person_id)
    ledger.hold(conn, [theirs, prize.shelf])
    paid, got = exchange_keys(purchase.event_key)
    if ledger.booked(conn, [paid]):
        return "exchanged_before"
    if stock.left(conn, [prize])[prize.key] < 1:
        return "sold_out"
    if stock.at_cap(conn, prize, purchase.person_id):
        return "cap_reached"
    entries = [_paying(paid, purchase, "exchanged"), stock.giving(got, prize, purchase.person_id)]
    outcome = ledger.book_covered(conn, entries, [theirs, prize.shelf], at)
    return "exchanged" if outcome == "booked" else "too_few_points"


def exchange_keys(event_key: str) -> tuple[str, str]:
    """The event keys of the two entries of an exchange: the points, the piece."""
    return f"{EXCHANGE}{event_key}:points", f"{EXCHANGE}{event_key}:piece"


def _paying(event_key: str, purchase: Purchase, reason: str) -> Entry:
    if purchase.points < 1:
        raise BadInput(f"a price of {purchase.points} points is none", "ask for 1 point or more")
    theirs = points_account(purchase.community, purchase.person_id)
    moved = {theirs: -purchase.points, f"points:{purchase.community}:spent": purchase.points}
    return Entry(event_key, purchase.community, "points", reason, moved, {theirs: purchase.person_id})
