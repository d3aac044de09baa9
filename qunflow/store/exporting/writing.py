"""
Writing a list to a file: row by row, so that a million need no more memory than a thousand, and whole or not at all.

CSV is UTF-8 with the mark by which Excel on a Chinese Windows knows it; Excel files hold texts as strings and go on in
a further sheet where one is full; Parquet is for programs and has the plain values under the columns' keys.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qunflow.errors import BadInput
from qunflow.store.exporting.cells import in_csv, in_excel
from qunflow.store.exporting.listing import Listing, Row, Words, cells, headings
from qunflow.store.files import whole_file

if TYPE_CHECKING:
    import pyarrow as pa

Writer = Callable[[Listing, Path, Words], int]

# What one sheet of Excel holds, with its headings.
SHEET_ROWS = 1_048_576
_SHEET_NAME = 28
_PARQUET_ROWS = 20_000


def export(listing: Listing, path: Path, words: Words, *, note: Callable[[int], None] = lambda _rows: None) -> int:
    """
    Write a list; a file that was there before stays until the new one is whole.

    Args:
        path: ends in .csv, .xlsx or .parquet.
        words: the language of headings and values.
        note: hears how many rows there are before the file can be seen; when it fails there is none.

    Returns:
        How many rows there are.

    Raises:
        BadInput: another ending.
        PermanentError: the disk is full or the folder may not be written; nothing is left behind.
    """
    write = writer_for(path)
    with whole_file(path) as draft:
        rows = write(listing, draft, words)
        note(rows)
    return rows


def writer_for(path: Path) -> Writer:
    """What writes a file of this ending. Raises: BadInput."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise BadInput(
            f"{path.name} ends in {path.suffix or 'nothing'}, which is no format known here",
            f"name a file that ends in one of {', '.join(FORMATS)}",
        )
    return found


def _csv(listing: Listing, draft: Path, words: Words) -> int:
    rows = 0
    with draft.open("x", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([in_csv(heading) for heading in headings(listing, words)])
        for row in cells(listing, words, in_csv):
            writer.writerow([str(cell) if isinstance(cell, datetime) else cell for cell in row])
            rows += 1
    return rows


def _excel(listing: Listing, draft: Path, words: Words) -> int:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    try:
        rows = _sheets(book, listing, words)
    except BaseException:
        # A sheet that is never saved keeps its own draft open.
        for sheet in book.worksheets:
            sheet.close()
        raise
    with draft.open("xb") as file:
        book.save(file)
    return rows


def _sheets(book: Any, listing: Listing, words: Words) -> int:
    rows, written = cells(listing, words, in_excel), 0
    for number in count(1):
        here = _sheet(book, listing, words, number, islice(rows, SHEET_ROWS - 1))
        written += here
        if here < SHEET_ROWS - 1:
            break
    return written


def _sheet(book: Any, listing: Listing, words: Words, number: int, rows: Iterable[list[Any]]) -> int:
    from openpyxl.utils import get_column_letter

    title = words.text(f"exporting.list.{listing.name}")[:_SHEET_NAME]
    sheet = book.create_sheet(title if number == 1 else f"{title} {number}")
    sheet.freeze_panes = "A2"
    named = headings(listing, words)
    for place, (column, heading) in enumerate(zip(listing.columns, named, strict=True), start=1):
        # A narrow cell shows ##### instead of an instant.
        width = max(20 if column.kind == "instant" else 12, len(heading))
        sheet.column_dimensions[get_column_letter(place)].width = width
    sheet.append([in_excel(heading) for heading in named])
    written = 0
    for row in rows:
        sheet.append(row)
        written += 1
    return written


def _parquet(listing: Listing, draft: Path, _words: Words) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, written = _schema(listing), 0
    with pq.ParquetWriter(draft, schema, compression="zstd") as file:
        for batch in _batches(listing.rows):
            columns = [
                pa.array([_plain(value, field.type) for value in column], field.type)
                for field, column in zip(schema, zip(*batch, strict=True), strict=True)
            ]
            file.write_batch(pa.record_batch(columns, schema=schema))
            written += len(batch)
    return written


def _schema(listing: Listing) -> pa.Schema:
    import pyarrow as pa

    types = {"text": pa.string(), "value": pa.string(), "whole": pa.int64(), "fen": pa.int64(), "day": pa.date32()}
    types |= {"instant": pa.timestamp("us", tz="UTC"), "yes_no": pa.bool_()}
    return pa.schema([pa.field(column.key, types[column.kind]) for column in listing.columns])


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while batch := list(islice(left, _PARQUET_ROWS)):
        yield batch


def _plain(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return str(value) if value is not None and kind == "string" else value


FORMATS: Mapping[str, Writer] = {".csv": _csv, ".xlsx": _excel, ".parquet": _parquet}
