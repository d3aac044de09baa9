"""
To-dos that ask for a reason: answered with one of those offered and a word on what was changed, and read again later.

Closing without an answer is left to ``todos``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from qunflow.store import audit
from qunflow.store.tables import todos

MOST_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Asked:
    """A to-do that asks for a reason; once it is answered, ``details`` holds ``reason`` and ``change`` too."""

    event_key: str
    details: Mapping[str, Any]
    state: str
    created_at: datetime
    closed_at: datetime | None


def answer(conn: Connection, todo_id: int, reason: str, change: str, *, by: str, at: datetime) -> bool:
    """
    Close an open to-do with a reason it offers; ``change`` is cut to 120 characters.

    Returns:
        False when it is closed already, does not ask, or does not offer this reason.
    """
    row = conn.execute(select(todos).where(todos.c.todo_id == todo_id)).one_or_none()
    if row is None or row.state != "open" or reason not in row.details.get("reasons", ()):
        return False
    details = {**row.details, "reason": reason, "change": change.strip()[:MOST_CHARACTERS]}
    mine = update(todos).where(todos.c.todo_id == todo_id, todos.c.state == "open")
    done = conn.execute(mine.values(details=details, state="done", closed_at=at, closed_by=by)).rowcount == 1
    if done:
        audit.record(conn, by, "todo.answer", str(todo_id), at, {"reason": reason})
    return done


def asked_since(conn: Connection, community: str, prefix: str, since: datetime) -> list[Asked]:
    """The to-dos of a community made since an instant whose key begins with ``prefix``, oldest first."""
    columns = (todos.c.event_key, todos.c.details, todos.c.state, todos.c.created_at, todos.c.closed_at)
    wanted = select(*columns).where(
        todos.c.community == community,
        todos.c.event_key.startswith(prefix, autoescape=True),
        todos.c.created_at >= since,
    )
    return [Asked(*row) for row in conn.execute(wanted.order_by(todos.c.created_at, todos.c.todo_id))]
