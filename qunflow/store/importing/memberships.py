"""
Stays in a group, rebuilt from the joins and leaves an import brought.

Stays that are known already count as the joins and leaves they are made of, so files may come in any order and
overlap. A join of somebody who is in, and a leave of somebody who is not, change nothing. What rosters and callbacks
showed to the second stands: a file that tells of the same to the minute tells nothing new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select

from qunflow.acquisition.stays import BY_CALLBACK, LAG, SAME_STAY
from qunflow.store.engine import lock
from qunflow.store.rows import chunks, upsert
from qunflow.store.tables import memberships

Key = tuple[int, int]
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Move:
    """A person joins or leaves a group at an instant (UTC)."""

    group_id: int
    person_id: int
    at: datetime
    joins: bool
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Stay:
    """From joining to leaving; ``left_at`` is None while the person is in."""

    joined_at: datetime
    left_at: datetime | None
    channel: str = ""


def stays_of(moves: Iterable[Move]) -> list[Stay]:
    """The stays that moves of one person in one group make, taken in the order given."""
    stays: list[Stay] = []
    opened: Move | None = None
    for move in moves:
        if opened is None and move.joins:
            opened = move
        elif opened is not None and not move.joins:
            stays.append(Stay(opened.at, move.at, opened.channel))
            opened = None
    return [*stays, Stay(opened.at, None, opened.channel)] if opened else stays


def rebuild(conn: Connection, moves: Iterable[Move], known_by: str, at: datetime) -> int:
    """
    Bring the memberships of all moved persons up to date.

    Args:
        known_by: what says so of the leaves.
        at: when it was learned.

    Returns:
        How many memberships are new, ended or gone.
    """
    lock(conn, "memberships")
    by_key: dict[Key, list[Move]] = defaultdict(list)
    for move in moves:
        by_key[(move.group_id, move.person_id)].append(move)
    known = _known(conn, {person_id for _, person_id in by_key})
    fresh: list[dict[str, Any]] = []
    gone: list[int] = []
    for key, new in by_key.items():
        old = known.get(key, {})
        wanted = {stay.joined_at: stay for stay in stays_of(_in_order(key, old.values(), new))}
        gone += [row.membership_id for joined_at, row in old.items() if joined_at not in wanted]
        stays = [stay for joined_at, stay in wanted.items() if _differs(old.get(joined_at), stay)]
        fresh += [_row(key, stay, known_by, at) for stay in stays]
    for part in chunks(gone):
        conn.execute(delete(memberships).where(memberships.c.membership_id.in_(part)))
    keys = ["group_id", "person_id", "joined_at"]
    upsert(conn, memberships, fresh, key=keys, update=["left_at", "left_known_by", "last_seen_at"])
    return len(fresh) + len(gone)


def _known(conn: Connection, person_ids: Iterable[int]) -> dict[Key, dict[datetime, Any]]:
    known: dict[Key, dict[datetime, Any]] = defaultdict(dict)
    for part in chunks(person_ids):
        for row in conn.execute(select(memberships).where(memberships.c.person_id.in_(part))):
            known[(row.group_id, row.person_id)][row.joined_at] = row
    return known


def _in_order(key: Key, old: Collection[Any], new: Iterable[Move]) -> list[Move]:
    moves = [Move(*key, row.joined_at, True, row.channel) for row in old]
    moves += [Move(*key, row.left_at, False) for row in old if row.left_at is not None]
    # Whoever a roster shows to have joined was out before, whatever a file says.
    moves += [Move(*key, row.joined_at - _TICK, False) for row in old if _is_shown(row)]
    news = [move for move in new if not any(_knows(row, move) for row in old)]
    # Sorting keeps the order of the file within one instant.
    return sorted([*moves, *news], key=lambda move: move.at)


def _knows(row: Any, move: Move) -> bool:
    """Whether a membership that was seen or told of says of a move already, or knows it cannot be."""
    is_told = row.left_known_by == BY_CALLBACK
    if not _is_shown(row) and not is_told:
        return False
    if _is_shown(row) and row.joined_at <= move.at <= row.last_seen_at - LAG:
        return True
    said = row.joined_at if move.joins else row.left_at if is_told else None
    return said is not None and abs(move.at - said) <= SAME_STAY


def _is_shown(row: Any) -> bool:
    return row.join_scene is not None


def _differs(row: Any, stay: Stay) -> bool:
    return row is None or row.left_at != stay.left_at


def _row(key: Key, stay: Stay, known_by: str, at: datetime) -> dict[str, Any]:
    return {
        "group_id": key[0],
        "person_id": key[1],
        "joined_at": stay.joined_at,
        "left_at": stay.left_at,
        "left_known_by": known_by if stay.left_at else None,
        "last_seen_at": stay.left_at or at,
        "channel": stay.channel,
    }
