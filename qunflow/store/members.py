"""
Groups and who is in them.

A membership is an interval: it opens with a join and closes with a leave, in any order of arrival and however often
the same is told. What really changed is given back, for the caller to write into history.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from qunflow.store.engine import lock
from qunflow.store.rows import chunks, upsert
from qunflow.store.tables import groups, memberships

if TYPE_CHECKING:
    from qunflow.settings.workspace import Workspace


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group as the store knows it; ``roster_at`` is when its members were read last."""

    group_id: int
    community: str
    group_key: str
    chat_id: str | None
    name: str
    kind: str
    owner_userid: str
    opened_on: date | None
    dissolved_at: datetime | None
    member_version: str
    roster_at: datetime | None


@dataclass(frozen=True, slots=True)
class Join:
    """Somebody came into a group; ``join_scene`` is the platform's code of the way, ``pulled_in`` by somebody else."""

    group_id: int
    person_id: int
    joined_at: datetime
    join_scene: int | None = None
    pulled_in: bool = False
    inviter_userid: str = ""
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """Somebody is not in a group any more; ``known_by`` says from where: callback, roster or import."""

    group_id: int
    person_id: int
    left_at: datetime
    known_by: str


@dataclass(frozen=True, slots=True)
class Membership:
    """One interval of one person in one group; open while ``left_at`` is ``None``."""

    membership_id: int
    group_id: int
    person_id: int
    joined_at: datetime
    left_at: datetime | None
    left_known_by: str | None
    last_seen_at: datetime
    join_scene: int | None
    pulled_in: bool
    inviter_userid: str
    channel: str


Pair = tuple[int, int]


def sync_groups(conn: Connection, workspace: Workspace) -> dict[tuple[str, str], int]:
    """
    Bring the groups of the settings into the store; groups that were dropped from the settings stay.

    Returns:
        (community key, group key) → group id.
    """
    rows = [
        {
            "community": community.key,
            "group_key": group.key,
            # Empty is none: several groups of other platforms have no chat id.
            "chat_id": group.chat_id or None,
            "platform": group.platform,
            "name": group.name,
            "kind": group.kind,
            "owner_userid": group.owner,
            "opened_on": group.opened_on,
        }
        for community in workspace.communities
        for group in community.groups
    ]
    upsert(conn, groups, rows, key=["community", "group_key"])
    query = select(groups.c.community, groups.c.group_key, groups.c.group_id)
    return {(row.community, row.group_key): row.group_id for row in conn.execute(query)}


def groups_of(conn: Connection, community: str) -> list[GroupRow]:
    """The groups of a community that are not dissolved, by key."""
    query = select(*(groups.c[name] for name in GroupRow.__slots__)).where(
        groups.c.community == community, groups.c.dissolved_at.is_(None)
    )
    return sorted((GroupRow(*row) for row in conn.execute(query)), key=lambda group: group.group_key)


def dissolved_of(conn: Connection, community: str) -> list[GroupRow]:
    """The groups of a community that are gone for good, by key."""
    query = select(*(groups.c[name] for name in GroupRow.__slots__)).where(
        groups.c.community == community, groups.c.dissolved_at.is_not(None)
    )
    return sorted((GroupRow(*row) for row in conn.execute(query)), key=lambda group: group.group_key)


def group_ids_of_chats(conn: Connection, chat_ids: Iterable[str]) -> dict[str, int]:
    """Platform chat id → group id, of those that are known."""
    found: dict[str, int] = {}
    for part in chunks(dict.fromkeys(chat_ids)):
        query = select(groups.c.chat_id, groups.c.group_id).where(groups.c.chat_id.in_(part))
        found.update({row.chat_id: row.group_id for row in conn.execute(query)})
    return found


def open_memberships(conn: Connection, group_id: int) -> dict[int, Membership]:
    """Who is in a group now: person id → membership."""
    query = _memberships().where(memberships.c.group_id == group_id, memberships.c.left_at.is_(None))
    return {row.person_id: Membership(*row) for row in conn.execute(query)}


def memberships_of(conn: Connection, community: str) -> list[Membership]:
    """Every interval of every group of a community, by the instant of joining."""
    query = _memberships().join(groups).where(groups.c.community == community)
    return [
        Membership(*row) for row in conn.execute(query.order_by(memberships.c.joined_at, memberships.c.membership_id))
    ]


def member_counts(conn: Connection, community: str) -> dict[int, int]:
    """Group id → members now; groups without anybody count 0."""
    query = (
        select(groups.c.group_id, func.count(memberships.c.membership_id))
        .outerjoin(memberships, (memberships.c.group_id == groups.c.group_id) & memberships.c.left_at.is_(None))
        .where(groups.c.community == community, groups.c.dissolved_at.is_(None))
        .group_by(groups.c.group_id)
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def apply_joins(conn: Connection, joins: Sequence[Join], seen_at: datetime) -> list[Join]:
    """
    Open memberships.

    A join into a group the person is in, or was in at that instant, was told before and changes nothing.

    Returns:
        The joins that are new, by instant.
    """
    lock(conn, "memberships")
    known = _intervals(conn, {(join.group_id, join.person_id) for join in joins})
    new: list[Join] = []
    for join in sorted(joins, key=lambda join: join.joined_at):
        intervals = known[(join.group_id, join.person_id)]
        if not any(_covers(interval, join.joined_at) for interval in intervals):
            intervals.append((join.joined_at, None))
            new.append(join)
    if new:
        conn.execute(insert(memberships), [_join_row(join, seen_at) for join in new])
    return new


def apply_leaves(conn: Connection, leaves: Sequence[Leave]) -> list[tuple[Leave, Membership]]:
    """
    Close memberships; a leave of somebody who is not in the group, or joined after it, changes nothing.

    Returns:
        The leaves that closed something, with the membership as it was open.
    """
    lock(conn, "memberships")
    opened = _open_by_pair(conn, {(leave.group_id, leave.person_id) for leave in leaves})
    closed: list[tuple[Leave, Membership]] = []
    for leave in sorted(leaves, key=lambda leave: leave.left_at):
        membership = opened.get((leave.group_id, leave.person_id))
        if membership is not None and leave.left_at >= membership.joined_at:
            del opened[(leave.group_id, leave.person_id)]
            closed.append((leave, membership))
    if closed:
        rows = [{"row": was.membership_id, "at": leave.left_at, "by": leave.known_by} for leave, was in closed]
        ends = {"left_at": bindparam("at", type_=memberships.c.left_at.type), "left_known_by": bindparam("by")}
        conn.execute(update(memberships).where(memberships.c.membership_id == bindparam("row")).values(ends), rows)
    return closed


def saw_roster(conn: Connection, group_id: int, person_ids: Iterable[int], member_version: str, at: datetime) -> None:
    """Note that a group's members were read: who was seen, and which version of the list it was."""
    for part in chunks(person_ids):
        seen = update(memberships).where(memberships.c.group_id == group_id, memberships.c.person_id.in_(part))
        conn.execute(seen.where(memberships.c.left_at.is_(None)).values(last_seen_at=at))
    read = update(groups).where(groups.c.group_id == group_id)
    conn.execute(read.values(member_version=member_version, roster_at=at))


def _memberships() -> Any:
    return select(*(memberships.c[name] for name in Membership.__slots__))


def _covers(interval: tuple[datetime, datetime | None], instant: datetime) -> bool:
    # An open interval covers earlier instants too: a callback and a roster tell one join by slightly different times.
    start, end = interval
    return end is None or start <= instant < end or instant == start


def _rows_of(conn: Connection, pairs: Iterable[Pair]) -> Iterable[Any]:
    by_group: Mapping[int, set[int]] = defaultdict(set)
    for group_id, person_id in pairs:
        by_group[group_id].add(person_id)
    for group_id, persons in by_group.items():
        for part in chunks(persons):
            query = _memberships().where(memberships.c.group_id == group_id, memberships.c.person_id.in_(part))
            yield from conn.execute(query)


def _intervals(conn: Connection, pairs: set[Pair]) -> dict[Pair, list[tuple[datetime, datetime | None]]]:
    found: dict[Pair, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for row in _rows_of(conn, pairs):
        found[(row.group_id, row.person_id)].append((row.joined_at, row.left_at))
    return found


def _open_by_pair(conn: Connection, pairs: set[Pair]) -> dict[Pair, Membership]:
    rows = _rows_of(conn, pairs)
    return {(row.group_id, row.person_id): Membership(*row) for row in rows if row.left_at is None}


def _join_row(join: Join, seen_at: datetime) -> dict[str, Any]:
    return {**{name: getattr(join, name) for name in Join.__slots__}, "last_seen_at": seen_at}
