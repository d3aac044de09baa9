"""
The gate of a step: what must be true of its frame, judged by Great Expectations.

Each call builds its own context: one context shared by threads silently judges other threads' frames
(measured: 12 of 64 verdicts right, no error). Whatever cannot be judged blocks, and the row count is always judged.
This module knows nothing of Prefect or of the database: ``tasks.checks`` stores, publishes and raises.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from data_checks.report import CRITICAL, CheckReport, CheckResult, safe_id
from data_checks.schema import column_results
from qunflow.language import catalogue

__all__ = ["CheckReport", "CheckResult", "Suite", "gate"]

_SAMPLES = 5
# The second sets its own level when it is imported.
_CHATTY_LOGGERS = ("great_expectations", "great_expectations.data_context.types.base")
_importing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Suite:
    """
    What must be true of one frame.

    Args:
        name: ``<stage>_in`` or ``<stage>_out``.
        stage: one of the five stage words.
        expectations: builds the Great Expectations objects when the gate runs, so that importing a suite costs
            nothing. ``severity="warning"`` shows a failure without stopping; ``meta={"zh": …, "en": …}`` gives words.
        id_column: column whose values may be shown as samples; None shows none.
        min_rows: fewer rows than this block the step.
        columns: column → kind (whole, number, text, instant, day, flag), each critical.
    """

    name: str
    stage: str
    expectations: Callable[[], Sequence[Any]]
    id_column: str | None = None
    min_rows: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)


def gate(frame: pd.DataFrame, suite: Suite, *, min_rows: int | None = None) -> CheckReport:
    """
    Judge a frame by a suite; never raises for what the data or a check does.

    An empty frame that is allowed (``min_rows`` 0) is judged by its row count and columns alone: the rest would
    pass or fail for want of rows, not for what is in them.
    """
    least = suite.min_rows if min_rows is None else min_rows
    schema = column_results(frame, suite.columns)
    return CheckReport(suite.name, (*_judged(frame, suite, least), *schema), len(frame))


def _judged(frame: pd.DataFrame, suite: Suite, least: int) -> list[CheckResult]:
    try:
        gxe = _great_expectations().expectations
        row_count = gxe.ExpectTableRowCountToBeBetween(min_value=least, meta=_said("checks.row_count", least=least))
        expectations = [row_count, *(() if frame.empty else suite.expectations())]
        return [_result(raw, frame, suite.id_column) for raw in _validate(frame, expectations, suite.id_column)]
    except Exception as error:  # noqa: BLE001 - a broken check must block with a reason, whatever broke it
        return [_broken("suite", error, _said("checks.suite_broken", suite=suite.name))]


def _great_expectations() -> Any:
    # Importing takes seconds, so it waits for the first gate; the lock keeps threads from half-imported modules.
    with _importing:
        import great_expectations as gx
        import great_expectations.expectations

        for name in _CHATTY_LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
        return gx


def _validate(frame: pd.DataFrame, expectations: Sequence[Any], id_column: str | None) -> list[Any]:
    gx = _great_expectations()
    from great_expectations.data_context.types.base import ProgressBarsConfig

    for position, expectation in enumerate(expectations):
        expectation.meta = {**(expectation.meta or {}), "position": position}
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("frame").add_dataframe_asset("frame")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite(name="suite", expectations=list(expectations))
    raw = batch.validate(suite, result_format=_result_format(frame, id_column)).results
    return sorted(raw, key=lambda result: int(result.expectation_config.meta["position"]))


def _result_format(frame: pd.DataFrame, id_column: str | None) -> dict[str, Any]:
    plain = {"result_format": "SUMMARY", "partial_unexpected_count": _SAMPLES}
    return {**plain, "unexpected_index_column_names": [id_column]} if id_column in frame.columns else plain


def _result(raw: Any, frame: pd.DataFrame, id_column: str | None) -> CheckResult:
    config = raw.expectation_config
    said = {lang: str(config.meta[lang]) for lang in ("zh", "en") if config.meta.get(lang)}
    name = _name(config)
    if trouble := _trouble(raw.exception_info):
        missing = sorted(_columns(config.kwargs) - set(frame.columns))
        reason = f"column {', '.join(missing)} is missing" if missing else trouble
        return CheckResult(name, CRITICAL, False, False, {"reason": reason}, said=said)
    return CheckResult(
        expectation=name,
        severity=str(config.severity.value),
        passed=bool(raw.success),
        could_run=True,
        observed=_observed(raw.result),
        unexpected_count=int(raw.result.get("unexpected_count") or 0),
        sample_ids=_samples(raw.result, id_column),
        said=said,
    )


def _name(config: Any) -> str:
    return f"{str(config.type).removeprefix('expect_')}({', '.join(sorted(_columns(config.kwargs)))})"


def _columns(kwargs: Mapping[str, Any]) -> set[str]:
    named = {str(kwargs[key]) for key in ("column", "column_A", "column_B") if key in kwargs}
    return named | {str(column) for column in kwargs.get("column_list", ())}


def _trouble(info: Mapping[str, Any] | None) -> str:
    """The kind of exception in Great Expectations' report, which is flat or keyed by metric; "" when none."""
    for entry in (info, *info.values()) if info else ():
        if isinstance(entry, Mapping) and entry.get("raised_exception"):
            # The message may quote values of the frame; its last line's type does not.
            last_line = str(entry.get("exception_traceback") or "").strip().rsplit("\n", 1)[-1]
            return last_line.split(":", 1)[0].rsplit(".", 1)[-1] or "the check raised"
    return ""


def _observed(result: Mapping[str, Any]) -> dict[str, float | int | str]:
    seen = result.get("observed_value")
    checked = result.get("element_count")
    found: dict[str, float | int | str] = {} if checked is None else {"rows_checked": int(checked)}
    return found if (number := _number(seen)) is None else {**found, "value": number}


def _number(seen: object) -> float | int | None:
    """A count or an aggregate; text and lists of values are left out, they could name a person."""
    if isinstance(seen, list | tuple | set):
        return len(seen)
    if isinstance(seen, bool) or not hasattr(seen, "__float__"):
        return None
    value = float(seen)
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else round(value, 6)


def _samples(result: Mapping[str, Any], id_column: str | None) -> tuple[int | str, ...]:
    listed = result.get("partial_unexpected_index_list") or ()
    rows = [row for row in listed if isinstance(row, Mapping) and id_column in row]
    return tuple(safe_id(row[id_column]) for row in rows[:_SAMPLES])


def _said(key: str, **values: object) -> dict[str, str]:
    return {lang: catalogue(lang).text(key, **values) for lang in ("zh", "en")}


def _broken(name: str, error: Exception, said: Mapping[str, str]) -> CheckResult:
    return CheckResult(name, CRITICAL, False, False, {"reason": type(error).__name__}, said=said)
