"""The stage report of retention for the Prefect UI: blank cells, means over how many, cohorts side by side."""

from __future__ import annotations

import base64
import re
from datetime import UTC, date, datetime

from qunflow.language import catalogue
from qunflow.report.grading import Graded
from qunflow.retention.care.alarms import Limits
from qunflow.retention.cells import Cell, weighted_means
from qunflow.retention.dirt import Dirt
from qunflow.retention.events import Scope
from qunflow.retention.plan import CohortMeasure, DayMeasure, Measurement, Plan, Reading
from qunflow.store.figure_grades import Grades
from tasks.retention_report import stage_report

DAY = date(2026, 7, 20)
DAYS = (7, 30)


def report(*cells: Cell) -> str:
    scope = Scope("neighbours", (1,), True, DAY, datetime(2026, 7, 20, 12, tzinfo=UTC))
    plan = Plan(scope, DAY, "week", ("message",), Limits(0.15, 0.1, 3, 0.01), (), DAYS)
    means = weighted_means(cells, DAYS)
    found = CohortMeasure(cells, (), means, (), ())
    day = DayMeasure(plan, Dirt(*(0,) * len(Dirt.__slots__)), found, ())
    graded = Graded(DAY, Grades(), Grades())
    return stage_report(Measurement(day, (), Reading(1, 1, 0.1)), graded, catalogue("zh"))


def pictures(text: str) -> list[str]:
    return [base64.b64decode(part).decode() for part in re.findall(r"svg\+xml;base64,([^)]+)", text)]


def test_two_cohorts_are_put_side_by_side_with_what_may_be_luck() -> None:
    """The sentence, the lines, and the difference with people, range and verdict."""
    text = report(
        Cell("2026-06-29", 7, 100, 86),
        Cell("2026-06-29", 30, 100, None),
        Cell("2026-07-06", 7, 100, 80),
        Cell("2026-07-06", 30, 100, None),
    )

    heat, lines = pictures(text)
    assert "07-06 这批比 06-29 那批，第 7 天在群率低 6 个百分点，可能只是波动。" in text
    assert "| 07-06 比 06-29 | 7 | 80 / 100 | 86 / 100 | -6.0 |" in text
    assert lines.count("<polyline") == 2
    assert (heat.count("未到期</title>"), heat.count(">2 批<")) == (2, 1)


def test_one_cohort_alone_says_what_is_missing() -> None:
    """No table of nothing."""
    text = report(Cell("2026-06-29", 7, 100, 86), Cell("2026-06-29", 30, 100, None))

    assert catalogue("zh").text("compare.empty") in text
    assert len(pictures(text)) == 1
