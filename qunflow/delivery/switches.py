"""
The kill switch: stop everything, one campaign or one group at once; what is due waits.

It is read in the transaction that claims a message, so nothing leaves after it is set.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select

from qunflow.delivery.claims import CLAIMING
from qunflow.store.engine import lock
from qunflow.store.rows import insert_ignore
from qunflow.store.tables import audit_log, kill_switches

Scope = Literal["all", "campaign", "group"]


def stop(conn: Connection, scope: Scope, key: str, *, by: str, at: datetime) -> bool:
    """
    Hold back everything of a scope.

    Args:
        scope: ``all`` (key ``all``), ``campaign`` (its key) or ``group`` (``community/group``).
        key: what is stopped.
        by: who stops it.
        at: the present instant.

    Returns:
        False when it was stopped already.
    """
    lock(conn, CLAIMING)
    new = insert_ignore(conn, kill_switches, [{"scope": scope, "key": key, "since": at, "set_by": by}]) == 1
    if new:
        _note(conn, "stop", scope, key, by, at)
    return new


def go_on(conn: Connection, scope: Scope, key: str, *, by: str, at: datetime) -> bool:
    """Let a scope send again; returns False when it was not stopped."""
    gone = conn.execute(delete(kill_switches).where(kill_switches.c.scope == scope, kill_switches.c.key == key))
    if gone.rowcount:
        _note(conn, "go_on", scope, key, by, at)
    return gone.rowcount == 1


def stopped(conn: Connection) -> list[dict[str, Any]]:
    """What is stopped now: ``scope``, ``key``, ``since``, ``set_by``."""
    rows = conn.execute(select(kill_switches).order_by(kill_switches.c.scope, kill_switches.c.key))
    return [dict(row._mapping) for row in rows]


def _note(conn: Connection, action: str, scope: str, key: str, by: str, at: datetime) -> None:
    row = {"at": at, "actor": by, "action": f"delivery.{action}", "subject": f"{scope}/{key}", "detail": {}}
    conn.execute(insert(audit_log), [row])
