"""
What must be true of the check-in week: of the taps that came in, and of what people stand at afterwards.

Rows are made by ``tasks.weekly_activity``; what a check-in is and what a streak is worth is decided in
``qunflow.weekly_activity``.
"""

from __future__ import annotations

from typing import Any

from data_checks.gate import Suite

STAGE = "weekly_activity"
COUNTED, REPEAT = "", "repeat"
REFUSALS = ("unreadable", "unknown_code", "unknown_person", "outside_week", "in_the_future")


def _expectations() -> Any:
    # Importing takes seconds, so it waits until a suite is built.
    from great_expectations import expectations

    return expectations


def _of_taps() -> list[Any]:
    gxe = _expectations()
    from great_expectations.expectations.row_conditions import Column

    counted = Column("reason") == COUNTED
    return [
        gxe.ExpectColumnValuesToBeUnique(
            column="inbox_id", meta={"zh": "每次点击只读一次", "en": "each tap is read once"}
        ),
        gxe.ExpectColumnValuesToBeUnique(
            column="mark", meta={"zh": "一人一天只算一次打卡", "en": "one check-in a person and day"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="reason",
            value_set=[COUNTED, REPEAT, *REFUSALS],
            meta={"zh": "不算的点击都有已知的原因", "en": "a tap that does not count has a known reason"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="week_day",
            min_value=1,
            max_value=7,
            row_condition=counted,
            meta={"zh": "算数的打卡都在这一周的七天里", "en": "a check-in lies on one of the week's seven days"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="person_id",
            min_value=1,
            row_condition=counted,
            meta={"zh": "算数的打卡都认得出是谁", "en": "a check-in has a known person"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="reason",
            value_set=[COUNTED, REPEAT],
            mostly=0.8,
            severity="warning",
            meta={"zh": "不算数的点击不超过两成", "en": "at most a fifth of the taps cannot count"},
        ),
    ]


def _of_standing() -> list[Any]:
    gxe = _expectations()

    return [
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["activity", "person_id"],
            meta={"zh": "一周里每人只有一行", "en": "one row a person and week"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="total_days",
            min_value=1,
            max_value=7,
            meta={"zh": "一周打卡 1 到 7 天", "en": "1 to 7 days in a week"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="total_days",
            column_B="longest_days",
            or_equal=True,
            meta={"zh": "连续天数不超过总天数", "en": "the best run is no longer than all days"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="longest_days",
            column_B="current_days",
            or_equal=True,
            meta={"zh": "当前连续不超过最长连续", "en": "the current streak is no longer than the best run"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="points_due",
            column_B="points_booked",
            or_equal=True,
            meta={"zh": "没有人多得积分", "en": "nobody has more points than earned"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="stock_left",
            min_value=0,
            meta={"zh": "奖品没有发超", "en": "no prize was given beyond its stock"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="points_booked",
            column_B="points_due",
            or_equal=True,
            severity="warning",
            meta={"zh": "该得的积分都记上了(试运行不记)", "en": "all points earned are booked (a dry run books none)"},
        ),
    ]


INPUT = Suite(
    name="weekly_activity_in",
    stage=STAGE,
    expectations=_of_taps,
    id_column="inbox_id",
    columns={"inbox_id": "whole", "person_id": "whole", "week_day": "whole", "mark": "text", "reason": "text"},
)

OUTPUT = Suite(
    name="weekly_activity_out",
    stage=STAGE,
    expectations=_of_standing,
    id_column="person_id",
    columns={
        "activity": "text",
        "person_id": "whole",
        "current_days": "whole",
        "longest_days": "whole",
        "total_days": "whole",
        "points_due": "whole",
        "points_booked": "whole",
        "stock_left": "whole",
    },
)
