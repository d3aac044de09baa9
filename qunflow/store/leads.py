"""Who left their details in a form, where they were placed, and how often they were invited."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from qunflow.store.rows import chunks, insert_ignore, insert_new
from qunflow.store.tables import invitations, leads


@dataclass(frozen=True, slots=True)
class Lead:
    """
    One form entry.

    Args:
        source, source_key: together name the entry; the same entry is kept once.
        submitted_at: when the person sent the form.
    """

    community: str
    source: str
    source_key: str
    person_id: int
    channel: str
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead as kept: where it was placed, and which earlier lead of the same person it repeats."""

    lead_id: int
    community: str
    source: str
    source_key: str
    person_id: int
    channel: str
    submitted_at: datetime
    placed_group_id: int | None
    duplicate_of: int | None


@dataclass(frozen=True, slots=True)
class Invitations:
    """How often somebody was invited, and on which local day the last time."""

    attempts: int
    last_on: date


def add_leads(conn: Connection, new: Sequence[Lead]) -> list[LeadRow]:
    """
    Keep leads; a further lead of a person the community has is kept as a duplicate of the first.

    Returns:
        Those that are new, in the order they were submitted.
    """
    ordered = sorted(new, key=lambda lead: (lead.submitted_at, lead.source, lead.source_key))
    rows = [{name: getattr(lead, name) for name in Lead.__slots__} for lead in ordered]
    made = [row[0] for row in insert_new(conn, leads, rows, ["lead_id"])]
    _mark_duplicates(conn, _rows(conn, made))
    return sorted(_rows(conn, made), key=lambda row: (row.submitted_at, row.lead_id))


def leads_of(conn: Connection, community: str, *, unplaced: bool = False) -> list[LeadRow]:
    """The leads of a community in the order they were submitted; only first ones without a group if ``unplaced``."""
    query = _leads().where(leads.c.community == community)
    if unplaced:
        query = query.where(leads.c.placed_group_id.is_(None), leads.c.duplicate_of.is_(None))
    return [LeadRow(*row) for row in conn.execute(query.order_by(leads.c.submitted_at, leads.c.lead_id))]


def place(conn: Connection, group_of: Mapping[int, int]) -> int:
    """Place leads (lead id → group id); one that has a group keeps it. Returns how many were placed."""
    if not group_of:
        return 0
    free = update(leads).where(leads.c.lead_id == bindparam("lead"), leads.c.placed_group_id.is_(None))
    rows = [{"lead": lead, "placed": group} for lead, group in group_of.items()]
    return int(conn.execute(free.values(placed_group_id=bindparam("placed")), rows).rowcount)


def invitations_of(conn: Connection, community: str) -> dict[int, Invitations]:
    """Person id → how often and when last they were invited into a community's groups."""
    found: dict[int, list[date]] = defaultdict(list)
    query = select(invitations.c.person_id, invitations.c.invited_on).where(invitations.c.community == community)
    for row in conn.execute(query):
        found[row.person_id].append(row.invited_on)
    return {person: Invitations(len(days), max(days)) for person, days in found.items()}


def record_invitations(conn: Connection, community: str, person_ids: Iterable[int], on: date) -> list[int]:
    """Count one invitation more for each person; those invited on that day already are left out. Returns the rest."""
    before = invitations_of(conn, community)
    due = [person for person in dict.fromkeys(person_ids) if person not in before or before[person].last_on < on]
    attempts = {person: before[person].attempts + 1 if person in before else 1 for person in due}
    rows = [
        {"person_id": person, "community": community, "attempt": attempt, "invited_on": on}
        for person, attempt in attempts.items()
    ]
    insert_ignore(conn, invitations, rows)
    return due


def mark_again(conn: Connection, person_ids: Sequence[int]) -> None:
    """Work out anew which leads of some persons repeat an earlier one of theirs."""
    query = _leads().where(leads.c.person_id.in_(list(person_ids))).order_by(leads.c.submitted_at, leads.c.lead_id)
    first: dict[tuple[str, int], int] = {}
    rows = []
    for lead in (LeadRow(*row) for row in conn.execute(query)):
        original = first.setdefault((lead.community, lead.person_id), lead.lead_id)
        rows.append({"lead": lead.lead_id, "first": None if original == lead.lead_id else original})
    if rows:
        marked = update(leads).where(leads.c.lead_id == bindparam("lead")).values(duplicate_of=bindparam("first"))
        conn.execute(marked, rows)


def _leads() -> Any:
    return select(*(leads.c[name] for name in LeadRow.__slots__))


def _rows(conn: Connection, lead_ids: Iterable[int]) -> list[LeadRow]:
    found: list[LeadRow] = []
    for part in chunks(lead_ids):
        found.extend(LeadRow(*row) for row in conn.execute(_leads().where(leads.c.lead_id.in_(part))))
    return found


def _mark_duplicates(conn: Connection, new: Sequence[LeadRow]) -> None:
    made = {row.lead_id for row in new}
    first: dict[tuple[str, int], LeadRow] = {}
    # A lead that was here before stays the first one, even when a later form says it was sent earlier.
    for row in sorted(_firsts(conn, new), key=lambda row: (row.lead_id in made, row.submitted_at, row.lead_id)):
        first.setdefault((row.community, row.person_id), row)
    originals = {row.lead_id: first[(row.community, row.person_id)].lead_id for row in new}
    repeats = [{"lead": lead, "first": original} for lead, original in originals.items() if lead != original]
    if repeats:
        marked = update(leads).where(leads.c.lead_id == bindparam("lead")).values(duplicate_of=bindparam("first"))
        conn.execute(marked, repeats)


def _firsts(conn: Connection, new: Sequence[LeadRow]) -> list[LeadRow]:
    found: list[LeadRow] = []
    for part in chunks({row.person_id for row in new}):
        query = _leads().where(leads.c.person_id.in_(part), leads.c.duplicate_of.is_(None))
        found.extend(LeadRow(*row) for row in conn.execute(query))
    return found
