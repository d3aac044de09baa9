"""``qunflow retention`` as an analyst meets it: files of every kind, renamed columns, aliases, dirt, four formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from qunflow.cli import main

ROWS = [
    ("ann", "join", "2026-01-05T10:00:00", '{"channel": "form"}'),
    ("ann", "message", "2026-01-06T10:00:00", "{}"),
    ("bob", "join", "2026-01-05T11:00:00", '{"channel": "shop"}'),
    ("bobby", "message", "2026-01-06T10:00:00", "not json"),
    ("", "message", "2026-01-06T10:00:00", "{}"),
    ("cat", "message", "soon", "{}"),
    ("ann", "message", "2026-01-06T10:00:00", "{}"),
]
MAP = "actor=成 员,event=select,at=at,props=props"
QUERY = {"period": "day", "total_intervals": 2, "date_to": "2026-01-06", "target_event": "join"}


def a_file(folder: Path, kind: str) -> Path:
    frame = pd.DataFrame(ROWS, columns=["成 员", "select", "at", "props"])
    path = folder / f"log.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_parquet(path)
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main(["retention", *map(str, words)])
    return int(left.value.code or 0)


def asked(folder: Path, **query: Any) -> Path:
    path = folder / "query.json"
    path.write_text(json.dumps({**QUERY, **query}), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_file_of_any_kind_gives_the_same_figures_and_notes(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns by other names, one reserved in SQL; an alias merged; every kind of dirt told once."""
    aliases = tmp_path / "aliases.csv"
    aliases.write_text("alias,actor\nbobby,bobbie\nbobbie,bob\n", encoding="utf-8")
    query = asked(tmp_path, target_filter={"channel": "shop"})
    log = a_file(tmp_path, kind)

    assert run("--events", log, "--map", MAP, "--query", query, "--aliases", aliases, "--format", "json") == 0

    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == [[1, 1], [0]]
    assert found["labels"] == ["2026-01-05", "2026-01-06"]
    assert found["first_interval_start"] == "2026-01-05T00:00:00+00:00"
    notes = {note["kind"]: note["count"] for note in found["notes"]}
    assert notes == {"no_actor": 1, "unreadable_times": 1, "unreadable_props": 1, "duplicate_rows": 1}
    assert found["definition"]["target_event"] == ["join"]
    assert found["engine"]["name"] == "duckdb"
    assert found["engine"]["version"]


def test_typed_parquet_is_read_where_it_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Integer actors, instants, a JSON column: the filter looks into it, and broken JSON is no property."""
    frame = pd.DataFrame(
        {
            "actor": [1, 1, 2, 2],
            "event": ["join", "message", "join", "message"],
            "at": pd.to_datetime(["2026-01-05", "2026-01-06", "2026-01-05", "2026-01-06"]),
            "props": ['{"vip": true}', "{}", "broken", None],
        }
    )
    frame.to_parquet(tmp_path / "log.parquet")

    code = run(
        "--events",
        tmp_path / "log.parquet",
        "--query",
        asked(tmp_path, target_filter={"vip": True}),
        "--format",
        "json",
    )

    found = json.loads(capsys.readouterr().out)
    assert (code, found["counts"]) == (0, [[1, 1], [0]])
    assert {note["kind"]: note["count"] for note in found["notes"]} == {"unreadable_props": 1}


def test_blank_is_blank_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cell that has not come due is empty in CSV and table, dashed in HTML; a 0 is a 0."""
    log, query = a_file(tmp_path, "csv"), asked(tmp_path, as_of="2026-01-06T12:00", target_event="message")

    assert run("--events", log, "--map", MAP, "--query", query, "--format", "csv") == 0
    assert capsys.readouterr().out == "cohort,size,1\n2026-01-05,0,\n2026-01-06,,\n"
    assert run("--events", log, "--map", MAP, "--query", query, "--format", "html") == 0
    page = capsys.readouterr().out
    assert page.count('class="blank"') == 3
    assert "<script" not in page
    assert run("--events", log, "--map", MAP, "--query", query) == 0
    table = capsys.readouterr().out
    assert "2026-01-05" in table
    assert "完全相同的行" in table


def test_cohorts_are_split_by_a_column_of_another_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The map gives a column the name the query uses; each part of a cohort has its row."""
    log = tmp_path / "log.csv"
    log.write_text("actor,event,at,来源\nann,join,2026-01-05,form\nbob,join,2026-01-05,shop\n", encoding="utf-8")
    mapping = "actor=actor,event=event,at=at,channel=来源"

    assert (
        run("--events", log, "--map", mapping, "--query", asked(tmp_path, split_by="channel"), "--format", "csv") == 0
    )

    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["cohort,split,size,1", "2026-01-05,form,1,0", "2026-01-05,shop,1,0"]


def test_labels_of_a_log_are_text_in_html(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A value that looks like markup stays text."""
    log = tmp_path / "log.csv"
    log.write_text("actor,event,at,via\nann,join,2026-01-05,<script>x</script>\n", encoding="utf-8")

    assert run("--events", log, "--query", asked(tmp_path, split_by="via"), "--format", "html") == 0

    page = capsys.readouterr().out
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"perod": "day"}, "did you mean 'period'"),
        ({"period": "fortnight"}, "period is 'fortnight'"),
        ({"timezone": "Asia/Shangai"}, "no time zone"),
        ({"total_intervals": 0}, "total_intervals is 0"),
        ({"date_to": "soon"}, "date_to: 'soon' is no time"),
        ({"as_of": 5}, "as_of is 5"),
        ({"timezone": 8}, "timezone is 8"),
        ({"date_to": "0001-01-01", "total_intervals": 5}, "years 1000 to 9000"),
        ({"total_intervals": 9_000, "period": "day"}, "9,000 intervals"),
        ({"definition": "classic", "days": "17"}, "days is '17'"),
        ({"definition": "classic", "days": [1.5]}, "days is [1.5]"),
        ({"definition": "classic", "days": [10**9]}, "beyond 36,500 days"),
        ({"definition": "bracket", "brackets": [[1, 7, 9]]}, "brackets is [[1, 7, 9]]"),
        ({"cumulative": "false"}, "cumulative is 'false'"),
        ({"amount": "at"}, "amount is the column 'at'"),
        ({"drop_duplicates": "no"}, "drop_duplicates is 'no'"),
        ({"target_filter": ["channel"]}, "target_filter is"),
        ({"definitions": ["matrix", "stay"]}, "matrix beside others"),
        ({"actor": "group"}, "no column holds the group"),
        ({"split_by": "nothing"}, "nothing"),
    ],
)
def test_a_mistake_in_a_query_is_told(
    given: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 4, a sentence that names the field, no traceback."""
    log = tmp_path / "log.csv"
    log.write_text("actor,event,at\nann,join,2026-01-05\n", encoding="utf-8")

    assert run("--events", log, "--query", asked(tmp_path, **given)) == 4

    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("clock", "told"), [("1970-01-01", "20,455 intervals"), ("9999-12-31", "1000 to 9000")])
def test_one_wrong_clock_is_told_instead_of_filling_the_memory(
    clock: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A range nobody asked for, drawn out by one event, is refused with its ends and what to do."""
    log = tmp_path / "log.csv"
    log.write_text(f"actor,event,at\nann,join,2026-01-01\nbob,join,{clock}\n", encoding="utf-8")

    assert run("--events", log, "--period", "day") == 4

    told_of = capsys.readouterr().err
    assert told in told_of
    assert "wrong clocks" in told_of


@pytest.mark.parametrize("case", [{"query": 5}, {"query": {}, "events": [5]}, {"query": {}, "events": {"a": 1}}])
def test_a_file_that_holds_no_cases_is_told(
    case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 4 and how a case looks, where a query or an event is no object."""
    (tmp_path / "cases.json").write_text(json.dumps({"cases": [case]}), encoding="utf-8")

    assert run("check", tmp_path / "cases.json") == 4

    assert "expected_counts" in capsys.readouterr().err
