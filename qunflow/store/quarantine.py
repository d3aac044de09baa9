"""Rows that could not be used: kept sealed with the reason, never dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from qunflow.store.rows import insert_ignore
from qunflow.store.tables import quarantine
from qunflow.store.vault import Vault


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row as it came, with the reason it was not used; ``row`` is empty once its person was erased."""

    quarantine_id: int
    stage: str
    source: str
    row_ref: str
    reason: str
    row: dict[str, Any]
    quarantined_at: datetime


def keep(
    conn: Connection,
    vault: Vault,
    stage: str,
    source: str,
    rows: Sequence[tuple[str, str, Mapping[str, Any]]],
    at: datetime,
) -> int:
    """
    Keep bad rows of a source.

    Args:
        rows: (reference within the source such as a line or serial number, reason, the row).

    Returns:
        How many are new: a row is kept once, with its first reason.
    """
    return insert_ignore(
        conn,
        quarantine,
        [
            {
                "stage": stage,
                "source": source,
                "row_ref": row_ref,
                "reason": reason[:200],
                "sealed_row": vault.seal_bytes(_pack(row), f"quarantine:{source}"),
                "quarantined_at": at,
            }
            for row_ref, reason, row in rows
        ],
    )


def reasons(conn: Connection, stage: str) -> dict[str, int]:
    """How many rows of a stage are in quarantine, by reason."""
    query = select(quarantine.c.reason, func.count()).where(quarantine.c.stage == stage).group_by(quarantine.c.reason)
    return {row[0]: row[1] for row in conn.execute(query)}


def rows_of(conn: Connection, vault: Vault, stage: str, limit: int = 100) -> list[QuarantinedRow]:
    """The newest quarantined rows of a stage, opened: for the person who repairs them."""
    query = (
        select(quarantine).where(quarantine.c.stage == stage).order_by(quarantine.c.quarantine_id.desc()).limit(limit)
    )
    return [_open(vault, row) for row in conn.execute(query)]


def _pack(row: Mapping[str, Any]) -> bytes:
    # A bad row may hold anything; what JSON does not know is kept as its text.
    return json.dumps(dict(row), ensure_ascii=False, default=str).encode()


def _open(vault: Vault, row: Any) -> QuarantinedRow:
    plain = vault.open_bytes(row.sealed_row, f"quarantine:{row.source}") if row.sealed_row else b"{}"
    return QuarantinedRow(
        row.quarantine_id, row.stage, row.source, row.row_ref, row.reason, json.loads(plain), row.quarantined_at
    )
