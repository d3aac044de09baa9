"""
How a step's data is judged in a run: gate, store the verdicts, publish them, stop the step.

What must be true lives in ``data_checks``; this wrapper adds the database, the artifact and the exception.
A failed check is never retried: the same data fails again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext, TaskRunContext
from sqlalchemy import delete

from data_checks.gate import CheckReport, CheckResult, Suite, gate
from qunflow import runtime
from qunflow.errors import CheckFailed
from qunflow.store import quarantine, runs
from qunflow.store.tables import check_results

SetAside = tuple[str, str, Mapping[str, Any]]


@task(name="check", cache_policy=NO_CACHE, retries=0, timeout_seconds=600, task_run_name="check {suite.name}")
def check(
    frame: pd.DataFrame,
    suite: Suite,
    run_id: int,
    *,
    min_rows: int | None = None,
    set_aside: Sequence[SetAside] = (),
    source: str = "",
) -> CheckReport:
    """
    Judge a frame before the step goes on.

    Args:
        frame: what the suite describes.
        run_id: the ``runs`` row the verdicts belong to.
        min_rows: fewer rows block; None takes the suite's own.
        set_aside: rows already taken out, as (row_ref, reason, row); they are sealed into the quarantine.
        source: where those rows came from.

    Raises:
        CheckFailed: when a critical expectation failed or any could not run; verdicts are stored before.
    """
    report = gate(frame, suite, min_rows=min_rows)
    keep(report, suite, run_id, set_aside=set_aside, source=source)
    reasons = Counter(reason for _, reason, _ in set_aside)
    publish(artifact_key(suite), report.markdown("zh", reasons), f"数据检查 {suite.name}")
    if report.blocking:
        named = "; ".join(result.words("zh") for result in report.blocking[:3])
        raise CheckFailed(
            f"{suite.name}: {len(report.blocking)} critical checks failed on {report.rows} rows: {named}",
            f"read the artifact {artifact_key(suite)} of this run, repair the data and run the day again",
        )
    return report


def keep(
    report: CheckReport, suite: Suite, run_id: int, *, set_aside: Sequence[SetAside] = (), source: str = ""
) -> None:
    """Store the verdicts of a run, replacing those of an earlier try, and seal the rows set aside."""
    now = runtime.current()
    with now.store.writing() as conn:
        same_suite = (check_results.c.run_id == run_id) & (check_results.c.suite == report.suite)
        conn.execute(delete(check_results).where(same_suite))
        runs.record_checks(conn, run_id, report.suite, [_row(result) for result in report.results])
        if set_aside:
            quarantine.keep(conn, now.vault, suite.stage, source, list(set_aside), now.clock.now())


def artifact_key(suite: Suite) -> str:
    """The Prefect key of a suite's artifact: lower-case letters, digits and dashes."""
    name = suite.name if suite.name.startswith(suite.stage) else f"{suite.stage}-{suite.name}"
    return f"checks-{name}".lower().replace("_", "-")


def publish(key: str, markdown: str, description: str = "") -> None:
    """Show Markdown in the Prefect UI; outside a run there is no UI to show it in, and nothing is done."""
    if FlowRunContext.get() is None and TaskRunContext.get() is None:
        return
    create_markdown_artifact(markdown=markdown, key=key, description=description)


def _row(result: CheckResult) -> dict[str, Any]:
    said = {lang: result.words(lang) for lang in ("zh", "en")}
    return {
        "expectation": result.expectation[:200],
        "severity": result.severity,
        "passed": result.passed,
        "could_run": result.could_run,
        "observed": {**result.observed, "samples": list(result.sample_ids), "said": said},
        "unexpected_count": result.unexpected_count,
    }
