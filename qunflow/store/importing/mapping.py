"""
Which column of a file means what, and which of its words for events means which kind.

A mapping is written ``actor=成员ID,event=事件,at=时间``; kinds are written ``入群=join,退群=leave``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from qunflow.errors import BadInput
from qunflow.settings.words import did_you_mean
from qunflow.store.events import KINDS

REQUIRED = ("actor", "event", "at")
OPTIONAL = ("group", "channel", "amount")

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
    """The column for each meaning; optional ones are empty when the file has none."""

    actor: str
    event: str
    at: str
    group: str = ""
    channel: str = ""
    amount: str = ""

    def used(self) -> dict[str, str]:
        """The meanings that have a column, in the order of the fields."""
        return {field: getattr(self, field) for field in (*REQUIRED, *OPTIONAL) if getattr(self, field)}


def parse_map(text: str) -> ColumnMap:
    """
    Read ``actor=…,event=…,at=…[,group=…,channel=…,amount=…]``.

    Raises:
        BadInput: an unknown or a missing meaning.
    """
    pairs = _pairs(text, "--map")
    for field in pairs:
        if field not in (*REQUIRED, *OPTIONAL):
            raise BadInput(f"--map does not know {field!r}", did_you_mean(field, [*REQUIRED, *OPTIONAL]))
    if missing := [field for field in REQUIRED if not pairs.get(field)]:
        raise BadInput(
            f"--map does not say which column is {', '.join(missing)}",
            "write for example --map actor=成员ID,event=事件,at=时间",
        )
    return ColumnMap(**pairs)


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


def require_columns(columns: ColumnMap, present: Sequence[str], file_name: str) -> None:
    """Raises: BadInput when the file lacks a column, with the nearest one it has."""
    for field, column in columns.used().items():
        if column not in present:
            raise BadInput(
                f"{file_name} has no column {column!r} (for {field})",
                did_you_mean(column, list(present)),
            )


def _pairs(text: str, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not value.strip():
            raise BadInput(f"{option}: {part!r} is not of the form name=value", "separate pairs with commas")
        pairs[name.strip()] = value.strip()
    return pairs
