"""
What came in from outside, raw and sealed, before anything is made of it.

A webhook is answered only after its row is committed here. The same key twice is one row, so a platform may repeat
itself; rows become state and history later and can be read again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, select, update

from qunflow.store.rows import chunks, insert_ignore
from qunflow.store.tables import inbox
from qunflow.store.vault import Vault

Body = dict[str, Any] | bytes


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One thing that came in; ``body`` is a JSON object, or the bytes as they arrived."""

    inbox_id: int
    source: str
    key: str
    received_at: datetime
    body: Body


def receive(conn: Connection, vault: Vault, source: str, key: str, body: Body, at: datetime) -> bool:
    """
    Keep what came in.

    Args:
        source: form, wecom, click, checkin, order or reply.
        key: the same for a repetition of the same thing.

    Returns:
        Whether it is new.
    """
    return receive_many(conn, vault, source, [(key, body)], at) == 1


def receive_many(conn: Connection, vault: Vault, source: str, items: Sequence[tuple[str, Body]], at: datetime) -> int:
    """Keep several things of one source; returns how many are new."""
    rows = [
        {
            "source": source,
            "key_digest": vault.digest(f"inbox:{source}", key),
            "received_at": at,
            "sealed_body": vault.seal_bytes(_pack(key, body), f"inbox:{source}"),
        }
        for key, body in items
    ]
    return insert_ignore(conn, inbox, rows)


def unapplied(conn: Connection, vault: Vault, source: str, limit: int) -> list[InboxRow]:
    """The oldest rows of a source that nothing was made of yet; those of erased persons are passed over."""
    query = (
        select(inbox)
        .where(inbox.c.source == source, inbox.c.state == "new", inbox.c.sealed_body != b"")
        .order_by(inbox.c.inbox_id)
        .limit(limit)
    )
    return [_open(vault, row) for row in conn.execute(query)]


def newest(conn: Connection, vault: Vault, source: str, since: datetime, limit: int) -> list[InboxRow]:
    """The youngest rows since an instant that nothing was made of yet; for what cannot wait its turn."""
    query = (
        select(inbox)
        .where(inbox.c.source == source, inbox.c.state == "new", inbox.c.sealed_body != b"")
        .where(inbox.c.received_at >= since)
        .order_by(inbox.c.inbox_id.desc())
        .limit(limit)
    )
    return [_open(vault, row) for row in conn.execute(query)]


def mark(
    conn: Connection,
    ids: Iterable[int],
    state: Literal["applied", "quarantined"],
    reason: str,
    at: datetime,
    persons: Mapping[int, int] | None = None,
) -> int:
    """
    Say what became of rows.

    Args:
        reason: why they were quarantined; empty otherwise.
        persons: inbox id → person id where it is known; it lets an erased person's rows be emptied.

    Returns:
        How many rows changed; a row is marked once.
    """
    changed = 0
    for part in chunks(ids):
        what = update(inbox).where(inbox.c.inbox_id.in_(part), inbox.c.state == "new")
        changed += conn.execute(what.values(state=state, reason=reason[:200], applied_at=at)).rowcount
    if persons:
        belongs = update(inbox).where(inbox.c.inbox_id == bindparam("row")).values(person_id=bindparam("person"))
        conn.execute(belongs, [{"row": row, "person": person} for row, person in persons.items()])
    return changed


def _pack(key: str, body: Body) -> bytes:
    content = {"bytes": base64.b64encode(body).decode()} if isinstance(body, bytes) else {"json": body}
    return json.dumps({"key": key, **content}, ensure_ascii=False).encode()


def _open(vault: Vault, row: Any) -> InboxRow:
    packed = json.loads(vault.open_bytes(row.sealed_body, f"inbox:{row.source}"))
    body = packed["json"] if "json" in packed else base64.b64decode(packed["bytes"])
    return InboxRow(row.inbox_id, row.source, packed["key"], row.received_at, body)
