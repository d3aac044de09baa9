"""``qunflow retention`` side by side and as a workbook: what is in the cells is read back, texts stay texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from qunflow.cli import main


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main(["retention", *map(str, words)])
    return int(left.value.code or 0)


def a_log(folder: Path) -> Path:
    """Two weeks: of the first 3 of 4 are back after a week, of the second 1 of 4; the last day cannot be known."""
    lines = ["actor,event,at,channel"]
    for week, (start, back, day) in enumerate((("05", 3, "12"), ("12", 1, "19"))):
        lines += [f"{week}{n},join,2026-01-{start}T10:00,=1+1" for n in range(4)]
        lines += [f"{week}{n},message,2026-01-{day}T10:00,=1+1" for n in range(back)]
    path = folder / "log.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def asked(folder: Path, **query: Any) -> Path:
    path = folder / "query.json"
    given: dict[str, Any] = {
        "period": "week",
        "target_event": "join",
        "returning_event": "message",
        "cohort_rule": "first_time",
    }
    given |= {"definitions": ["classic"], "days": [7, 14], "total_intervals": 2, "date_to": "2026-01-12"}
    path.write_text(json.dumps({**given, "as_of": "2026-01-27", **query}), encoding="utf-8")
    return path


def cells(path: Path, sheet: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in load_workbook(path)[sheet].iter_rows(values_only=True)]


def test_a_workbook_holds_numbers_shaded_and_blank_where_nothing_has_come_due(tmp_path: Path) -> None:
    """Rates and people as numbers, a 0 as 0, an immature cell empty, means with over how many."""
    out = tmp_path / "留存.xlsx"

    assert run("--events", a_log(tmp_path), "--query", asked(tmp_path), "--format", "xlsx", "--out", out) == 0

    head, first, second, mean, people, cohorts = cells(out, "热力图")
    assert head == ("同批", "人数", "第 7 天活跃率", "第 14 天活跃率")
    assert first == ("2026-01-05", 4, 0.75, 0)
    assert second == ("2026-01-12", 4, 0.25, None)
    assert mean == ("平均", None, 0.5, 0)
    assert (people[2:], cohorts[2:]) == ((8, 4), (2, 1))
    assert cells(out, "人数")[1:] == [("2026-01-05", 4, 3, 0), ("2026-01-12", 4, 1, None)]
    heat = load_workbook(out)["热力图"]
    assert [str(one.sqref) for one in heat.conditional_formatting] == ["C2:D3"]
    assert heat["C2"].number_format == "0.0%"
    assert all(cell.data_type != "f" for sheet in load_workbook(out) for row in sheet.iter_rows() for cell in row)


def test_cohorts_side_by_side_in_a_workbook(tmp_path: Path) -> None:
    """Fifty points among four people each: numbers in percentage points, and no verdict."""
    out = tmp_path / "side.xlsx"
    assert run("--events", a_log(tmp_path), "--query", asked(tmp_path), "--format", "xlsx", "--out", out) == 0

    row = cells(out, "各批对比")[1]

    assert row[:8] == ("第 7 天活跃率", "2026-01-12", 1, 4, "2026-01-05", 3, 4, -50)
    assert row[8] < -50 < row[9]
    assert row[10] == "人少，看不出"


def test_a_text_that_would_be_computed_stays_a_text(tmp_path: Path) -> None:
    """A channel called like a formula is the name of a part, with an apostrophe before it."""
    out, query = tmp_path / "split.xlsx", asked(tmp_path)

    code = run("--events", a_log(tmp_path), "--query", query, "--split-by", "channel", "--format", "xlsx", "--out", out)

    assert code == 0
    assert cells(out, "热力图")[1][:3] == ("2026-01-05", "'=1+1", 4)


def test_chosen_cohorts_are_told_in_words_and_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order they were named, each against the one before."""
    words = ("--events", a_log(tmp_path), "--query", asked(tmp_path), "--compare", "2026-01-12,2026-01-05")

    assert run(*words) == 0
    table = capsys.readouterr().out
    assert "2026-01-05 比 2026-01-12：第 7 天活跃率差 50 个百分点，人太少" in table
    assert "2 批 8 人" in table
    assert run(*words, "--format", "json") == 0
    (told,) = json.loads(capsys.readouterr().out)["compared"]
    assert (told["column"], told["difference"], told["verdict"]) == ("classic_d7", 0.5, "few")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--compare", "2026-01-05,2026-01-06"), "did you mean '2026-01-05'"),
        (("--compare", "2026-01-05"), "name two or more"),
        (("--compare", "2026-01-05,2026-01-12", "--format", "csv"), "no room for --compare"),
        (("--format", "xlsx"), "--out 留存.xlsx"),
        (("--history",), "there must be one thing to measure"),
    ],
)
def test_what_cannot_be_done_says_what_can(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its next step, nothing written."""
    assert run("--events", a_log(tmp_path), "--query", asked(tmp_path), *words) != 0
    assert said in capsys.readouterr().err


def test_people_who_may_be_in_several_cohorts_get_a_word_of_care(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ranges suppose different people; recurring cohorts are not."""
    query = asked(tmp_path, cohort_rule="recurring")
    assert run("--events", a_log(tmp_path), "--query", query, "--compare", "2026-01-05,2026-01-12") == 0
    assert "不是完全分开的" in capsys.readouterr().out


def test_a_table_goes_to_a_file_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--out`` holds what would have been printed."""
    words = ("--events", a_log(tmp_path), "--query", asked(tmp_path), "--format", "csv")
    assert run(*words) == 0
    printed = capsys.readouterr().out
    assert run(*words, "--out", tmp_path / "t.csv") == 0
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == printed
