"""Who did what by hand: approvals, switches, erasures, exports. Subjects are numbers and keys, never names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from qunflow.store.tables import audit_log


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: ``actor`` did ``action`` to ``subject``."""

    audit_id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


def record(
    conn: Connection, actor: str, action: str, subject: str, at: datetime, detail: Mapping[str, Any] | None = None
) -> None:
    """Note an act in the transaction that does it; ``detail`` is plain JSON without personal data."""
    row = {"at": at, "actor": actor, "action": action, "subject": subject, "detail": dict(detail or {})}
    conn.execute(insert(audit_log), row)


def entries(conn: Connection, limit: int = 100) -> list[AuditEntry]:
    """The newest acts first."""
    query = select(*(audit_log.c[name] for name in AuditEntry.__slots__))
    rows = conn.execute(query.order_by(audit_log.c.audit_id.desc()).limit(limit))
    return [AuditEntry(*row) for row in rows]
