"""Live group codes (群活码) as made at the platform: one a community and channel, with the groups behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

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
    return _found(conn, live_codes.c.community == community, live_codes.c.channel)


def codes_for(conn: Connection, channel: str) -> list[LiveCode]:
    """The codes of a channel, one a community that has it."""
    return _found(conn, live_codes.c.channel == channel, live_codes.c.community)


def keep_code(conn: Connection, code: LiveCode) -> None:
    """Write a code down; the same channel has one code, whose groups may change."""
    row = {name: getattr(code, name) for name in LiveCode.__slots__}
    upsert(conn, live_codes, [{**row, "group_ids": list(code.group_ids)}], key=("community", "channel"))


def _found(conn: Connection, which: ColumnElement[bool], order: ColumnElement[str]) -> list[LiveCode]:
    return [
        LiveCode(row.config_id, row.community, row.channel, tuple(row.group_ids), row.url, row.created_at)
        for row in conn.execute(select(live_codes).where(which).order_by(order))
    ]
