"""What must be true of cohorts that were split before their figures are kept; one row a figure, as in ``retention``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_checks.gate import Suite

NAMES = ("part_stay_rate", "people_lost")


def _parts() -> Sequence[Any]:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    name = Column("name")
    return [
        gxe.ExpectColumnValuesToBeInSet(
            column="name", value_set=list(NAMES), meta={"zh": "只有分组的留存", "en": "only retention by parts"}
        ),
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["name", "dimensions"], meta={"zh": "一格只有一个数", "en": "one number a cell"}
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="denominator",
            column_B="numerator",
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            meta={"zh": "留下的人不比这组人多", "en": "nobody stays who was not in the part"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="value",
            min_value=0,
            max_value=0,
            row_condition=name == "people_lost",
            meta={"zh": "各组人数加起来就是这批人", "en": "the parts of a cohort add up to it"},
        ),
    ]


PARTS = Suite(
    "retention_parts",
    "retention",
    _parts,
    columns={"name": "text", "dimensions": "text", "value": "number", "numerator": "number", "denominator": "number"},
)
