"""The gate judges each frame by its own data and blocks on whatever it cannot judge."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest

from data_checks.gate import CheckReport, Suite, gate
from data_checks.report import safe_id


def expectation(kind: str, **arguments: Any) -> Any:
    return getattr(importlib.import_module("great_expectations.expectations"), kind)(**arguments)


def suite_of(*described: tuple[str, dict[str, Any]], **more: Any) -> Suite:
    return Suite("test_in", "retention", lambda: [expectation(kind, **given) for kind, given in described], **more)


def kinds_in(allowed: list[str], **more: Any) -> tuple[str, dict[str, Any]]:
    return "ExpectColumnValuesToBeInSet", {"column": "kind", "value_set": allowed, **more}


def members(*kinds: str) -> pd.DataFrame:
    return pd.DataFrame({"person_id": range(1, len(kinds) + 1), "kind": list(kinds)})


def verdicts(report: CheckReport) -> dict[str, bool]:
    return {result.expectation: result.passed for result in report.results}


def test_each_of_32_threads_gets_the_verdict_of_its_own_frame() -> None:
    """Frames judged at the same time never borrow each other's rows, counts or verdicts."""
    suite = suite_of(kinds_in(["join"]), id_column="person_id", min_rows=1)
    frames = [members(*["join"] * (number + 1), *["odd"] * (number % 2)) for number in range(32)]

    with ThreadPoolExecutor(32) as pool:
        reports = list(pool.map(lambda frame: gate(frame, suite), frames))

    assert [report.results[0].observed["value"] for report in reports] == [len(frame) for frame in frames]
    assert [len(report.blocking) for report in reports] == [number % 2 for number in range(32)]
    assert [report.results[1].unexpected_count for report in reports] == [number % 2 for number in range(32)]


def test_a_warning_is_shown_and_does_not_block() -> None:
    """A failed expectation of severity warning leaves the step free to go on."""
    report = gate(members("join", "odd"), suite_of(kinds_in(["join"], severity="warning")))

    assert report.blocking == ()
    assert [result.expectation for result in report.warnings] == ["column_values_to_be_in_set(kind)"]


def test_a_critical_failure_blocks() -> None:
    """A failed expectation without a severity stops the step."""
    report = gate(members("join", "odd"), suite_of(kinds_in(["join"])))

    assert [result.unexpected_count for result in report.blocking] == [1]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("ExpectColumnValuesToBeBetween", {"column": "score", "min_value": 1}),
        ("ExpectColumnValuesToBeBetween", {"column": "kind", "min_value": 1}),
        ("ExpectCompoundColumnsToBeUnique", {"column_list": ["person_id", "zip"]}),
    ],
)
def test_a_check_that_cannot_run_blocks_whatever_its_severity(kind: str, arguments: dict[str, Any]) -> None:
    """A missing column or an impossible comparison is critical even when declared a warning."""
    report = gate(members("join"), suite_of((kind, {**arguments, "severity": "warning"})))

    assert [(result.could_run, result.passed) for result in report.blocking] == [(False, False)]
    assert report.warnings == ()


def test_a_suite_that_cannot_be_built_blocks() -> None:
    """An expectation with impossible arguments stops the step instead of vanishing."""
    report = gate(members("join"), suite_of(("ExpectColumnValuesToBeInSet", {"column": 3.5, "value_set": "x"})))

    assert len(report.blocking) == 1
    assert not report.blocking[0].could_run


def test_an_empty_frame_blocks_when_a_row_is_wanted() -> None:
    """No rows at all is a failure of the row count, though every column check would pass."""
    report = gate(members(), suite_of(kinds_in(["join"]), min_rows=1))

    assert [result.expectation for result in report.blocking] == ["table_row_count_to_be_between()"]


def test_an_empty_frame_passes_when_none_is_wanted() -> None:
    """A day without rows is allowed where the suite says so, aggregates included."""
    mean = ("ExpectColumnMeanToBeBetween", {"column": "person_id", "max_value": 9})

    report = gate(members(), suite_of(mean, kinds_in(["join"]), columns={"kind": "text"}))

    assert report.blocking == ()
    assert report.rows == 0


def test_the_call_may_ask_for_more_rows_than_the_suite() -> None:
    """The step's own least row count wins over the suite's."""
    assert gate(members("join"), suite_of(), min_rows=2).blocking != ()
    assert gate(members(), suite_of(min_rows=3), min_rows=0).blocking == ()


def test_verdicts_keep_the_order_of_the_suite() -> None:
    """Failing checks stay where the suite put them, so that two days read alike."""
    broken = ("ExpectColumnValuesToBeBetween", {"column": "score", "min_value": 1})

    report = gate(
        members("join"), suite_of(kinds_in(["join"]), broken, ("ExpectColumnValuesToNotBeNull", {"column": "kind"}))
    )

    assert [name.split("(")[0] for name in verdicts(report)] == [
        "table_row_count_to_be_between",
        "column_values_to_be_in_set",
        "column_values_to_be_between",
        "column_values_to_not_be_null",
    ]


COLUMN_CASES = [
    ("text", pd.Series(["a", "b"]), pd.Series([1, 2])),
    ("text", pd.Series(["a", None], dtype="object"), pd.Series(["a", 2], dtype="object")),
    ("whole", pd.Series([1, 2], dtype="Int64"), pd.Series([1.0, 2.0])),
    ("number", pd.Series([1.5, 2]), pd.Series(["1.5", "2"])),
    ("instant", pd.to_datetime(pd.Series(["2026-01-01", None]), utc=True), pd.to_datetime(pd.Series(["2026-01-01"]))),
    ("day", pd.to_datetime(pd.Series(["2026-01-01"])), pd.to_datetime(pd.Series(["2026-01-01 08:00"]))),
    ("flag", pd.Series([True, False]), pd.Series([0, 1])),
]


@pytest.mark.parametrize(("kind", "right", "wrong"), COLUMN_CASES)
def test_column_kinds_are_told_apart_under_pandas_3(kind: str, right: pd.Series, wrong: pd.Series) -> None:
    """A column of the named kind passes and one of another kind blocks."""
    suite = suite_of(columns={"value": kind})

    assert gate(pd.DataFrame({"value": right}), suite).blocking == ()
    assert len(gate(pd.DataFrame({"value": wrong}), suite).blocking) == 1


def test_a_missing_column_blocks() -> None:
    """A listed column that is not there stops the step, on an empty frame too."""
    assert len(gate(members("join"), suite_of(columns={"group_id": "whole"})).blocking) == 1
    assert len(gate(members(), suite_of(columns={"group_id": "whole"})).blocking) == 1


def test_samples_are_ids_and_never_values() -> None:
    """The report names rows by id; the values that broke the rule appear nowhere in it."""
    frame = pd.DataFrame({"person_id": [11, 12, 13], "phone": ["13800138000", "张三", "13900139000"]})
    suite = suite_of(("ExpectColumnValuesToMatchRegex", {"column": "phone", "regex": "^x"}), id_column="person_id")

    report = gate(frame, suite)

    assert report.blocking[0].sample_ids == (11, 12, 13)
    assert not any(value in report.markdown("zh") + repr(report) for value in frame["phone"])


def test_at_most_five_samples_are_shown() -> None:
    """A thousand broken rows do not fill the report."""
    report = gate(members(*["odd"] * 1000), suite_of(kinds_in(["join"]), id_column="person_id"))

    assert report.blocking[0].sample_ids == (1, 2, 3, 4, 5)
    assert report.blocking[0].unexpected_count == 1000


@pytest.mark.parametrize("value", ["13800138000", 13800138000, "张三", "a b", "x" * 80])
def test_an_id_that_could_name_a_person_is_replaced(value: object) -> None:
    """Phones, names and free text never pass as ids."""
    assert str(safe_id(value)).startswith("#")
    assert str(value) not in str(safe_id(value))


@pytest.mark.parametrize(("value", "shown"), [(7, 7), (7.0, 7), ("form/12", "form/12")])
def test_plain_ids_stay_readable(value: object, shown: object) -> None:
    """An id that names nobody is shown as it is, so that the row can be found."""
    assert safe_id(value) == shown


def test_the_markdown_tells_verdict_and_rows_set_aside() -> None:
    """People read whether the step went on, which check failed and what was quarantined."""
    report = gate(members("join", "odd"), suite_of(kinds_in(["join"], meta={"zh": "事件|种类认识"})))

    text = report.markdown("zh", {"没有时间": 3})

    assert "已拦下" in text
    assert "事件\\|种类认识" in text
    assert "没有时间: 3" in text
    assert "Stopped" in report.markdown("en")
