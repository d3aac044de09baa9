"""
What somebody has to do by hand: one row a thing, told apart by what it is about, closed by a tap.

What makes a to-do is left to ``delivery``; here they are kept, found and counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, and_, func, or_, select, update

from qunflow.store import audit
from qunflow.store.rows import insert_ignore
from qunflow.store.tables import groups, todos

Kind = Literal[
    "create_group", "announcement", "red_packet", "remove_member", "recall", "correct", "settle", "chase", "other"
]
State = Literal["open", "done", "skipped"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class NewTodo:
    """
    Something to be done by hand.

    Args:
        event_key: what it is about; a second to-do with the same key is not made.
        assignee: the userid of whoever does it.
        details: plain JSON for the page: ``note``, ``text``, ``slot``; no names of members.
        due_at: when it should be done.
    """

    event_key: str
    community: str
    kind: Kind
    assignee: str
    due_at: datetime
    details: Mapping[str, Any] = field(default_factory=dict)
    group_id: int | None = None
    target_id: int | None = None


@dataclass(frozen=True, slots=True)
class Todo:
    """A to-do as it is shown; ``group`` is the name of the group it concerns, or empty."""

    todo_id: int
    community: str
    kind: Kind
    assignee: str
    group: str
    target_id: int | None
    details: Mapping[str, Any]
    due_at: datetime
    state: State
    closed_at: datetime | None
    closed_by: str


def add(conn: Connection, new: Sequence[NewTodo], at: datetime) -> int:
    """Write down what is to be done; returns how many to-dos are new."""
    rows = [
        {
            "event_key": one.event_key,
            "community": one.community,
            "kind": one.kind,
            "group_id": one.group_id,
            "target_id": one.target_id,
            "assignee_userid": one.assignee,
            "details": dict(one.details),
            "due_at": one.due_at,
            "created_at": at,
        }
        for one in new
    ]
    return insert_ignore(conn, todos, rows)


def close(conn: Connection, todo_id: int, state: State, *, by: str, at: datetime) -> bool:
    """Tap ``done`` or ``skipped``, or take the tap back with ``open``; returns False when it stood so already."""
    old = ("done", "skipped") if state == "open" else ("open",)
    values = {"state": state, "closed_at": None if state == "open" else at, "closed_by": "" if state == "open" else by}
    mine = update(todos).where(todos.c.todo_id == todo_id, todos.c.state.in_(old))
    changed = conn.execute(mine.values(**values)).rowcount == 1
    if changed:
        audit.record(conn, by, f"todo.{state}", str(todo_id), at)
    return changed


def close_about(conn: Connection, event_keys: Collection[str], *, by: str, at: datetime) -> int:
    """Close what has been settled elsewhere; returns how many to-dos that were."""
    mine = update(todos).where(todos.c.event_key.in_(list(event_keys)), todos.c.state == "open")
    return conn.execute(mine.values(state="done", closed_at=at, closed_by=by)).rowcount


def find(conn: Connection, todo_id: int) -> Todo | None:
    """The to-do with this number, or None."""
    row = conn.execute(_wanted().where(todos.c.todo_id == todo_id)).one_or_none()
    return _todo(row) if row else None


def listed(conn: Connection, *, assignee: str | None = None, closed_since: datetime | None = None) -> list[Todo]:
    """
    Open to-dos by the time they are due, and those closed since an instant after them.

    Args:
        assignee: only this person's; everybody's when left out.
    """
    shown = todos.c.state == "open"
    if closed_since is not None:
        shown = or_(shown, and_(todos.c.state != "open", todos.c.closed_at >= closed_since))
    wanted = _wanted().where(shown).order_by(todos.c.state == "open", todos.c.due_at, todos.c.todo_id)
    if assignee is not None:
        wanted = wanted.where(todos.c.assignee_userid == assignee)
    found = [_todo(row) for row in conn.execute(wanted)]
    return sorted(found, key=lambda one: (one.state != "open", one.due_at, one.todo_id))


def counts(conn: Connection, community: str, start: datetime, end: datetime) -> dict[str, int]:
    """How many to-dos due in [start, end) stand in each state."""
    wanted = (
        select(todos.c.state, func.count())
        .where(todos.c.community == community, todos.c.due_at >= start, todos.c.due_at < end)
        .group_by(todos.c.state)
    )
    return {row[0]: row[1] for row in conn.execute(wanted)}


def _wanted() -> Any:
    return select(todos, groups.c.name.label("group_name")).outerjoin(groups, groups.c.group_id == todos.c.group_id)


def _todo(row: Any) -> Todo:
    return Todo(
        todo_id=row.todo_id,
        community=row.community,
        kind=row.kind,
        assignee=row.assignee_userid,
        group=row.group_name or "",
        target_id=row.target_id,
        details=row.details,
        due_at=row.due_at,
        state=row.state,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
    )
