"""
What rosters showed and callbacks told, kept for good: memberships can be worked out of it again at any time.

Rows are added; a move told twice is one row. Only a split changes whom a move is told of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from qunflow.store.rows import chunks, insert_ignore
from qunflow.store.tables import roster_looks, told_moves


@dataclass(frozen=True, slots=True)
class ToldMove:
    """A callback said that a person joined or left a group; ``by_code`` only matters for joins."""

    group_id: int
    person_id: int
    moved_at: datetime
    joined: bool
    by_code: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """
    One look at one roster.

    Args:
        listed: external people on it, by account; ``staff`` the corp's own.
        came: [person, joining time in epoch seconds, join scene, inviter, channel] each, new since the look before.
        gone: persons no longer on it.
    """

    group_id: int
    looked_at: datetime
    member_version: str
    listed: int
    staff: int
    came: list[list[Any]]
    gone: list[int]


def keep_moves(conn: Connection, moves: Iterable[ToldMove]) -> int:
    """Keep what callbacks told; returns how much of it is new."""
    rows = [{name: getattr(one, name) for name in ToldMove.__slots__} for one in moves]
    return sum(insert_ignore(conn, told_moves, part) for part in chunks(rows))


def tell_anew(conn: Connection, group_id: int, person_ids: Iterable[int], moves: Iterable[ToldMove]) -> None:
    """Let these moves be all that was told of some persons in a group: callbacks are read again after a split."""
    for part in chunks(person_ids):
        conn.execute(delete(told_moves).where(told_moves.c.group_id == group_id, told_moves.c.person_id.in_(part)))
    keep_moves(conn, moves)


def moves_of(conn: Connection, group_id: int, person_ids: Iterable[int]) -> dict[int, list[ToldMove]]:
    """What was told of some persons in a group, by person; those nobody told of are left out."""
    found: dict[int, list[ToldMove]] = defaultdict(list)
    for part in chunks(dict.fromkeys(person_ids)):
        query = select(*(told_moves.c[name] for name in ToldMove.__slots__)).where(
            told_moves.c.group_id == group_id, told_moves.c.person_id.in_(part)
        )
        for row in conn.execute(query.order_by(told_moves.c.moved_at, told_moves.c.joined)):
            found[row.person_id].append(ToldMove(*row))
    return found


def groups_told_of(conn: Connection, person_ids: Iterable[int]) -> dict[int, list[int]]:
    """Of some persons, whom anything was told of in which group: group → persons."""
    found: dict[int, list[int]] = defaultdict(list)
    for part in chunks(dict.fromkeys(person_ids)):
        query = select(told_moves.c.group_id, told_moves.c.person_id).where(told_moves.c.person_id.in_(part))
        for group_id, person_id in conn.execute(query.distinct().order_by(told_moves.c.person_id)):
            found[group_id].append(person_id)
    return found


def moves_between(conn: Connection, group_ids: Sequence[int], since: datetime, until: datetime) -> list[ToldMove]:
    """What was told to have happened in [since, until) in some groups."""
    query = select(*(told_moves.c[name] for name in ToldMove.__slots__)).where(
        told_moves.c.group_id.in_(list(group_ids)), told_moves.c.moved_at >= since, told_moves.c.moved_at < until
    )
    return [ToldMove(*row) for row in conn.execute(query)]


def keep_look(conn: Connection, look: Look) -> datetime:
    """
    Keep a look; one of an instant that is taken already counts a microsecond later if it shows anything new.

    Returns:
        The instant it is kept under.
    """
    last = last_look(conn, look.group_id)
    at = look.looked_at
    if last is not None and last.looked_at >= at:
        if not look.came and not look.gone:
            return last.looked_at
        at = last.looked_at + timedelta(microseconds=1)
    row = {name: getattr(look, name) for name in Look.__slots__} | {"looked_at": at}
    conn.execute(insert(roster_looks), row)
    return at


def last_look(conn: Connection, group_id: int) -> Look | None:
    """The latest look at a group's roster."""
    query = _looks().where(roster_looks.c.group_id == group_id).order_by(roster_looks.c.looked_at.desc()).limit(1)
    row = conn.execute(query).first()
    return None if row is None else Look(*row)


def look_times(conn: Connection, group_id: int) -> list[datetime]:
    """When a group's roster was read, ascending."""
    query = select(roster_looks.c.looked_at).where(roster_looks.c.group_id == group_id)
    return list(conn.execute(query.order_by(roster_looks.c.looked_at)).scalars())


def looks_of(conn: Connection, group_ids: Iterable[int]) -> dict[int, list[Look]]:
    """Every look at some groups, oldest first, by group."""
    found: dict[int, list[Look]] = defaultdict(list)
    for part in chunks(dict.fromkeys(group_ids)):
        query = _looks().where(roster_looks.c.group_id.in_(part)).order_by(roster_looks.c.looked_at)
        for row in conn.execute(query):
            found[row.group_id].append(Look(*row))
    return found


def _looks() -> Any:
    return select(*(roster_looks.c[name] for name in Look.__slots__))


def reads_between(
    conn: Connection, group_ids: Sequence[int], since: datetime, until: datetime
) -> list[tuple[int, datetime, int]]:
    """Group, instant and number of staff of each look in [since, until), oldest first."""
    query = select(roster_looks.c.group_id, roster_looks.c.looked_at, roster_looks.c.staff).where(
        roster_looks.c.group_id.in_(list(group_ids)),
        roster_looks.c.looked_at >= since,
        roster_looks.c.looked_at < until,
    )
    return [row._tuple() for row in conn.execute(query.order_by(roster_looks.c.looked_at))]
