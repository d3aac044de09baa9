"""
Small Excel workbooks people read: sheets of blocks, numbers as numbers, rates shaded by how high they are.

For lists of any length there is ``qunflow.store.exporting``. No text here is ever a formula, either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qunflow.store.exporting.cells import in_excel
from qunflow.store.files import whole_file

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

_WIDEST = 60


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of 0 to 1, shown as a percentage."""

    value: float


@dataclass(frozen=True, slots=True)
class Points:
    """A difference of shares, −1 to 1, shown in percentage points with its sign."""

    value: float


Value = str | int | float | date | datetime | Rate | Points | None


@dataclass(frozen=True, slots=True)
class Block:
    """
    A titled table.

    Args:
        shaded: of the body, (first row, first column) and the row behind the last one, counted from 0: its colours go
            from the lowest to the highest rate in it.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Value]]
    shaded: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: its blocks below each other, a blank row between them."""

    title: str
    blocks: Sequence[Block]


def write_book(path: Path, sheets: Sequence[Sheet], *, note: Callable[[int], None] = lambda _rows: None) -> None:
    """
    Write a workbook whole or not at all; an empty cell is "not due" or "not known".

    Args:
        note: hears how many rows there are before the file can be seen; when it fails there is none.

    Raises:
        PermanentError: the file cannot be written; one that was there stays.
    """
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    for sheet in sheets:
        _fill(book.create_sheet(in_excel(sheet.title)), sheet)
    with whole_file(path) as draft, draft.open("xb") as file:
        book.save(file)
        note(sum(len(block.rows) for sheet in sheets for block in sheet.blocks))


def _fill(there: Worksheet, sheet: Sheet) -> None:
    line = 1
    for block in sheet.blocks:
        line = _block(there, block, line) + 1
    _widen(there)


def _block(there: Worksheet, block: Block, line: int) -> int:
    """Returns the first line below the block."""
    from openpyxl.styles import Font

    if block.title:
        _put(there.cell(line, 1), block.title).font = Font(bold=True, size=13)
        line += 1
    if block.head:
        for place, name in enumerate(block.head, start=1):
            _put(there.cell(line, place), name).font = Font(bold=True)
        line += 1
    for number, row in enumerate(block.rows):
        for place, value in enumerate(row, start=1):
            _put(there.cell(line + number, place), value)
    if block.shaded and block.rows:
        _shade(there, block, line)
    return line + len(block.rows)


def _put(cell: Cell, value: Value) -> Cell:
    if isinstance(value, str):
        cell.value, cell.data_type = in_excel(value), "s"
    elif isinstance(value, Rate):
        cell.value, cell.number_format = value.value, "0.0%"
    elif isinstance(value, Points):
        cell.value, cell.number_format = value.value * 100, "+0.0;-0.0;0.0"
    else:
        cell.value = value
    return cell


def _shade(there: Worksheet, block: Block, line: int) -> None:
    from openpyxl.formatting.rule import ColorScaleRule
    from openpyxl.utils import get_column_letter

    first, column, end = block.shaded or (0, 0, 0)
    last = max(len(row) for row in block.rows)
    if end <= first or last <= column:
        return
    place = f"{get_column_letter(column + 1)}{line + first}:{get_column_letter(last)}{line + end - 1}"
    rule = ColorScaleRule(start_type="min", start_color="FFEAF4F1", end_type="max", end_color="FF5DBFB1")
    there.conditional_formatting.add(place, rule)


def _widen(there: Worksheet) -> None:
    from openpyxl.utils import get_column_letter

    for place, column in enumerate(there.iter_cols(), start=1):
        longest = max((len(str(cell.value)) for cell in column if cell.value is not None), default=0)
        # Chinese takes two places; what is longer than a screen is wrapped by whoever reads it.
        there.column_dimensions[get_column_letter(place)].width = min(_WIDEST, max(9, longest * 1.6 + 2))
