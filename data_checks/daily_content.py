"""
What must be true of a day's content before it is queued, and of the outbox afterwards.

``INPUT`` sees one row a group and slot (columns: ref, group, way, sender, text_bytes, attachments, window_s,
findings, marketing_in_quiet_hours, tasks_of_group); ``OUTPUT`` one row a planned message (columns: ref, group, state,
in_outbox, approved_or_waiting, tasks_of_group, unknown). Both hold keys and counts, no copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_checks.gate import Suite
from qunflow.store.tables import TARGET_STATES

WAYS = ["mass_task", "hand_send", "private_task", "staff_notice"]
# Source: developer.work.weixin.qq.com, 创建企业群发: text ≤ 4000 bytes, ≤ 9 attachments (read 2026-11-21).
TEXT_LIMIT_BYTES = 4_000
ATTACHMENT_LIMIT = 9


def _input() -> Sequence[Any]:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeUnique(
            column="ref", meta={"zh": "每个群每个节点只排一次", "en": "a slot is planned once a group"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="way", value_set=WAYS, meta={"zh": "发送方式有效", "en": "the way is known"}
        ),
        gxe.ExpectColumnValueLengthsToBeBetween(
            column="sender", min_value=1, meta={"zh": "每条都有发送人", "en": "every message has a sender"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="text_bytes",
            min_value=1,
            max_value=TEXT_LIMIT_BYTES,
            meta={"zh": "文字 1 到 4000 字节", "en": "text of 1 to 4000 bytes"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="attachments",
            max_value=ATTACHMENT_LIMIT,
            meta={"zh": "附件不超过 9 个", "en": "at most 9 attachments"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="window_s",
            min_value=0,
            meta={"zh": "最晚时间不早于计划时间", "en": "no window ends before it begins"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="marketing_in_quiet_hours",
            value_set=[False],
            meta={"zh": "免打扰时段没有营销内容", "en": "no marketing in quiet hours"},
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="tasks_of_group",
            max_value=1,
            meta={"zh": "每群每天最多一个群发任务", "en": "at most one mass task a group and day"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="findings",
            value_set=[0],
            severity="warning",
            meta={"zh": "话术没有需要留意的地方", "en": "nothing to look at in the copy"},
        ),
    ]


def _output() -> Sequence[Any]:
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeUnique(
            column="ref", meta={"zh": "每个群每个节点只有一条有效内容", "en": "one live message a group and slot"}
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="in_outbox",
            value_set=[True],
            meta={"zh": "排好的都在发件箱里", "en": "all that was planned is in the outbox"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="state", value_set=list(TARGET_STATES), meta={"zh": "状态有效", "en": "the state is known"}
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="tasks_of_group",
            max_value=1,
            meta={"zh": "每群每天最多一个群发任务", "en": "at most one mass task a group and day"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="unsettled",
            value_set=[False],
            severity="warning",
            meta={"zh": "没有待核实的发送", "en": "no send waits to be settled"},
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="refused",
            value_set=[False],
            severity="warning",
            meta={"zh": "没有被拒绝的内容", "en": "nothing was refused"},
        ),
    ]


INPUT = Suite(
    "daily_content_in",
    "daily_content",
    _input,
    id_column="ref",
    columns={"ref": "text", "sender": "text", "text_bytes": "whole", "window_s": "number"},
)
OUTPUT = Suite("daily_content_out", "daily_content", _output, id_column="ref", columns={"ref": "text", "state": "text"})
