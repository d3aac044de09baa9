"""
A file whose columns have a meaning: what each row says in each field, as text, instant or money.

Leaves what makes a row usable to the kinds of files; what cannot be read comes back as ``None``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from qunflow.store.importing.files import ROW, RawTable, Reject, read_table
from qunflow.store.importing.kinds import KINDS, ImportKind, KindOfFile
from qunflow.store.importing.mapping import Chosen, Origin, choose
from qunflow.store.importing.rows import fen, instants, texts

if TYPE_CHECKING:
    import pandas as pd

Result = TypeVar("Result")
SAMPLE_ROWS = 3
# No amount of a shop is larger; infinite is not an amount.
MOST_FEN = 10**15
MASK = "***"


@dataclass(frozen=True, slots=True)
class Sheet:
    """
    The rows of a file under a mapping.

    ``numbers`` are those of the rows in the file, counted from 1 without the header; ``rejects`` could not be read.
    """

    kind: KindOfFile
    file_name: str
    described: str
    sha256: str
    chosen: Chosen
    headings: tuple[str, ...]
    numbers: tuple[int, ...]
    rejects: tuple[Reject, ...]
    frame: pd.DataFrame = field(repr=False)
    # What was read of it once: numbers and times of a hundred thousand rows take seconds.
    memo: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, name: str, read: Callable[[], Result]) -> Result:
        """What ``read`` gives, asked once for each name."""
        if name not in self.memo:
            self.memo[name] = read()
        found: Result = self.memo[name]
        return found

    def texts(self, name: str) -> list[str]:
        """What each row says in a field, trimmed; empty where it says nothing or the file has no such column."""
        return self.once(f"text:{name}", lambda: self._texts(name))

    def instants(self, name: str, zone: ZoneInfo) -> list[datetime | None]:
        """The instant each row says (UTC); times without an offset are of ``zone``."""
        return self.once(f"at:{zone}:{name}", lambda: self._instants(name, zone))

    def _texts(self, name: str) -> list[str]:
        column = self.chosen.columns.get(name)
        return [""] * len(self.numbers) if column is None else list(texts(self.frame[column]))

    def _instants(self, name: str, zone: ZoneInfo) -> list[datetime | None]:
        column = self.chosen.columns.get(name)
        if column is None:
            return [None] * len(self.numbers)
        read = instants(self.frame[column], zone)
        return [None if missing else at.to_pydatetime() for at, missing in zip(read, read.isna(), strict=True)]

    def money(self, name: str) -> list[int | None]:
        """The money each row says in yuan, in fen; ``None`` where it is no number or nothing is said."""
        said = self.texts(name)
        column = self.chosen.columns.get(name)
        if column is None:
            return [None] * len(said)
        read = fen(self.frame[column])
        return [
            int(amount) if text and not missing else None
            for text, amount, missing in zip(said, read, ~(read.abs() < MOST_FEN), strict=True)
        ]

    def row(self, index: int) -> dict[str, Any]:
        """A row as it came, for the quarantine."""
        return {str(name): value for name, value in self.frame.iloc[index].items() if name != ROW}

    def refused(self, reasons: Mapping[int, str]) -> list[Reject]:
        """Rows (index → reason) for the quarantine, after those that could not be read at all."""
        return [
            *self.rejects,
            *((str(self.numbers[index]), why, self.row(index)) for index, why in sorted(reasons.items())),
        ]

    @property
    def rows_read(self) -> int:
        """How many rows the file has."""
        return len(self.numbers) + len(self.rejects)

    @property
    def origin(self) -> Origin:
        """Where the mapping is from."""
        return self.chosen.origin

    @property
    def unused(self) -> tuple[str, ...]:
        """Columns that mean nothing here."""
        return tuple(name for name in self.headings if name not in self.chosen.columns.values())

    def sample(self) -> list[dict[str, str]]:
        """The first rows as they are understood, with what names anybody masked."""
        shown = {name: self.texts(name)[:SAMPLE_ROWS] for name in self.chosen.columns}
        return [
            {name: self._shown(name, values[index]) for name, values in shown.items()}
            for index in range(min(SAMPLE_ROWS, len(self.numbers)))
        ]

    def _shown(self, name: str, value: str) -> str:
        known = self.kind.field(name)
        return value if known is not None and known.shown == "plain" else masked(value)


def masked(value: str) -> str:
    """A value by which nobody is recognised: a few first characters, never more than half."""
    return f"{value[: min(3, len(value) // 2)]}{MASK}" if value else ""


def open_sheet(conn: Connection, kind: ImportKind, path: Path, map_text: str) -> Sheet:
    """
    Read a file and find out what its columns mean.

    Raises:
        BadInput: the file cannot be read, or its columns cannot be understood.
    """
    table = read_table(path)
    return sheet_of(table, kind, choose(conn, KINDS[kind], map_text, table.columns, path.name), path.name)


def sheet_of(table: RawTable, kind: ImportKind, chosen: Chosen, file_name: str) -> Sheet:
    """A table that was read, under a mapping."""
    return Sheet(
        kind=KINDS[kind],
        file_name=file_name,
        described=table.described,
        sha256=table.sha256,
        chosen=chosen,
        headings=tuple(table.columns),
        numbers=tuple(int(number) for number in table.frame[ROW]),
        rejects=table.rejects,
        frame=table.frame,
    )


def counted(reasons: Sequence[str]) -> dict[str, int]:
    """How often each reason comes up, the most frequent first."""
    from collections import Counter

    return dict(Counter(reasons).most_common())
