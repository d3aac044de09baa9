"""Retention as a workbook: numbers are numbers, blanks are blank, no text a formula, each sheet says what it lacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.workbook import Workbook

from qunflow.community.finality import Reason
from qunflow.errors import PermanentError
from qunflow.language import LANGUAGES, Catalogue, catalogue
from qunflow.report.model import GroupLine, ReportData
from qunflow.report.spreadsheet import Block, Sheet, write_book
from qunflow.report.workbook import retention_sheets
from qunflow.store.figure_changes import Change

SHEETS = ["说明", "热力图", "各批对比", "生存曲线", "群看板", "修订"]


def written(data: ReportData, words: Catalogue, folder: Path) -> Workbook:
    path = folder / "book.xlsx"
    write_book(path, retention_sheets(data, words))
    return load_workbook(path)


def rows(book: Workbook, sheet: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in book[sheet].iter_rows(values_only=True)]


def change(reason: Reason, old: float, new: float) -> Change:
    about = {"cohort": "2026-03-02", "day": "7"}
    at = datetime(2026, 3, 8, 16, tzinfo=UTC)
    return Change(
        "n", "retention", "stay_rate", date(2026, 3, 8), about, "rate", "changed", old, (1, 2), new, (1, 2),
        reason, 7, at, applied=True, settled_at=None,
    )  # fmt: skip


def test_the_heat_map_holds_every_rate_as_a_number_and_blanks_what_has_not_come_due(
    full: ReportData, zh: Catalogue, tmp_path: Path
) -> None:
    """Each cell equals its figure; the mean weighs people and says over how many; only rates are coloured."""
    book = written(full, zh, tmp_path)
    head, *body = rows(book, "热力图")[1:]
    stay = {(f.dimensions["cohort"], f"{f.dimensions['day']} 日"): f for f in full.figures if f.name == "stay_rate"}

    assert book.sheetnames == SHEETS
    assert head == ("同批入群", "人数", "1 日", "3 日", "7 日", "14 日", "30 日")
    for row in body[:9]:
        for name, value in zip(head[2:], row[2:], strict=True):
            assert value == stay[row[0], name].value
    due = [f for (_, day), f in stay.items() if day == "7 日" and f.value is not None]
    assert None in body[8]
    assert body[9][4] == sum(f.numerator or 0 for f in due) / sum(f.denominator or 0 for f in due)
    assert (body[10][4], body[11][4]) == (sum(f.denominator or 0 for f in due), len(due))
    assert [str(one.sqref) for one in book["热力图"].conditional_formatting] == ["C3:G11", "C30:G38"]
    assert book["热力图"]["C3"].number_format == "0.0%"


def test_the_curve_the_board_and_the_revisions_are_data(full: ReportData, zh: Catalogue, tmp_path: Path) -> None:
    """Seen and expected with its range; groups with alarms; what changed and why, not what was completed."""
    changes = (change(Reason.DAY_WENT_ON, 0.1, 0.2), change(Reason.LATE_EVENTS, 0.5, 0.6))
    book = written(replace(full, changes=changes), zh, tmp_path)

    curve = {row[0]: row[1:] for row in rows(book, "生存曲线")[1:] if isinstance(row[0], int)}
    assert curve[30] == (0.7, None, None, None)
    assert curve[90] == (None, 0.55, 0.46, 0.63)
    board = {row[0]: row for row in rows(book, "群看板")[1:]}
    assert board["小满邻里·玉林2群"][3:8] == (187, 37, 0.13, 4, "连着几天有人退")
    assert board["小满邻里·新开3群"][4:8] == (None, None, None, None)
    revised = rows(book, "修订")[1]
    assert revised[2:7] == (datetime(2026, 3, 8), 0.5, 0.6, "有迟到的事件", "已改")  # noqa: DTZ001 - a day in a cell
    assert revised[7:] == (datetime(2026, 3, 9), 7)  # noqa: DTZ001 - a wall clock, as cells have it
    assert "另有 1 处" in rows(book, "修订")[-1][0]


def test_no_text_of_a_workbook_is_a_formula(full: ReportData, zh: Catalogue, tmp_path: Path) -> None:
    """A group called like one is written with an apostrophe before it."""
    data = replace(full, groups=(GroupLine('=HYPERLINK("x")', "benefit_group", "+owner", 3, ("g1",)),))

    book = written(data, zh, tmp_path)

    assert rows(book, "群看板")[1][0] == '\'=HYPERLINK("x")'
    assert rows(book, "群看板")[1][2] == "'+owner"
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_first_day_has_every_sheet_and_says_what_is_missing(empty: ReportData, lang: str, tmp_path: Path) -> None:
    """No table of nothing: a sentence in each."""
    book = written(empty, catalogue(lang), tmp_path)
    assert len(book.sheetnames) == len(SHEETS)
    assert all(sheet["A1"].value for sheet in book)


def test_a_book_that_cannot_be_noted_is_not_there(tmp_path: Path) -> None:
    """What the audit log does not know of nobody gets; the file of before stays."""
    path = tmp_path / "book.xlsx"
    path.write_text("before", encoding="utf-8")

    def refuse(_rows: int) -> None:
        raise PermanentError("the disk is full", "make room")

    with pytest.raises(PermanentError):
        write_book(path, [Sheet("a", [Block("", (), [("x",)])])], note=refuse)
    assert path.read_text(encoding="utf-8") == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["book.xlsx"]
