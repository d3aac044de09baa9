"""
What must be true of conversion: of clicks and orders that came in, of the list of likely buyers, of the messages about
to go out, and of the numbers of a campaign.

Rows are made by ``tasks.conversion``; the rules themselves live in ``qunflow.conversion``.
"""

from __future__ import annotations

from typing import Any

from data_checks.gate import Suite

STAGE = "conversion"
USED, REPEAT = "", "repeat"
REFUSALS = (
    "unknown_code",
    "unreadable",
    "in_the_future",
    "no_order_number",
    "unknown_status",
    "bad_amount",
    "bad_time",
    "bad_refund",
)
MOST_FEN = 100_000_000
LATE_DAYS = 30


def _expectations() -> Any:
    # Importing takes seconds, so it waits until a suite is built.
    from great_expectations import expectations

    return expectations


def _of_arrivals() -> list[Any]:
    gxe = _expectations()

    return [
        gxe.ExpectColumnValuesToBeUnique(
            column="inbox_id", meta={"zh": "每条点击、订单只读一次", "en": "each click and order is read once"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="kind", value_set=["click", "order"], meta={"zh": "只有点击和订单", "en": "only clicks and orders"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="reason",
            value_set=[USED, REPEAT, *REFUSALS],
            meta={"zh": "用不上的行都有已知的原因", "en": "a row that cannot be used has a known reason"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="amount_fen",
            min_value=0,
            max_value=MOST_FEN,
            meta={"zh": "金额在 0 到 100 万元之间", "en": "amounts between 0 and a million yuan"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="amount_fen",
            column_B="refunded_fen",
            or_equal=True,
            meta={"zh": "退款不超过付款", "en": "no refund above the payment"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="reason",
            value_set=[USED, REPEAT],
            mostly=0.8,
            severity="warning",
            meta={"zh": "用不上的行不超过两成", "en": "at most a fifth of the rows cannot be used"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="days_late",
            max_value=LATE_DAYS,
            mostly=0.95,
            severity="warning",
            meta={"zh": "晚到超过 30 天的不超过 5%", "en": "at most 5 % came more than 30 days late"},
        ),
    ]


def _of_buyers() -> list[Any]:
    gxe = _expectations()

    return [
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["campaign", "person_id"],
            meta={"zh": "一个活动里每人只列一次", "en": "each person is listed once in a campaign"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="score", min_value=1, max_value=100, meta={"zh": "分数在 1 到 100", "en": "scores from 1 to 100"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="reasons",
            min_value=1,
            max_value=5,
            meta={"zh": "每个人都说得出一到五条理由", "en": "everybody has one to five reasons"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="tier", value_set=["high", "low"], meta={"zh": "档位只有高、低消费", "en": "tier is high or low"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="suppressed",
            value_set=[False],
            meta={"zh": "没有退订或售后未了结的人", "en": "nobody who opted out or has an open service case"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="in_group", value_set=[True], meta={"zh": "都在群里", "en": "everybody is in a group"}
        ),
        gxe.ExpectColumnMaxToBeBetween(
            column="share_of_members",
            max_value=0.7,
            severity="warning",
            meta={"zh": "名单不超过群友的七成(人人都在等于没选)", "en": "the list holds at most 70 % of the members"},
        ),
    ]


def _of_messages() -> list[Any]:
    gxe = _expectations()
    from great_expectations.expectations.row_conditions import Column

    return [
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["slot_key", "group_id"],
            meta={"zh": "一个节点每群只一条", "en": "one message a slot and group"},
        ),
        gxe.ExpectColumnValuesToBeUnique(
            column="group_id",
            row_condition=Column("way") == "mass_task",
            meta={"zh": "每群每天最多一条群发任务", "en": "at most one mass task a group and day"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="warmed_up",
            value_set=[True],
            row_condition=Column("has_link") == True,  # noqa: E712 - builds a condition, does not compare
            meta={"zh": "没预热过的群不发链接", "en": "no link into a group that was not warmed up"},
        ),
        gxe.ExpectColumnValueLengthsToBeBetween(
            column="text",
            min_value=1,
            max_value=4000,
            meta={"zh": "话术不空也不超长", "en": "copy neither empty nor too long"},
        ),
    ]


def _of_numbers() -> list[Any]:
    gxe = _expectations()

    return [
        gxe.ExpectColumnValuesToBeUnique(column="campaign", meta={"zh": "每个活动一行", "en": "one row a campaign"}),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="warm_up_members",
            column_B="responses",
            or_equal=True,
            meta={"zh": "响应的人不超过群人数", "en": "no more responses than members"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="revenue_fen",
            column_B="refunds_fen",
            or_equal=True,
            meta={"zh": "退款不超过实付", "en": "no more refunds than revenue"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="orders",
            column_B="payers",
            or_equal=True,
            meta={"zh": "付款人数不超过订单数", "en": "no more payers than orders"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="reached",
            column_B="payers",
            or_equal=True,
            severity="warning",
            meta={"zh": "付款人数不超过发到的人数", "en": "no more payers than people reached"},
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="reached",
            column_B="clickers",
            or_equal=True,
            severity="warning",
            meta={"zh": "点击人数不超过发到的人数", "en": "no more clickers than people reached"},
        ),
    ]


INPUT = Suite(
    name="conversion_in",
    stage=STAGE,
    expectations=_of_arrivals,
    id_column="inbox_id",
    columns={
        "inbox_id": "whole",
        "kind": "text",
        "reason": "text",
        "amount_fen": "whole",
        "refunded_fen": "whole",
        "days_late": "number",
    },
)

OUTPUT = Suite(
    name="conversion_out",
    stage=STAGE,
    expectations=_of_buyers,
    id_column="person_id",
    columns={
        "campaign": "text",
        "person_id": "whole",
        "score": "whole",
        "reasons": "whole",
        "tier": "text",
        "suppressed": "flag",
        "in_group": "flag",
        "share_of_members": "number",
    },
)

MESSAGES = Suite(
    name="conversion_messages",
    stage=STAGE,
    expectations=_of_messages,
    id_column="group_id",
    columns={
        "slot_key": "text",
        "group_id": "whole",
        "way": "text",
        "has_link": "flag",
        "warmed_up": "flag",
        "text": "text",
    },
)

NUMBERS = Suite(
    name="conversion_numbers",
    stage=STAGE,
    expectations=_of_numbers,
    id_column="campaign",
    columns={
        "campaign": "text",
        "responses": "whole",
        "warm_up_members": "whole",
        "reached": "whole",
        "clickers": "whole",
        "payers": "whole",
        "orders": "whole",
        "revenue_fen": "whole",
        "refunds_fen": "whole",
    },
)
