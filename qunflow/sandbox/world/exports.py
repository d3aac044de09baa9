"""
What outsiders get: the world as anybody could describe it, and the earlier tool's exports with their dirt.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from qunflow.sandbox.storage import Event
from qunflow.sandbox.world.community import Community, local_text

EVENT_WORDS = {"join": "入群", "leave": "退群", "message": "发言", "checkin": "打卡", "click": "点击", "order": "下单"}
EVENT_COLUMNS = ("成员ID", "群ID", "事件", "时间", "金额")
LEAD_COLUMNS = ("序号", "姓名", "手机号", "来源渠道", "企微外部ID", "提交时间")
REPEATED_ROWS = 0.003


def outline(community: Community) -> dict[str, Any]:
    """Groups, staff, channels and the form, as a brand would list them when it sets the product up."""
    platform, spec = community.platform, community.spec
    return {
        "brand": spec.brand,
        "zone": "Asia/Shanghai",
        "corp_id": platform.options.corp_id,
        "agent_id": platform.options.agent_id,
        "now": instant(platform.now()),
        "past": {
            "from": instant(platform.counters["past_from"].value),
            "until": instant(platform.counters["past_until"].value),
        },
        "helper": spec.helper,
        "staff": [{"userid": s.userid, "name": s.name, "role": s.role} for s in platform.staff],
        "groups": [_group(community, chat_id) for chat_id in (chat.chat_id for chat in platform.chats)],
        "channels": [{"key": c.key, "name": c.name, "cost_fen": c.cost_fen} for c in spec.channels],
        "form": {
            "form": spec.form,
            "source": "jinshuju",
            "fields": {
                "name": "field_1",
                "phone": "field_2",
                "external_userid": "x_field_external",
                "channel": "x_field_1",
            },
        },
    }


def events_csv(community: Community) -> str:
    """The past as the earlier tool exports it: plain columns, local times, some rows twice, some without a person."""
    counters = community.platform.counters
    events = community.platform.storage.events(0, counters["past_until"].value, tuple(EVENT_WORDS))
    return _table(EVENT_COLUMNS, _event_rows(community, events))


def leads_csv(community: Community) -> str:
    """The form's own export of the past: people who sent twice, phones that are none, rows left empty."""
    until = community.platform.counters["past_until"].value
    rows = [
        (lead.serial, lead.name, lead.phone, lead.channel, lead.who, local_text(lead.at))
        for lead in community.leads
        if lead.at < until
    ]
    for place in range(len(rows) // 90, 0, -1):
        rows.insert(place * 90, ("", "", "", "", "", ""))  # type: ignore[arg-type]
    return _table(LEAD_COLUMNS, iter(rows))


def instant(at: int) -> str:
    """An instant on the wire: ISO 8601 with offset, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def _group(community: Community, chat_id: str) -> dict[str, Any]:
    chat, spec = community.platform.chats[chat_id], community.group_spec(chat_id)
    return {
        "chat_id": chat_id,
        "key": spec.key if spec else chat_id[-6:].lower(),
        "name": chat.name,
        "kind": spec.kind if spec else "benefit_group",
        "owner": chat.owner,
        "admin": chat.admins[0] if chat.admins else chat.owner,
        "opened_on": local_text(chat.create_time)[:10],
        "members": len(community.platform.customers_in(chat_id)),
    }


def _event_rows(community: Community, events: list[Event]) -> Iterator[tuple[str, ...]]:
    for place, (at, kind, who, chat, amount) in enumerate(events):
        row = (who, chat, EVENT_WORDS[kind], local_text(at), f"{amount / 100:.2f}" if amount else "")
        yield row
        if community.dice.roll("export twice", place) < REPEATED_ROWS:
            yield row
        if community.dice.roll("export nobody", place) < REPEATED_ROWS / 20:
            yield ("", *row[1:])


def _table(columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()
