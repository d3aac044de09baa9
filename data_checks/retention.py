"""
What must be true before retention is measured and before its figures are kept.

``INPUT`` sees one row: the counts of ``qunflow.retention.dirt.Dirt``, made in one pass over the history. Dirt is a
fact of every real log and robustly handled, so it warns. ``OUTPUT`` sees one row a figure (columns: name,
dimensions, value, numerator, denominator) and guards the arithmetic. ``publishable`` sees one row: the grade of the
data behind the figures (columns: day, grade; ``-`` where nobody graded them).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from data_checks.gate import Suite
from qunflow.community.completeness import GRADES

SHARES = ("stay_rate", "active_rate", "mean_stay_rate", "mean_active_rate")
PARTS_OF_A_WHOLE = (*SHARES, "activity_matrix")
NAMES = (
    *PARTS_OF_A_WHOLE,
    "cohort_size",
    "group_health",
    "group_health_part",
    "leave_rate",
    "leave_streak_days",
    "alarm",
)
DIRT = {
    "joins_while_in": ("没有人在群里又入群", "nobody joins a group while in it"),
    "leaves_without_join": ("没有人没入群就退群", "nobody leaves a group without having joined"),
    "speakers_without_join": ("发言的人都入过群", "everybody who speaks has joined"),
    "in_the_future": ("没有将来的事件", "no event lies in the future"),
    "duplicates": ("没有完全相同的事件", "no two events are the same in everything"),
    "days_without_events": ("中间没有一天是空的", "no day in between is without events"),
}


def _input() -> Sequence[Any]:
    import great_expectations.expectations as gxe

    def no(column: str, zh: str, en: str, severity: str = "warning") -> Any:
        meta = {"zh": zh, "en": en}
        return gxe.ExpectColumnMaxToBeBetween(column=column, max_value=0, severity=severity, meta=meta)

    return [
        gxe.ExpectColumnMinToBeBetween(
            column="events",
            min_value=1,
            severity="warning",
            meta={"zh": "历史里有事件", "en": "the history has events"},
        ),
        no("without_person", "每个事件都有人", "every event has its person", "critical"),
        *(no(column, *words) for column, words in DIRT.items()),
    ]


def _output() -> Sequence[Any]:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    name = Column("name")
    return [
        gxe.ExpectColumnValuesToBeInSet(
            column="name", value_set=list(NAMES), meta={"zh": "只有留存的数字", "en": "only figures of retention"}
        ),
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["name", "dimensions"], meta={"zh": "一格只有一个数", "en": "one number a cell"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="value", min_value=0, meta={"zh": "没有负数", "en": "nothing is negative"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="value",
            max_value=1,
            row_condition=name.is_in(list(SHARES)),
            meta={"zh": "比率不超过 100%", "en": "no rate is over 100 %"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="denominator",
            column_B="numerator",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            row_condition=name.is_in(list(PARTS_OF_A_WHOLE)),
            meta={"zh": "留下的人不比这批人多", "en": "nobody stays who was not in the cohort"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="value",
            min_value=1,
            row_condition=name == "cohort_size",
            meta={"zh": "每一批至少一个人", "en": "every cohort has people"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="value",
            max_value=100,
            row_condition=name == "group_health",
            meta={"zh": "群健康度在 0 到 100 之间", "en": "health is between 0 and 100"},
        ),
    ]


INPUT = Suite(
    "retention_in",
    "retention",
    _input,
    min_rows=1,
    columns=dict.fromkeys(("events", "without_person", *DIRT), "whole"),
)
OUTPUT = Suite(
    "retention_out",
    "retention",
    _output,
    columns={"name": "text", "dimensions": "text", "value": "number", "numerator": "number", "denominator": "number"},
)


def publishable(from_grade: str, of: str = "") -> Suite:
    """
    Whether the data behind the figures are complete enough to publish them.

    Args:
        from_grade: the worst grade that is: A, B, C or D; ``never`` holds nothing back.
        of: tells the days of one run apart, whose verdicts would replace each other under one name.
    """
    return Suite(
        f"retention_publish{of}",
        "retention",
        partial(_publishable, from_grade),
        id_column="day",
        min_rows=1,
        columns={"day": "text", "grade": "text"},
    )


def _publishable(from_grade: str) -> Sequence[Any]:
    import great_expectations.expectations as gxe

    if from_grade not in GRADES:
        return []
    meta = {
        "zh": f"数据完整度至少是 {from_grade}，留存数字才发布",
        "en": f"the data are graded {from_grade} or better, so that retention may be published",
    }
    accepted = list(GRADES[: GRADES.index(from_grade) + 1])
    return [gxe.ExpectColumnValuesToBeInSet(column="grade", value_set=accepted, meta=meta)]
