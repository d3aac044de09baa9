"""Official group statistics (wecom-api §8.1): per owner or per day, from yesterday back to 180 days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from qunflow.sandbox.fields import Field
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Chat
from qunflow.sandbox.routing import Call, Endpoint, Result
from qunflow.sandbox.storage import Event
from qunflow.sandbox.wire import Refusal

ZONE = ZoneInfo("Asia/Shanghai")
_DAY_S = 86_400


def by_owner(call: Call) -> Result:
    """Figures of each owner over a span of days."""
    platform, body = call.platform, call.body
    begin, end = _span(call)
    events = _events(platform, begin, end)
    rows = [
        {"owner": owner, "data": _figures(platform, _chats(platform, [owner]), events, begin, end)}
        for owner in _owners(call)
    ]
    stop = body["offset"] + body["limit"]
    answer = {"total": len(rows), "next_offset": min(stop, len(rows)), "items": rows[body["offset"] : stop]}
    return answer, None


def by_day(call: Call) -> Result:
    """Figures of all the owners together, a row a day."""
    platform = call.platform
    begin, end = _span(call)
    chats = _chats(platform, _owners(call))
    rows = []
    for start in range(begin, end, _DAY_S):
        events = _events(platform, start, start + _DAY_S)
        rows.append({"stat_time": start, "data": _figures(platform, chats, events, start, start + _DAY_S)})
    return {"items": rows}, None


def day_start(at: int) -> int:
    """The first second of the platform's day, 00:00 in Shanghai."""
    local = datetime.fromtimestamp(at, UTC).astimezone(ZONE)
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())


def _span(call: Call) -> tuple[int, int]:
    today = day_start(call.platform.now())
    begin = day_start(call.body["day_begin_time"])
    last = day_start(call.body["day_end_time"] or begin)
    oldest = today - int(timedelta(days=180).total_seconds())
    if not oldest <= begin <= last < today:
        raise Refusal(40058, "days run from yesterday back to 180 days")
    return begin, last + _DAY_S


def _owners(call: Call) -> list[str]:
    wanted = call.body["owner_filter"].get("userid_list")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= 100:
        raise Refusal(40058, "owner_filter.userid_list")
    return wanted


def _chats(platform: Platform, owners: Sequence[str]) -> list[Chat]:
    return [chat for owner in owners for chat in platform.chats.where("owner", owner)]


def _events(platform: Platform, begin: int, end: int) -> list[Event]:
    return platform.storage.events(begin, end, ("join", "message", "reply"))


def _figures(platform: Platform, chats: list[Chat], events: list[Event], begin: int, end: int) -> dict[str, Any]:
    mine = {chat.chat_id for chat in chats}
    spoken = [event for event in events if event[1] != "join" and event[3] in mine]
    return {
        "new_chat_cnt": sum(begin <= chat.create_time < end for chat in chats),
        "chat_total": sum(chat.create_time < end for chat in chats),
        "chat_has_msg": len({event[3] for event in spoken}),
        "new_member_cnt": sum(event[1] == "join" and event[3] in mine for event in events),
        "member_total": sum(platform.seats.count("chat", chat_id) for chat_id in mine),
        "member_has_msg": len({event[2] for event in spoken}),
        "msg_total": len(spoken),
    }


_SPAN = (
    Field("day_begin_time", "number", required=True),
    Field("day_end_time", "number"),
    Field("owner_filter", "object", required=True, missing=40058),
)

ENDPOINTS = (
    Endpoint(
        "externalcontact/groupchat/statistic",
        by_owner,
        (*_SPAN, Field("offset", "number"), Field("limit", "number", default=500, low=1, high=1_000)),
    ),
    Endpoint("externalcontact/groupchat/statistic_group_by_day", by_day, _SPAN),
)
