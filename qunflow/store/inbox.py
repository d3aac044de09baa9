"""
What came in from outside, raw and sealed, before anything is made of it.

A webhook is answered only after its row is committed here; how many share one commit is for the web to say. The same
key twice is one row, so a platform may repeat itself; rows become state and history later and can be read again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, select, update

from qunflow.store.rows import chunks, insert_new
from qunflow.store.tables import inbox
from qunflow.store.vault import Vault

Body = dict[str, Any] | bytes


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One thing that came in: ``body`` is a JSON object, or the bytes as they arrived; ``person_id`` whom it names."""

    inbox_id: int
    source: str
    key: str
    received_at: datetime
    body: Body
    person_id: int | None = None


@dataclass(frozen=True, slots=True)
class SealedRow:
    """What came in, ready to be kept: nothing in it can be read without the workspace's key."""

    source: str
    key_digest: str
    sealed_body: bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """Rows of one source that nothing was made of yet, and since when the oldest has waited."""

    source: str
    rows: int
    since: datetime


def sealed(vault: Vault, source: str, key: str, body: Body) -> SealedRow:
    """
    Seal what came in; needs no database.

    Args:
        source: form, wecom, click, scan_page, checkin, order or reply.
        key: the same for a repetition of the same thing.
    """
    digest = vault.digest(f"inbox:{source}", key)
    return SealedRow(source, digest, vault.seal_bytes(_pack(key, body), f"inbox:{source}"))


def keep(conn: Connection, rows: Sequence[SealedRow], at: datetime) -> list[bool]:
    """Keep sealed rows; tells of each whether it is new. Of two with one key the first is."""
    values = [
        {"source": one.source, "key_digest": one.key_digest, "received_at": at, "sealed_body": one.sealed_body}
        for one in {(one.source, one.key_digest): one for one in reversed(rows)}.values()
    ]
    fresh = set(insert_new(conn, inbox, values, ["source", "key_digest"]))
    return [_taken(fresh, (one.source, one.key_digest)) for one in rows]


def backlogs(conn: Connection) -> list[Backlog]:
    """What waits to be applied, by source; rows of erased persons do not wait."""
    query = (
        select(inbox.c.source, func.count().label("rows"), func.min(inbox.c.received_at).label("since"))
        .where(inbox.c.state == "new", inbox.c.sealed_body != b"")
        .group_by(inbox.c.source)
        .order_by(inbox.c.source)
    )
    return [Backlog(row.source, row.rows, row.since) for row in conn.execute(query)]


def unapplied(conn: Connection, vault: Vault, source: str, limit: int) -> list[InboxRow]:
    """The oldest rows of a source that nothing was made of yet; those of erased persons are passed over."""
    query = (
        select(inbox)
        .where(inbox.c.source == source, inbox.c.state == "new", inbox.c.sealed_body != b"")
        .order_by(inbox.c.inbox_id)
        .limit(limit)
    )
    return [_open(vault, row) for row in conn.execute(query)]


def applied(conn: Connection, vault: Vault, source: str, after_id: int, limit: int) -> list[InboxRow]:
    """Rows that something was made of, oldest first and above a number, to make it again; not those with a reason."""
    query = (
        select(inbox)
        .where(inbox.c.source == source, inbox.c.state == "applied", inbox.c.reason == "", inbox.c.sealed_body != b"")
        .where(inbox.c.inbox_id > after_id)
        .order_by(inbox.c.inbox_id)
        .limit(limit)
    )
    return [_open(vault, row) for row in conn.execute(query)]


def applied_about(conn: Connection, vault: Vault, source: str, person_ids: Iterable[int]) -> list[InboxRow]:
    """Rows that something was made of and that are about these persons, oldest first."""
    found: list[InboxRow] = []
    for part in chunks(person_ids):
        query = select(inbox).where(
            inbox.c.person_id.in_(part),
            inbox.c.source == source,
            inbox.c.state == "applied",
            inbox.c.sealed_body != b"",
        )
        found += [_open(vault, row) for row in conn.execute(query)]
    return sorted(found, key=lambda row: row.inbox_id)


def quarantined(conn: Connection, since: datetime) -> dict[tuple[str, str], int]:
    """How many rows were set aside since an instant, by source and reason."""
    query = (
        select(inbox.c.source, inbox.c.reason, func.count())
        .where(inbox.c.state == "quarantined", inbox.c.applied_at >= since)
        .group_by(inbox.c.source, inbox.c.reason)
    )
    return {(row[0], row[1]): int(row[2]) for row in conn.execute(query)}


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
        reason: why they were quarantined, or why nothing was made of them; empty otherwise.
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


def _taken(fresh: set[tuple[str, str]], key: tuple[str, str]) -> bool:
    new = key in fresh
    fresh.discard(key)
    return new


def _pack(key: str, body: Body) -> bytes:
    content = {"bytes": base64.b64encode(body).decode()} if isinstance(body, bytes) else {"json": body}
    return json.dumps({"key": key, **content}, ensure_ascii=False).encode()


def _open(vault: Vault, row: Any) -> InboxRow:
    packed = json.loads(vault.open_bytes(row.sealed_body, f"inbox:{row.source}"))
    body = packed["json"] if "json" in packed else base64.b64decode(packed["bytes"])
    return InboxRow(row.inbox_id, row.source, packed["key"], row.received_at, body, row.person_id)
