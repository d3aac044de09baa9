"""
A list to hand out: columns with the kind of what stands in them, and rows that come as they are asked for.

=========  ==========================  ================================  =====================
kind       in a row                    CSV and Excel                     Parquet
=========  ==========================  ================================  =====================
text       str                         neutral text, in the reader's     str
                                       words when ``said`` knows one
whole      int                         number                            int64
value      int, float or str           number, or text as above          str
fen        int                         yuan with two decimals            int64, fen
day        date                        date                              date
instant    aware datetime              wall clock of the list's zone     timestamp, UTC
yes_no     bool                        是 / 否                           bool
=========  ==========================  ================================  =====================

``None`` is an empty cell everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol
from zoneinfo import ZoneInfo

Kind = Literal["text", "whole", "value", "fen", "day", "instant", "yes_no"]
Row = Sequence[Any]


class Words(Protocol):
    """A language catalogue."""

    def text(self, key: str, **values: object) -> str:
        """The text of a key."""

    def has(self, key: str) -> bool:
        """Whether there is one."""


@dataclass(frozen=True, slots=True)
class Column:
    """
    One column.

    Args:
        key: its name for programs; its heading is the text ``exporting.column.<key>``.
        said: what the catalogue's keys for its values begin with, such as ``delivery.state_``.
    """

    key: str
    kind: Kind = "text"
    said: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """
    A list: ``name`` is that of its sheet (``exporting.list.<name>``), ``zone`` where its wall clocks hang.

    The rows can be gone through once.
    """

    name: str
    columns: Sequence[Column]
    rows: Iterable[Row]
    zone: ZoneInfo


def headings(listing: Listing, words: Words) -> list[str]:
    """The heading of each column; that of an instant names the zone."""
    return [_heading(column, listing.zone, words) for column in listing.columns]


def cells(listing: Listing, words: Words, text: Callable[[str], str]) -> Iterator[list[Any]]:
    """
    The rows as people read them.

    Args:
        text: makes a text fit for a cell of the format.
    """
    readers = [_reader(column, listing.zone, words, text) for column in listing.columns]
    for row in listing.rows:
        yield [None if value is None else read(value) for read, value in zip(readers, row, strict=True)]


def _heading(column: Column, zone: ZoneInfo, words: Words) -> str:
    name = words.text(f"exporting.column.{column.key}")
    return words.text("exporting.zoned", name=name, zone=zone.key) if column.kind == "instant" else name


def _reader(column: Column, zone: ZoneInfo, words: Words, text: Callable[[str], str]) -> Callable[[Any], Any]:
    readers: dict[Kind, Callable[[Any], Any]] = {
        "text": lambda value: text(_said(column, str(value), words)),
        "value": lambda value: text(_said(column, value, words)) if isinstance(value, str) else value,
        "whole": int,
        "fen": lambda value: Decimal(int(value)).scaleb(-2),
        "day": lambda value: value,
        "instant": lambda value: _wall_clock(value, zone),
        "yes_no": lambda value: words.text("exporting.yes" if value else "exporting.no"),
    }
    return readers[column.kind]


def _said(column: Column, value: str, words: Words) -> str:
    key = f"{column.said}{value}"
    return words.text(key) if column.said and value and words.has(key) else value


def _wall_clock(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, microsecond=0)
