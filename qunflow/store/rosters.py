"""
What a look at a group's roster adds to memberships that are known already: how somebody came, and that a group is gone.

An imported log tells that somebody joined; only the roster tells by which code, or by whose invitation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from qunflow.store.tables import groups, memberships


def past_stays(conn: Connection, group_id: int, person_ids: Sequence[int]) -> frozenset[tuple[int, datetime]]:
    """Person and joining time of the ended stays of some people in a group."""
    query = select(memberships.c.person_id, memberships.c.joined_at).where(
        memberships.c.group_id == group_id,
        memberships.c.left_at.is_not(None),
        memberships.c.person_id.in_(list(person_ids)),
    )
    return frozenset((row.person_id, row.joined_at) for row in conn.execute(query)) if person_ids else frozenset()


def describe_joins(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """
    Fill in how people came, where nobody knew.

    Args:
        rows: ``membership_id``, ``join_scene``, ``pulled_in``, ``inviter_userid``, ``channel`` each.

    Returns:
        How many memberships are better known now.
    """
    if not rows:
        return 0
    unknown = (memberships.c.membership_id == bindparam("row")) & memberships.c.join_scene.is_(None)
    names = ("join_scene", "pulled_in", "inviter_userid", "channel")
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    bound = [{"row": row["membership_id"], **{f"new_{name}": row[name] for name in values}} for row in rows]
    return int(conn.execute(update(memberships).where(unknown).values(values), bound).rowcount)


def dissolve(conn: Connection, group_id: int, at: datetime) -> bool:
    """Note that a group is gone; returns whether that is news."""
    gone = update(groups).where(groups.c.group_id == group_id, groups.c.dissolved_at.is_(None)).values(dissolved_at=at)
    return conn.execute(gone).rowcount == 1
