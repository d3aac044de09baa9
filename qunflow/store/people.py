"""Friends of the helper accounts, and what persons do not want: by number, never by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, select, update

from qunflow.store.rows import chunks, insert_ignore, insert_new, upsert
from qunflow.store.tables import contacts, persons, suppressions

SuppressionKind = Literal["opt_out", "do_not_invite", "support_case"]


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who is, or was, a friend of a member of staff; ``deleted_at`` when the friendship ended."""

    person_id: int
    userid: str
    community: str
    channel: str
    added_at: datetime
    deleted_at: datetime | None = None


def add_contacts(conn: Connection, added: Sequence[Contact]) -> list[Contact]:
    """
    Note friendships.

    A friendship that had ended and is newer than its end opens again; one that is known changes nothing.

    Returns:
        Those that are new or open again.
    """
    by_key = {(contact.person_id, contact.userid): contact for contact in added}
    rows = [{name: getattr(contact, name) for name in Contact.__slots__} for contact in by_key.values()]
    new = {(row[0], row[1]) for row in insert_new(conn, contacts, rows, ["person_id", "userid"])}
    again = {key for key, contact in by_key.items() if key not in new and _reopen(conn, contact)}
    return [contact for key, contact in by_key.items() if key in new | again]


def contacts_between(conn: Connection, pairs: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Contact]:
    """The contacts on file of these persons and members of staff (person id, userid), by both."""
    wanted = set(pairs)
    found: dict[tuple[int, str], Contact] = {}
    for part in chunks({person for person, _ in wanted}):
        query = select(*(contacts.c[name] for name in Contact.__slots__)).where(contacts.c.person_id.in_(part))
        known = [Contact(*row) for row in conn.execute(query)]
        found.update({(one.person_id, one.userid): one for one in known if (one.person_id, one.userid) in wanted})
    return found


def keep_contacts(conn: Connection, worked_out: Sequence[Contact]) -> None:
    """Write contacts as they were worked out from everything that was told; a known one keeps its community."""
    rows = [{name: getattr(one, name) for name in Contact.__slots__} for one in worked_out]
    upsert(conn, contacts, rows, key=["person_id", "userid"], update=["channel", "added_at", "deleted_at"])


def contacts_of(conn: Connection, community: str, *, with_deleted: bool = False) -> list[Contact]:
    """The friends a community has, or ever had, by the instant they were added."""
    query = select(*(contacts.c[name] for name in Contact.__slots__)).where(contacts.c.community == community)
    if not with_deleted:
        query = query.where(contacts.c.deleted_at.is_(None))
    return [Contact(*row) for row in conn.execute(query.order_by(contacts.c.added_at, contacts.c.person_id))]


def erased(conn: Connection, person_ids: Iterable[int]) -> set[int]:
    """Which of these persons were forgotten because they asked for it."""
    found: set[int] = set()
    for part in chunks(dict.fromkeys(person_ids)):
        query = select(persons.c.person_id).where(persons.c.person_id.in_(part), persons.c.erased_at.is_not(None))
        found.update(conn.execute(query).scalars())
    return found


def suppress(conn: Connection, person_ids: Iterable[int], kind: SuppressionKind, since: datetime, source: str) -> int:
    """Leave persons alone from now on; returns how many were not on the list."""
    rows = [{"person_id": person, "kind": kind, "since": since, "source": source} for person in person_ids]
    return insert_ignore(conn, suppressions, rows)


def suppressed(conn: Connection, person_ids: Iterable[int], *kinds: SuppressionKind) -> set[int]:
    """Which of these persons are on one of the lists, or on any when none is named."""
    found: set[int] = set()
    for part in chunks(dict.fromkeys(person_ids)):
        query = select(suppressions.c.person_id).where(suppressions.c.person_id.in_(part))
        found.update(conn.execute(query.where(suppressions.c.kind.in_(kinds)) if kinds else query).scalars())
    return found


def _one(person_id: int, userid: str) -> Any:
    return and_(contacts.c.person_id == person_id, contacts.c.userid == userid)


def _reopen(conn: Connection, contact: Contact) -> bool:
    ended_before = and_(contacts.c.deleted_at.is_not(None), contacts.c.deleted_at < contact.added_at)
    again = update(contacts).where(_one(contact.person_id, contact.userid), ended_before)
    values = {"added_at": contact.added_at, "deleted_at": None, "channel": contact.channel}
    return conn.execute(again.values(values)).rowcount == 1
