"""
Reading a table out of a file: Parquet, CSV, Excel or JSON lines.

Text formats come back as text, Parquet and Excel with the types they carry. Nothing is dropped silently: a row that
cannot be read at all comes back as a reject with its reason.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qunflow.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

# (where in the file, why, what stood there)
Reject = tuple[str, str, dict[str, Any]]
ROW = "__row__"
_ENCODINGS = ("utf-8-sig", "gb18030")


@dataclass(frozen=True, slots=True)
class RawTable:
    """
    What a file holds, before any column has a meaning.

    ``frame`` has the file's columns and ``__row__``, the number of the row counted from 1 without the header;
    ``described`` names format and encoding, ``sha256`` the file's content.
    """

    frame: pd.DataFrame
    rejects: tuple[Reject, ...]
    described: str
    sha256: str

    @property
    def columns(self) -> list[str]:
        """The columns of the file, in its order."""
        return [str(column) for column in self.frame.columns if column != ROW]


def read_table(path: Path) -> RawTable:
    """
    Read a file by its ending: .parquet, .csv, .txt, .tsv, .xlsx, .jsonl, .ndjson.

    Raises:
        BadInput: no such file, an unknown ending, a damaged or an empty file; the message names the file.
    """
    content = _content(path)
    readers = {".parquet": _parquet, ".xlsx": _excel, ".xlsm": _excel, ".jsonl": _json_lines, ".ndjson": _json_lines}
    readers |= dict.fromkeys((".csv", ".txt", ".tsv"), _csv)
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise BadInput(
            f"{path.name} ends in {path.suffix or 'nothing'}, which is no format known here",
            f"save it as one of {', '.join(readers)}",
        )
    frame, rejects, described = reader(path, content)
    if not len(frame) and not rejects:
        raise BadInput(f"{path.name} has no rows", "check the export: an empty file would change nothing")
    if ROW not in frame.columns:
        frame = frame.assign(**{ROW: range(1, len(frame) + 1)})
    return RawTable(frame, tuple(rejects), described, sha256(content).hexdigest())


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise BadInput(f"{path} is not a file", "check the path")
    content = path.read_bytes()
    if not content.strip():
        raise BadInput(f"{path.name} is empty", "check the export: an empty file would change nothing")
    return content


def _parquet(path: Path, content: bytes) -> tuple[pd.DataFrame, list[Reject], str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(io.BytesIO(content)).to_pandas(), [], "Parquet"
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(
            f"{path.name} is no whole Parquet file ({len(content):,} bytes)",
            "it was probably cut off while being copied: copy or export it again",
        ) from error


def _excel(path: Path, content: bytes) -> tuple[pd.DataFrame, list[Reject], str]:
    from zipfile import BadZipFile

    import openpyxl

    try:
        sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True).worksheets[0]
        rows = [row for row in sheet.iter_rows(values_only=True) if any(cell not in (None, "") for cell in row)]
    except (BadZipFile, KeyError, ValueError, OSError) as error:
        raise BadInput(
            f"{path.name} is no readable Excel file", "open it in Excel and save it again as .xlsx"
        ) from error
    if not rows:
        raise BadInput(f"{path.name} has no rows", "check the export: an empty file would change nothing")
    header = ["" if cell is None else str(cell).strip() for cell in rows[0]]
    return _framed(path, header, rows[1:]), [], "Excel"


def _csv(path: Path, content: bytes) -> tuple[pd.DataFrame, list[Reject], str]:
    text, encoding = _decoded(path, content)
    header_line = text.split("\n", 1)[0]
    delimiter = max(",\t;", key=header_line.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except csv.Error as error:
        raise BadInput(f"{path.name} is no readable CSV ({error})", "export it again as CSV UTF-8") from error
    header = [name.strip() for name in rows[0]]
    fitting = [(number, row) for number, row in enumerate(rows[1:], start=1) if len(row) == len(header)]
    frame = _framed(path, header, [row for _, row in fitting]).assign(**{ROW: [number for number, _ in fitting]})
    named = "UTF-8" if encoding.startswith("utf-8") else encoding.upper().replace("GB18030", "GBK")
    return frame, _wrong_width(rows, len(header)), f"CSV, {named}"


def _wrong_width(rows: Sequence[Sequence[str]], width: int) -> list[Reject]:
    return [
        (str(number), f"{len(row)} fields instead of {width}", {"fields": list(row)})
        for number, row in enumerate(rows[1:], start=1)
        if len(row) != width
    ]


def _decoded(path: Path, content: bytes) -> tuple[str, str]:
    """The text and its encoding: UTF-16 by its mark, else UTF-8 if all of it is, else GBK."""
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else _ENCODINGS
    for encoding in encodings:
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise BadInput(f"{path.name} is neither UTF-8 nor GBK text", "open it in Excel and save it as CSV UTF-8")


def _json_lines(path: Path, content: bytes) -> tuple[pd.DataFrame, list[Reject], str]:
    import pandas as pd

    text, _ = _decoded(path, content)
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        found = _json_object(line)
        if found is None:
            rejects.append((str(number), "no JSON object", {"line": line}))
        else:
            rows.append({**found, ROW: number})
    # Without an object there are no columns, and every line is a reject: nothing to map.
    if not rows:
        raise BadInput(f"{path.name} holds no JSON object", "write one JSON object a line, not one list of them")
    return pd.DataFrame(rows, dtype=object), rejects, "JSON lines"


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _framed(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    import pandas as pd

    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise BadInput(f"{path.name} has the column {twice[0]!r} twice", "rename one of them in the file")
    names = [name or f"column_{place}" for place, name in enumerate(header, start=1)]
    return pd.DataFrame(list(rows), columns=names, dtype=object)
