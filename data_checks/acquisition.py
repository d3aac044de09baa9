"""
What must be true of acquisition's data, before anybody is placed or greeted and after the rosters were read.

``completeness`` sees the grade of the community's and each group's latest day (columns: scope, grade,
differs).
``DRIFT`` sees a row a source of the inbox (columns: source, unreadable).
``INPUT`` sees one row for every row a form gave (columns: row_id, verdict, lead_key, contactable, channel_known,
submitted_at, age_s); ``OUTPUT`` one row a group (columns: group, members, listed, expected_members,
left_without_join, invited_members, over_platform_limit, staff_only). Both hold counts and keys, no personal data.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from data_checks.gate import Suite
from qunflow.acquisition.leads import Refusal
from qunflow.community.completeness import GRADES

VERDICTS = ["lead", "duplicate", *(reason.value for reason in Refusal)]
USABLE = ["lead", "duplicate"]
# A form whose rows are mostly unusable is mapped wrongly or under attack: somebody should look.
USABLE_SHARE = 0.5
KNOWN_CHANNEL_SHARE = 0.9
PLATFORM_GROUP_LIMIT = 500


def _input() -> Sequence[Any]:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeUnique(
            column="row_id", meta={"zh": "每一行只读一次", "en": "every row is read once"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="verdict", value_set=VERDICTS, meta={"zh": "每一行都有结论", "en": "every row has a verdict"}
        ),
        gxe.ExpectColumnValuesToBeUnique(
            column="lead_key", meta={"zh": "一条线索只有一个编号", "en": "a lead has one key"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="contactable",
            value_set=[True],
            meta={"zh": "留下的线索都有手机号或外部 ID", "en": "every lead kept has a phone or an external id"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="age_s", min_value=-600, meta={"zh": "提交时间不在将来", "en": "no lead comes from the future"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="verdict",
            value_set=USABLE,
            mostly=USABLE_SHARE,
            severity="warning",
            meta={"zh": "至少一半的行可用", "en": "at least half of the rows are usable"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="channel_known",
            value_set=[True],
            mostly=KNOWN_CHANNEL_SHARE,
            severity="warning",
            meta={"zh": "渠道在设置里登记过", "en": "the channel is one of the settings"},
        ),
    ]


def _output() -> Sequence[Any]:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeUnique(column="group", meta={"zh": "每个群一行", "en": "one row a group"}),
        gxe.ExpectColumnPairValuesToBeEqual(
            column_A="members",
            column_B="listed",
            meta={"zh": "在册人数等于企业微信名单人数", "en": "members on file are the members on the roster"},
        ),
        gxe.ExpectColumnPairValuesToBeEqual(
            column_A="members",
            column_B="expected_members",
            meta={
                "zh": "原有人数加入群减退群等于现有人数",
                "en": "members before, plus joins, minus leaves, are members now",
            },
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="left_without_join",
            value_set=[0],
            severity="warning",
            meta={"zh": "没有“没入群就退群”的人", "en": "nobody left without having joined"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="invited_members",
            value_set=[0],
            meta={"zh": "没有邀请已经在群里的人", "en": "nobody is invited who is in the group"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="listed",
            max_value=PLATFORM_GROUP_LIMIT,
            severity="warning",
            meta={"zh": "群人数不超过平台上限 500", "en": "no group is above the platform's limit of 500"},
        ),
    ]


INPUT = Suite(
    "acquisition_in",
    "acquisition",
    _input,
    id_column="row_id",
    columns={"row_id": "text", "verdict": "text", "age_s": "number"},
)
OUTPUT = Suite(
    "acquisition_out",
    "acquisition",
    _output,
    id_column="group",
    min_rows=1,
    columns={"group": "text", "members": "whole", "listed": "whole", "expected_members": "whole"},
)


def _drift() -> Sequence[Any]:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeInSet(
            column="unreadable",
            value_set=[0],
            severity="warning",
            meta={
                "zh": "一天内没有读不懂的回调和表单推送",
                "en": "no callback and no form push of a day had another shape than expected",
            },
        )
    ]


DRIFT = Suite(
    "acquisition_drift", "acquisition", _drift, id_column="source", columns={"source": "text", "unreadable": "whole"}
)


def completeness(stops: str) -> Suite:
    """
    Yesterday's data held against three sources.

    Args:
        stops: the best grade of the community that blocks: B, C or D; ``never`` only warns.
    """
    return Suite(
        "acquisition_completeness",
        "acquisition",
        partial(_completeness, stops),
        id_column="scope",
        columns={"scope": "text", "grade": "text", "differs": "flag"},
    )


def _completeness(stops: str) -> Sequence[Any]:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    whole = Column("scope") == "community"
    accepted = GRADES[: GRADES.index(stops)] if stops in GRADES else list(GRADES)
    return [
        gxe.ExpectColumnValuesToBeInSet(
            column="grade",
            value_set=list(accepted),
            row_condition=whole,
            meta={"zh": "社群的数据完整度够用", "en": "the community's data are complete enough to go on"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="differs",
            value_set=[False],
            severity="warning",
            meta={
                "zh": "名单、回调、官方统计基本对得上",
                "en": "rosters, callbacks and official figures nearly agree",
            },
        ),
    ]
