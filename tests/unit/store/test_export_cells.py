"""What a text may do in a cell: nothing; and it can be had back from every format."""

from __future__ import annotations

import csv
import io
import re
import tracemalloc
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qunflow.errors import BadInput, PermanentError
from qunflow.language import catalogue
from qunflow.store.exporting import writing
from qunflow.store.exporting.cells import MOST_IN_A_CELL, in_csv, in_excel, restored, restored_from_excel
from qunflow.store.exporting.listing import Column, Listing
from qunflow.store.exporting.writing import export

WORDS, ZONE = catalogue("zh"), ZoneInfo("Asia/Shanghai")
# Letters that attacks are made of come far more often than by chance.
HOSTILE = st.text(
    st.sampled_from("=+-@＝＋－＠﹢⁼−'\t\r\n;,\"| \u3000\u200b\ufeff\x00_x00D5a#1!A0()cmdN/")
    | st.characters(exclude_categories=["Cs"])
)
# What a spreadsheet sees where it takes a break for the next cell.
CELLS = re.compile("[\t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029;；]")
# Marks that take no room: directions, joiners, variations, tags.
UNSEEN = {0xAD, 0x61C, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)}
UNSEEN |= {*range(0xFE00, 0xFE10), *range(0xE0000, 0xE01F0)}
COLUMNS = (Column("text"), Column("value", "value"), Column("numerator", "whole"), Column("amount_fen", "fen"))


def is_computed(cell: str) -> bool:
    """Whether a spreadsheet might compute a cell: what it begins with after blanks, in any of its forms."""
    seen = "".join(one for one in cell if unicodedata.category(one) not in ("Cc", "Zs") and ord(one) not in UNSEEN)
    return unicodedata.normalize("NFKC", seen)[:1] in ("=", "+", "-", "@", "\u2212")


def listing(texts: list[str]) -> Listing:
    """A list of one text a row, with numbers beside it."""
    return Listing("figures", COLUMNS, ([text, -1.5, -7, -2990] for text in texts), ZONE)


def csv_rows(path: Path) -> list[list[str]]:
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@settings(max_examples=300, deadline=None)
@given(HOSTILE)
@example("=cmd|' /C calc'!A0")
@example(' ＝HYPERLINK("http://evil.example")')
@example("好的\r\n=1+1")
@example("a;=1+1")
@example("'=1")
@example("_x003D_1+1")
def test_no_text_is_a_formula_and_every_text_comes_back(text: str) -> None:
    """However it is cut into cells, none begins a formula; the mark is taken off again without loss."""
    for cell in (in_csv(text), in_excel(text)):
        assert not any(is_computed(part) for part in CELLS.split(cell)), cell
        assert cell[:1] not in ("\t", "\r", "\n", "\0")
    assert restored(in_csv(text)) == text
    assert restored_from_excel(in_excel(text)) == text


@settings(max_examples=12, deadline=None)
@given(st.lists(HOSTILE, min_size=1, max_size=20))
def test_files_read_by_others_hold_texts_and_numbers(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """Python's csv and openpyxl read back every text exactly, as text; negative numbers stay numbers."""
    folder = tmp_path_factory.mktemp("out")
    for name in ("x.csv", "x.xlsx", "x.parquet"):
        assert export(listing(texts), folder / name, WORDS) == len(texts)
    assert [restored(row[0]) for row in csv_rows(folder / "x.csv")[1:]] == texts
    assert {tuple(row[1:]) for row in csv_rows(folder / "x.csv")[1:]} == {("-1.5", "-7", "-29.90")}
    sheet = openpyxl.load_workbook(folder / "x.xlsx").worksheets[0]
    rows = list(sheet.iter_rows(min_row=2))
    assert [restored_from_excel(row[0].value or "") for row in rows] == texts
    assert {cell.data_type for row in rows for cell in row} <= {"s", "inlineStr", "n"}
    assert {tuple(cell.value for cell in row[1:]) for row in rows} == {(-1.5, -7, -29.9)}
    assert pq.read_table(folder / "x.parquet").column("text").to_pylist() == texts


def test_half_a_character_does_not_stop_a_file(tmp_path: Path) -> None:
    """What cannot be written is replaced, and seen to be."""
    export(listing(["\ud800=1"]), tmp_path / "x.csv", WORDS)
    assert csv_rows(tmp_path / "x.csv")[1][0] == "\ufffd=1"


@pytest.mark.parametrize("number", ["202603050001234567", "007", "1e5", "3-5", "#N/A", "12:30"])
def test_what_looks_like_a_number_stays_a_text(number: str) -> None:
    """An order number keeps its last digits and its zeros in a CSV; Excel's own strings need no mark."""
    assert in_csv(number) == f"'{number}"
    assert in_excel(number) == (f"'{number}" if number == "#N/A" else number)


def test_a_heading_names_the_zone_and_a_wall_clock_is_in_it(tmp_path: Path) -> None:
    """An instant is the community's time, a day a day; the headings are Chinese first and English on demand."""
    columns = (Column("paid_at", "instant"), Column("local_day", "day"), Column("with_coupon", "yes_no"))
    row = (datetime(2026, 3, 5, 16, 0, 7, 123, tzinfo=UTC), date(2026, 3, 6), True)
    for lang, told in (("zh", ["付款时间（Asia/Shanghai）", "日期", "用券"]), ("en", None)):
        export(Listing("orders", columns, [row, (None, None, None)], ZONE), tmp_path / "x.csv", catalogue(lang))
        found = csv_rows(tmp_path / "x.csv")
        assert found[0] == (told or ["paid at (Asia/Shanghai)", "day", "with coupon"])
    assert found[1:] == [["2026-03-06 00:00:07", "2026-03-06", "yes"], ["", "", ""]]
    export(Listing("orders", columns, [row], ZONE), tmp_path / "x.parquet", WORDS)
    assert pq.read_table(tmp_path / "x.parquet").column("paid_at").to_pylist() == [row[0]]


def test_a_text_longer_than_a_cell_is_cut_and_shown_to_be(tmp_path: Path) -> None:
    """Excel would call the file damaged; CSV has all of it."""
    for text in ("字" * 40_000, "\x01" * 9_000):
        assert len(in_excel(text)) <= MOST_IN_A_CELL
        assert in_excel(text).endswith("…")
        assert text.startswith(restored_from_excel(in_excel(text))[:-1])


def test_more_rows_than_a_sheet_holds_go_on_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sheet has the headings, and no row is lost."""
    monkeypatch.setattr(writing, "SHEET_ROWS", 4)
    assert export(listing([str(number) for number in range(7)]), tmp_path / "x.xlsx", WORDS) == 7
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    assert book.sheetnames == ["数字", "数字 2", "数字 3"]
    found = [[row[0] for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets]
    assert found == [["内容", "0", "1", "2"], ["内容", "3", "4", "5"], ["内容", "6"]]


def broken(rows: int) -> Iterator[list[object]]:
    yield from ([str(number), 1.0, 1, 1] for number in range(rows))
    raise BadInput("a row cannot be read", "mend it")


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".parquet"])
def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, ending: str) -> None:
    """When a row fails, or the audit does, the file before stays, and nothing else is left in the folder."""
    path = tmp_path / f"x{ending}"
    path.write_bytes(b"before")
    with pytest.raises(BadInput, match="cannot be read"):
        export(Listing("figures", COLUMNS, broken(30), ZONE), path, WORDS)

    def deaf(_rows: int) -> None:
        raise PermanentError("the audit log is closed")

    with pytest.raises(PermanentError, match="closed"):
        export(listing(["a"]), path, WORDS, note=deaf)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [(path.name, b"before")]


def test_an_unknown_ending_is_refused_with_those_known(tmp_path: Path) -> None:
    """Whoever writes .xls reads what to write instead."""
    with pytest.raises(BadInput, match=r"\.xls") as refusal:
        export(listing([]), tmp_path / "x.xls", WORDS)
    assert ".xlsx" in refusal.value.next_step


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".parquet"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, ending: str) -> None:
    """Six times the rows take about the memory of one: rows go out as they come in."""
    export(listing(["warm"]), tmp_path / f"warm{ending}", WORDS)
    peaks = []
    for rows in (1_000, 6_000):
        tracemalloc.start()
        export(
            Listing("figures", COLUMNS, ([f"t{n}", n, n, n] for n in range(rows)), ZONE), tmp_path / f"x{ending}", WORDS
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] + 2_000_000
