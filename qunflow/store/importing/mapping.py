"""
Which column of a file means what, and which of its words for events means which kind.

A mapping is written ``actor=成员ID,event=事件,at=时间``; kinds are written ``入群=join,退群=leave``. What nobody
wrote is taken from the last import whose file had the same headings, else from the usual names of columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from sqlalchemy import Connection, select

from qunflow.errors import BadInput
from qunflow.settings.words import did_you_mean
from qunflow.store.events import KINDS
from qunflow.store.importing.kinds import EVENTS, KindOfFile, proposed
from qunflow.store.tables import imports

Origin = Literal["given", "remembered", "headings"]

# What exports of Chinese community tools call them; the kinds themselves are always understood.
USUAL_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "入群": "join",
        "进群": "join",
        "退群": "leave",
        "发言": "message",
        "消息": "message",
        "回复": "reply",
        "打卡": "checkin",
        "签到": "checkin",
        "点击": "click",
        "下单": "order",
        "购买": "order",
    }
)


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The column for each meaning of an event; optional ones are empty when the file has none."""

    actor: str
    event: str
    at: str
    group: str = ""
    channel: str = ""
    amount: str = ""

    def used(self) -> dict[str, str]:
        """The meanings that have a column, in the order of the fields."""
        return {one.name: getattr(self, one.name) for one in EVENTS.fields if getattr(self, one.name)}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Field → column, and where that is from."""

    columns: Mapping[str, str]
    origin: Origin


def parse_map(text: str) -> ColumnMap:
    """
    Read ``actor=…,event=…,at=…[,group=…,channel=…,amount=…]``.

    Raises:
        BadInput: an unknown or a missing meaning.
    """
    return ColumnMap(**parse_columns(EVENTS, text))


def parse_columns(kind: KindOfFile, text: str) -> dict[str, str]:
    """
    Read ``field=column,…`` for a kind of file.

    Raises:
        BadInput: an unknown or a missing field.
    """
    pairs = _pairs(text, "--map")
    names = [one.name for one in kind.fields]
    for name in pairs:
        if name not in names:
            raise BadInput(f"--map does not know {name!r}", did_you_mean(name, names))
    _require_needs(kind, pairs, "--map does not say which column is")
    return pairs


def choose(conn: Connection, kind: KindOfFile, text: str, headings: Sequence[str], file_name: str) -> Chosen:
    """
    What the columns of a file mean: as written, as remembered for these headings, or as usually called.

    Raises:
        BadInput: a column that is not there, or no column for a field that is needed.
    """
    if text:
        columns = parse_columns(kind, text)
        require_columns(columns, headings, file_name)
        return Chosen(columns, "given")
    if known := remembered(conn, kind, headings):
        return Chosen(known, "remembered")
    columns = proposed(kind, headings)
    _require_needs(kind, columns, f"{file_name} (columns: {', '.join(headings)}) has no column known to be")
    return Chosen(columns, "headings")


def remembered(conn: Connection, kind: KindOfFile, headings: Sequence[str]) -> dict[str, str] | None:
    """The mapping of the newest standing import of a file with the same headings; None when there is none."""
    query = select(imports.c.mapping).where(imports.c.kind == kind.name, imports.c.undone_at.is_(None))
    for (mapping,) in conn.execute(query.order_by(imports.c.import_id.desc())):
        # Imports of the first versions did not note the headings.
        before = mapping.get("headings")
        used = dict(mapping["columns"])
        if before == sorted(headings) or (before is None and set(used.values()) <= set(headings)):
            return used
    return None


def parse_kinds(text: str) -> dict[str, str]:
    """
    Read ``入群=join,…`` on top of the usual Chinese words.

    Raises:
        BadInput: a kind the history does not have.
    """
    pairs = _pairs(text, "--kinds") if text else {}
    for kind in pairs.values():
        if kind not in KINDS:
            raise BadInput(f"--kinds names the kind {kind!r}, which does not exist", did_you_mean(kind, list(KINDS)))
    return {**{kind: kind for kind in KINDS}, **USUAL_KINDS, **pairs}


def require_columns(columns: Mapping[str, str], present: Sequence[str], file_name: str) -> None:
    """Raises: BadInput when the file lacks a column, with the nearest one it has."""
    for field, column in columns.items():
        if column not in present:
            raise BadInput(
                f"{file_name} has no column {column!r} (for {field})",
                did_you_mean(column, list(present)),
            )


def _require_needs(kind: KindOfFile, columns: Mapping[str, str], problem: str) -> None:
    missing = [" or ".join(need) for need in kind.needs if not any(columns.get(name) for name in need)]
    if missing:
        raise BadInput(f"{problem} {', '.join(missing)}", f"write for example --map {kind.example}")


def _pairs(text: str, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not value.strip():
            raise BadInput(f"{option}: {part!r} is not of the form name=value", "separate pairs with commas")
        pairs[name.strip()] = value.strip()
    return pairs
