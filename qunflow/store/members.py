"""
Groups and who is in them.

A membership is an interval: it opens with a join and closes with a leave. Which there are is worked out from evidence
and written by ``rosters``; here they are read and counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select, update

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


def saw_roster(conn: Connection, group_id: int, person_ids: Iterable[int], member_version: str, at: datetime) -> None:
    """Note that a group's members were read: who was seen, and which version of the list it was."""
    for part in chunks(person_ids):
        seen = update(memberships).where(memberships.c.group_id == group_id, memberships.c.person_id.in_(part))
        conn.execute(seen.where(memberships.c.left_at.is_(None)).values(last_seen_at=at))
    read = update(groups).where(groups.c.group_id == group_id)
    conn.execute(read.values(member_version=member_version, roster_at=at))


def _memberships() -> Any:
    return select(*(memberships.c[name] for name in Membership.__slots__))
