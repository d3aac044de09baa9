"""Live group codes (群活码) as made at the platform: one a community and channel, with the groups behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from qunflow.store.rows import upsert
from qunflow.store.tables import live_codes


@dataclass(frozen=True, slots=True)
class LiveCode:
    """A code: ``url`` is the address of its picture, ``group_ids`` the groups it leads to, in order of filling."""

    config_id: str
    community: str
    channel: str
    group_ids: tuple[int, ...]
    url: str
    created_at: datetime


def codes_of(conn: Connection, community: str) -> list[LiveCode]:
    """The codes of a community, by channel."""
    query = select(live_codes).where(live_codes.c.community == community).order_by(live_codes.c.channel)
    return [
        LiveCode(row.config_id, row.community, row.channel, tuple(row.group_ids), row.url, row.created_at)
        for row in conn.execute(query)
    ]


def keep_code(conn: Connection, code: LiveCode) -> None:
    """Write a code down; the same channel has one code, whose groups may change."""
    row = {name: getattr(code, name) for name in LiveCode.__slots__}
    upsert(conn, live_codes, [{**row, "group_ids": list(code.group_ids)}], key=("community", "channel"))
