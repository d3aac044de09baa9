"""
Prizes on the shelf: put there, given to persons, brought back; never more given than there were.

Each piece is an amount in the ledger, in the unit ``stock``: what the shelf loses a person gets. Who deserves a prize
is left to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from qunflow.errors import BadInput
from qunflow.store import ledger
from qunflow.store.ledger import Entry

Given = Literal["given", "given_before", "sold_out", "cap_reached"]
_ACCOUNT_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Prize:
    """One kind of prize of one community; ``most_each`` is how many pieces a person may have, 0 for any number."""

    community: str
    key: str
    most_each: int = 0

    @property
    def shelf(self) -> str:
        """The account of the pieces that are left."""
        return f"stock:{self.community}:{self.key}:shelf"

    @property
    def supply(self) -> str:
        """The other side of every piece that was ever put there; the only one below 0."""
        return f"stock:{self.community}:{self.key}:supply"

    def held_by(self, person_id: int) -> str:
        """The account of the pieces a person was given."""
        return f"stock:{self.community}:{self.key}:person:{person_id}"


def put(conn: Connection, event_key: str, prize: Prize, pieces: int, at: datetime) -> bool:
    """
    Put pieces on the shelf, once for each event key; returns whether it is new.

    Raises:
        BadInput: no pieces, or names that are too long together.
    """
    if pieces < 1 or len(prize.supply) > _ACCOUNT_LENGTH:
        raise BadInput(f"{pieces} pieces of {prize.key} cannot be put on the shelf", "give a short key and 1 or more")
    moved = {prize.shelf: pieces, prize.supply: -pieces}
    return bool(ledger.book_many(conn, [Entry(event_key, prize.community, "stock", "stocked", moved)], at))


def giving(event_key: str, prize: Prize, person_id: int, pieces: int = 1) -> Entry:
    """The entry that gives pieces to a person."""
    theirs = prize.held_by(person_id)
    moved = {theirs: pieces, prize.shelf: -pieces}
    return Entry(event_key, prize.community, "stock", "given", moved, {theirs: person_id})


def give(conn: Connection, event_key: str, prize: Prize, person_id: int, at: datetime, pieces: int = 1) -> Given:
    """Give pieces to a person, once for each event key, as long as there are any and their own number allows."""
    ledger.hold(conn, [prize.shelf])
    if at_cap(conn, prize, person_id, pieces) and not ledger.booked(conn, [event_key]):
        return "cap_reached"
    outcome = ledger.book_covered(conn, [giving(event_key, prize, person_id, pieces)], [prize.shelf], at)
    found: dict[ledger.Covered, Given] = {"booked": "given", "known": "given_before", "short": "sold_out"}
    return found[outcome]


def at_cap(conn: Connection, prize: Prize, person_id: int, pieces: int = 1) -> bool:
    """Whether more pieces would be more than a person may have; to be asked with the shelf held."""
    return 0 < prize.most_each < ledger.balance(conn, prize.held_by(person_id), "stock") + pieces


def bring_back(conn: Connection, event_key: str, prize: Prize, person_id: int, at: datetime) -> bool:
    """Put a piece a person had back on the shelf; False when they have none, or it was booked before."""
    theirs = prize.held_by(person_id)
    moved = {theirs: -1, prize.shelf: 1}
    entry = Entry(event_key, prize.community, "stock", "returned", moved, {theirs: person_id})
    return ledger.book_covered(conn, [entry], [theirs, prize.shelf], at) == "booked"


def left(conn: Connection, prizes: Iterable[Prize]) -> dict[str, int]:
    """The pieces left of each prize, by its key."""
    return {one.key: ledger.balance(conn, one.shelf, "stock") for one in prizes}


def shelves(conn: Connection, community: str) -> dict[str, int]:
    """The pieces left of every prize a community ever had on its shelf, by its key."""
    begin, end = f"stock:{community}:", ":shelf"
    found = ledger.balances(conn, begin, "stock")
    return {name[len(begin) : -len(end)]: pieces for name, pieces in found.items() if name.endswith(end)}
