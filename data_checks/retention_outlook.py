"""
What must be true of what is told of the days ahead before it is kept; one row a figure, as in ``retention``.

A share outside 0 to 1, or a range that does not hold its own middle, would be believed because it is precise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_checks.gate import Suite

SHARES = (
    "stay_forecast",
    "stay_forecast_low",
    "stay_forecast_high",
    "stay_reached",
    "churn_brier",
    "churn_brier_base",
    "churn_auc",
    "churn_told",
    "churn_left",
)
NAMES = (*SHARES, "stay_forecast_state", "churn_state", "churn_risk", "ranges_out_of_order")


def _outlook() -> Sequence[Any]:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    name = Column("name")
    return [
        gxe.ExpectColumnValuesToBeInSet(
            column="name",
            value_set=list(NAMES),
            meta={"zh": "只有往后看的数字", "en": "only figures of the days ahead"},
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
        gxe.ExpectColumnValuesToBeBetween(
            column="value",
            max_value=0,
            row_condition=name == "ranges_out_of_order",
            meta={"zh": "估计都在自己的范围里", "en": "every expectation lies in its own range"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="denominator",
            column_B="numerator",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            row_condition=name.is_in(["churn_risk", "churn_left", "stay_reached"]),
            meta={"zh": "走的人不比这些人多", "en": "no more people leave than there are"},
        ),
    ]


OUTLOOK = Suite(
    "retention_outlook",
    "retention",
    _outlook,
    min_rows=2,
    columns={"name": "text", "dimensions": "text", "value": "number", "numerator": "number", "denominator": "number"},
)
