"""
Check-in weeks and who checked in.

One row a community and week, one check-in a person and local day: both are keys, so writing the same again changes
nothing. What a check-in is worth is booked in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select, update

from qunflow.store.rows import chunks, insert_ignore
from qunflow.store.tables import activities, checkins, ledger_entries, ledger_postings


@dataclass(frozen=True, slots=True)
class Activity:
    """One check-in week; ``code`` stands in its link, the days are local and both included."""

    activity_id: int
    community: str
    activity_key: str
    code: str
    title: str
    opens_on: date
    closes_on: date
    points_per_checkin: int
    awarded_at: datetime | None


@dataclass(frozen=True, slots=True)
class CheckinRow:
    """One person's check-in on one local day."""

    activity_id: int
    person_id: int
    local_day: date
    checked_in_at: datetime


def open_activity(
    conn: Connection,
    *,
    community: str,
    activity_key: str,
    code: str,
    title: str,
    opens_on: date,
    closes_on: date,
    points_per_checkin: int,
) -> bool:
    """Open a week; False when it was open already, which then keeps its code and points."""
    row = {
        "community": community,
        "activity_key": activity_key,
        "code": code,
        "title": title,
        "opens_on": opens_on,
        "closes_on": closes_on,
        "points_per_checkin": points_per_checkin,
    }
    return insert_ignore(conn, activities, [row]) == 1


def activities_between(conn: Connection, community: str, since: date, until: date) -> list[Activity]:
    """The weeks of a community that touch the local days ``since`` to ``until``, oldest first."""
    query = _activities().where(
        activities.c.community == community, activities.c.closes_on >= since, activities.c.opens_on <= until
    )
    return [Activity(*row) for row in conn.execute(query.order_by(activities.c.opens_on))]


def by_code(conn: Connection, codes: Iterable[str]) -> dict[str, Activity]:
    """The weeks, of any community, whose links carry these codes."""
    found: dict[str, Activity] = {}
    for part in chunks(set(codes)):
        for row in conn.execute(_activities().where(activities.c.code.in_(part))):
            found[row.code] = Activity(*row)
    return found


def keep_checkins(conn: Connection, rows: Sequence[CheckinRow]) -> int:
    """Write check-ins down; returns how many are new."""
    return insert_ignore(conn, checkins, [{name: getattr(row, name) for name in CheckinRow.__slots__} for row in rows])


def checkins_of(conn: Connection, activity_ids: Iterable[int]) -> list[CheckinRow]:
    """Every check-in of these weeks, by week, day and person."""
    columns = (checkins.c.activity_id, checkins.c.person_id, checkins.c.local_day, checkins.c.checked_in_at)
    order = (checkins.c.activity_id, checkins.c.local_day, checkins.c.person_id)
    query = select(*columns).where(checkins.c.activity_id.in_(list(activity_ids)))
    return [CheckinRow(*row) for row in conn.execute(query.order_by(*order))]


def set_awarded(conn: Connection, activity_id: int, at: datetime) -> None:
    """Note when a week's awards were first settled."""
    settled = update(activities).where(activities.c.activity_id == activity_id, activities.c.awarded_at.is_(None))
    conn.execute(settled.values(awarded_at=at))


def points_booked(conn: Connection, key_prefix: str) -> dict[int, int]:
    """Points booked for each person under event keys that begin with ``key_prefix``."""
    query = (
        select(ledger_postings.c.person_id, func.sum(ledger_postings.c.amount))
        .join(ledger_entries, ledger_entries.c.entry_id == ledger_postings.c.entry_id)
        .where(
            ledger_entries.c.event_key.startswith(key_prefix, autoescape=True),
            ledger_entries.c.unit == "points",
            ledger_postings.c.person_id.is_not(None),
        )
        .group_by(ledger_postings.c.person_id)
    )
    return {row[0]: int(row[1]) for row in conn.execute(query)}


def _activities() -> Select[Any]:
    return select(*(activities.c[name] for name in Activity.__slots__))
