"""
Memberships as the roster shows them: read as evidence, and written as it was worked out of evidence.

The rules are not here; what is written is what the caller found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from qunflow.store.engine import lock
from qunflow.store.members import Membership
from qunflow.store.rows import chunks
from qunflow.store.tables import groups, memberships

_WRITTEN = ("joined_at", "left_at", "left_known_by", "last_seen_at")
_HOW = ("join_scene", "pulled_in", "inviter_userid", "channel")


def stays_on_file(conn: Connection, group_id: int, person_ids: Iterable[int]) -> list[Membership]:
    """Every membership, open or ended, of some people in a group, by the instant of joining."""
    found: list[Membership] = []
    for part in chunks(dict.fromkeys(person_ids)):
        query = select(*(memberships.c[name] for name in Membership.__slots__)).where(
            memberships.c.group_id == group_id, memberships.c.person_id.in_(part)
        )
        found += [Membership(*row) for row in conn.execute(query)]
    return sorted(found, key=lambda one: (one.joined_at, one.membership_id))


def shown_at(conn: Connection, group_id: int, looked_at: datetime) -> dict[int, datetime]:
    """Who was on a group's roster at a look, and since when; who was in with two accounts, since the earlier."""
    query = select(memberships.c.person_id, memberships.c.joined_at).where(
        memberships.c.group_id == group_id,
        memberships.c.last_seen_at == looked_at,
        memberships.c.join_scene.is_not(None),
    )
    return {row.person_id: row.joined_at for row in conn.execute(query.order_by(memberships.c.joined_at.desc()))}


def rewrite(
    conn: Connection,
    begun: Sequence[dict[str, Any]],
    changed: Sequence[dict[str, Any]],
    never: Iterable[int],
) -> None:
    """
    Write memberships as they were worked out.

    Args:
        begun: new rows, each with every column but the number.
        changed: ``membership_id`` and every column but group and person.
        never: numbers of those that turned out never to have been.
    """
    lock(conn, "memberships")
    for part in chunks(never):
        conn.execute(delete(memberships).where(memberships.c.membership_id.in_(part)))
    if changed:
        names = (*_WRITTEN, *_HOW)
        values: dict[str, Any] = {name: bindparam(f"new_{name}", type_=memberships.c[name].type) for name in names}
        rows = [{"row": one["membership_id"], **{f"new_{name}": one[name] for name in names}} for one in changed]
        conn.execute(update(memberships).where(memberships.c.membership_id == bindparam("row")).values(values), rows)
    if begun:
        conn.execute(insert(memberships), list(begun))


def dissolve(conn: Connection, group_id: int, at: datetime) -> bool:
    """Note that a group is gone; returns whether that is news."""
    gone = update(groups).where(groups.c.group_id == group_id, groups.c.dissolved_at.is_(None)).values(dissolved_at=at)
    return conn.execute(gone).rowcount == 1


def followed(conn: Connection, group_id: int, member_version: str) -> None:
    """Note the version of the member list that callbacks led to, without a look at it."""
    conn.execute(update(groups).where(groups.c.group_id == group_id).values(member_version=member_version))
