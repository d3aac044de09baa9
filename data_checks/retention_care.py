"""
What must be true before anything is done about retention: of the board that is shown and of what is proposed.

``CARE`` sees one row a group (columns: group, members, active_share, layered, silent, stage, advice): a share over 1,
more people in layers than in the group, or a stage nobody knows would send somebody to the wrong group. ``WIN_BACK``
sees one row a proposal (columns: person, way, marketing): private, once a person, and counted by the caps on contact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from data_checks.gate import Suite
from qunflow.retention.care.life_stage import STAGES, What


def _care() -> Sequence[Any]:
    import great_expectations.expectations as gxe

    def at_most(part: str, zh: str, en: str) -> Any:
        return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="members", column_B=part, or_equal=True, meta={"zh": zh, "en": en}
        )

    return [
        gxe.ExpectColumnValuesToBeUnique(column="group", meta={"zh": "一个群一行", "en": "one row a group"}),
        gxe.ExpectColumnValuesToBeBetween(
            column="active_share",
            min_value=0,
            max_value=1,
            meta={"zh": "有动作的人不比群友多", "en": "no more people act than are members"},
        ),
        at_most("layered", "分层的人不比群友多", "no more people have a layer than are members"),
        at_most("silent", "潜水的人不比群友多", "no more people are silent than are members"),
        gxe.ExpectColumnValuesToBeInSet(
            column="stage", value_set=list(STAGES), meta={"zh": "是四个阶段之一", "en": "one of the four stages"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="advice", value_set=list(get_args(What)), meta={"zh": "是认得的建议", "en": "advice that is known"}
        ),
    ]


def _win_back() -> Sequence[Any]:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeUnique(column="person", meta={"zh": "一个人一天一条", "en": "one a person and day"}),
        gxe.ExpectColumnValuesToBeInSet(
            column="way", value_set=["private_task"], meta={"zh": "只用私信", "en": "private messages only"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="marketing", value_set=[True], meta={"zh": "算在触达上限里", "en": "counted by the caps on contact"}
        ),
    ]


CARE = Suite(
    "retention_care",
    "retention",
    _care,
    id_column="group",
    columns={
        "group": "text",
        "members": "whole",
        "active_share": "number",
        "layered": "whole",
        "silent": "whole",
        "stage": "text",
        "advice": "text",
    },
)
WIN_BACK = Suite(
    "retention_win_back",
    "retention",
    _win_back,
    columns={"person": "whole", "way": "text", "marketing": "flag"},
)
