"""
To-dos that follow from what happened: settle what nobody can know, recall what arrived after all; and a word about
what was to be done by now.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection, func, select, update

from qunflow.community.roles import may
from qunflow.delivery.chasing import supervisor
from qunflow.delivery.corrections import recall_late
from qunflow.delivery.notices import Notice, tell, title_of
from qunflow.delivery.ports import Ports
from qunflow.delivery.problems import todo_key
from qunflow.store import absences
from qunflow.store.tables import targets, todos
from qunflow.store.todos import NewTodo, add

_STILL = timedelta(days=1)
# Whoever made it knows of it for a while.
_SETTLED_IN = timedelta(minutes=10)
_SETTLE_WITHIN = timedelta(minutes=30)


def follow_up(conn: Connection, ports: Ports, now: datetime) -> int:
    """Make the to-dos that are missing and remind of those that are due; returns how many are new."""
    if not ports.workspace.team:
        return 0
    made = recall_late(conn, now) + _ask_to_settle(conn, ports, now)
    _remind_of_todos(conn, ports, now)
    return made


def _ask_to_settle(conn: Connection, ports: Ports, now: datetime) -> int:
    """One to-do for a call that is a dead letter, whoever it was meant for."""
    first = (
        select(func.min(targets.c.target_id))
        .where(targets.c.state == "dead", targets.c.outcome != "delivered")
        .group_by(func.coalesce(targets.c.call_id, -targets.c.target_id))
    )
    asked = select(todos.c.target_id).where(todos.c.kind == "settle", todos.c.target_id.is_not(None))
    wanted = select(targets).where(targets.c.target_id.in_(first), targets.c.target_id.not_in(asked))
    rows = conn.execute(wanted.order_by(targets.c.target_id)).all()
    known = absences.noted(conn, now) if rows else []
    new = []
    for row in rows:
        member = ports.workspace.member(row.sender_userid)
        settles = member is not None and may(member.roles, "settle")
        who = row.sender_userid if settles else supervisor(ports.workspace, known, row.sender_userid, now)
        if who:
            group = row.target_ref if row.target_kind == "chat" else None
            details = {"slot": row.slot_key}
            key, due = todo_key(row.target_id), now + _SETTLE_WITHIN
            new.append(NewTodo(key, row.community, "settle", who, due, details, group, row.target_id))
    return add(conn, new, now)


def _remind_of_todos(conn: Connection, ports: Ports, now: datetime) -> None:
    wanted = (
        select(todos)
        .where(
            todos.c.state == "open",
            todos.c.reminded_at.is_(None),
            todos.c.due_at.between(now - _STILL, now),
            todos.c.created_at <= now - _SETTLED_IN,
        )
        .order_by(todos.c.community, todos.c.assignee_userid, todos.c.due_at, todos.c.todo_id)
    )
    known = {one.key: one for one in ports.workspace.communities}
    for (key, who), found in groupby(conn.execute(wanted).all(), key=lambda row: (row.community, row.assignee_userid)):
        mine = list(found)
        conn.execute(update(todos).where(todos.c.todo_id.in_([row.todo_id for row in mine])).values(reminded_at=now))
        if key in known:
            slot = mine[0].details.get("slot", "")
            first = mine[0].details.get("note") or (title_of(ports.titles(), slot) if slot else "")
            values = {"number": len(mine), "title": first or mine[0].kind}
            tell(conn, ports, known[key], Notice(who, f"todo/{who}/{mine[0].todo_id}", "todo", values), now)
