"""Emptying the raw rows a person came from, so that nothing sealed with the workspace's key remembers them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Column, Connection, Table, or_, select, update

from qunflow.store.rows import chunks
from qunflow.store.tables import inbox, quarantine

Opener = Callable[[bytes, str], bytes]


def empty_raw_rows(conn: Connection, open_bytes: Opener, person_id: int, traces: Iterable[str]) -> None:
    """
    Empty inbox and quarantine rows that belong to a person or mention one of ``traces`` (open ids, phones).

    Every row kept without a person is opened once: erasing is rare, forgetting one row would be worse.
    """
    marks = [trace.encode() for trace in traces if trace]
    strangers = select(inbox).where(or_(inbox.c.person_id.is_(None), inbox.c.person_id == person_id))
    mentioned = [
        row.inbox_id
        for row in conn.execute(strangers)
        if row.person_id == person_id or _mentions(row.sealed_body, f"inbox:{row.source}", open_bytes, marks)
    ]
    _empty(conn, inbox, inbox.c.inbox_id, mentioned, "sealed_body")
    kept = [
        row.quarantine_id
        for row in conn.execute(select(quarantine))
        if _mentions(row.sealed_row, f"quarantine:{row.source}", open_bytes, marks)
    ]
    _empty(conn, quarantine, quarantine.c.quarantine_id, kept, "sealed_row")


def _mentions(sealed: bytes, context: str, open_bytes: Opener, marks: list[bytes]) -> bool:
    plain = open_bytes(sealed, context) if sealed else b""
    return any(mark in plain for mark in marks)


def _empty(conn: Connection, table: Table, key: Column[int], ids: list[int], column: str) -> None:
    for part in chunks(ids):
        conn.execute(update(table).where(key.in_(part)).values({column: b""}))
