"""
Official statistics (wecom-api §8.1), from yesterday back to 180 days: of groups by owner or by day, of members by day.

A member's figures are of single chats only: `PrivateWords` are written by `links.say_privately`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from qunflow.sandbox.areas import members, owner_filter
from qunflow.sandbox.fields import Field
from qunflow.sandbox.kept import Kept
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Chat
from qunflow.sandbox.routing import Call, Endpoint, Result
from qunflow.sandbox.storage import Event
from qunflow.sandbox.wire import Refusal

ZONE = ZoneInfo("Asia/Shanghai")
_DAY_S = 86_400
_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class PrivateWords:
    """Something said between a member and a customer; the text is for the page, no call gives it away."""

    number: int
    userid: str
    who: str
    at: int
    by_member: bool
    text: str = ""


WORDS = Kept(PrivateWords, lambda r: str(r.number), member=lambda r: r.userid)


def by_owner(call: Call) -> Result:
    """Figures of each owner over a span of days."""
    platform, body = call.platform, call.body
    begin, end = _span(call)
    events = _events(platform, begin)
    rows = [
        {"owner": owner, "data": _figures(platform, _chats(platform, [owner]), events, begin, end)}
        for owner in _owners(call)
    ]
    if body["order_by"]:
        rows.sort(key=_ORDERS[body["order_by"]], reverse=not body["order_asc"])
    stop = body["offset"] + body["limit"]
    answer = {"total": len(rows), "next_offset": min(stop, len(rows)), "items": rows[body["offset"] : stop]}
    return answer, None


def by_day(call: Call) -> Result:
    """Figures of all the owners together, a row a day."""
    platform = call.platform
    begin, end = _span(call)
    chats = _chats(platform, _owners(call))
    rows = []
    events = _events(platform, begin)
    for start in range(begin, end, _DAY_S):
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
    wanted = owner_filter.owners_in(call.body)
    if not wanted:
        raise Refusal(40058, "owner_filter.userid_list")
    return wanted


def _chats(platform: Platform, owners: Sequence[str]) -> list[Chat]:
    return [chat for owner in owners for chat in platform.chats.where("owner", owner)]


def _events(platform: Platform, begin: int) -> list[Event]:
    """What happened since an instant until now: what came after a day tells how many were there at its end."""
    return platform.storage.events(begin, platform.now() + 1, ("join", "leave", "message", "reply"))


def _figures(platform: Platform, chats: list[Chat], events: list[Event], begin: int, end: int) -> dict[str, Any]:
    """Figures of groups as they stood at the end of the span."""
    there = [chat for chat in chats if chat.create_time < end and (not chat.dismissed_at or chat.dismissed_at >= begin)]
    mine = {chat.chat_id for chat in there}
    of_mine = [event for event in events if event[3] in mine]
    during = [event for event in of_mine if begin <= event[0] < end]
    spoken = [event for event in during if event[1] in ("message", "reply")]
    standing = {chat.chat_id for chat in there if not chat.dismissed_at or chat.dismissed_at >= end}
    return {
        "new_chat_cnt": sum(chat.create_time >= begin for chat in there),
        "chat_total": len(standing),
        "chat_has_msg": len({event[3] for event in spoken}),
        "new_member_cnt": sum(event[1] == "join" for event in during),
        "member_total": _members_then(platform, standing, [event for event in of_mine if event[0] >= end]),
        "member_has_msg": len({event[2] for event in spoken}),
        "msg_total": len(spoken),
        "migrate_trainee_chat_cnt": 0,
    }


def _members_then(platform: Platform, chats: set[str], since: list[Event]) -> int:
    """Who was in some groups before certain events: those there now, less who came since, and who has left since."""
    now = sum(platform.seats.count("chat", chat_id) for chat_id in chats)
    came = sum((event[1] == "join") - (event[1] == "leave") for event in since if event[3] in chats)
    return now - came


def of_members(call: Call) -> Result:
    """Single chats and new customers of members or departments, all together, a row a day."""
    platform, body = call.platform, call.body
    wanted = list(dict.fromkeys([*body["userid"], *_of_departments(platform, body["partyid"])]))
    if not body["userid"] and not body["partyid"]:
        raise Refusal(40063, "userid and partyid are both empty")
    if any(userid not in platform.staff for userid in wanted):
        raise Refusal(60111)
    begin, last, today = day_start(body["start_time"]), day_start(body["end_time"]), day_start(platform.now())
    if not today - 180 * _DAY_S <= begin <= last < today or last - begin >= 30 * _DAY_S:
        raise Refusal(40058, "at most 30 days, from yesterday back to 180 days")
    days = range(begin, last + 1, _DAY_S)
    return {"behavior_data": [_behaviour(platform, wanted, start) for start in days]}, None


def _of_departments(platform: Platform, numbers: list[Any]) -> list[str]:
    return [userid for number in numbers for userid in members.members_of(platform, number)]


def _behaviour(platform: Platform, wanted: list[str], start: int) -> dict[str, Any]:
    day = range(start, start + _DAY_S)
    follows = [follow for userid in wanted for follow in platform.follows.where("member", userid)]
    said = [one for userid in wanted for one in WORDS.of(platform).where("member", userid) if one.at in day]
    new = sum(follow.createtime in day for follow in follows)
    return {
        "stat_time": start,
        "chat_cnt": len({(one.userid, one.who) for one in said if one.by_member}),
        "message_cnt": sum(one.by_member for one in said),
        "negative_feedback_cnt": sum(follow.ended_at in day for follow in follows),
        "new_apply_cnt": new,
        "new_contact_cnt": new,
        **_replies(said),
    }


def _replies(said: list[PrivateWords]) -> dict[str, float]:
    """How many chats that customers began were answered, and in how many minutes; nothing without such chats."""
    opened: dict[tuple[str, str], int] = {}
    answered: dict[tuple[str, str], int] = {}
    for one in said:
        chat = (one.userid, one.who)
        if not one.by_member:
            opened.setdefault(chat, one.at)
        elif chat in opened:
            answered.setdefault(chat, one.at - opened[chat])
    if not opened:
        return {}
    minutes = sum(answered.values()) / len(answered) / _MINUTE_S if answered else 0
    return {"reply_percentage": round(100 * len(answered) / len(opened), 2), "avg_reply_time": round(minutes)}


def _figure(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda row: row["data"][name]


_ORDERS = {
    1: _figure("new_chat_cnt"),
    2: _figure("chat_total"),
    3: _figure("new_member_cnt"),
    4: _figure("member_total"),
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
        (
            *_SPAN,
            Field("offset", "number"),
            Field("limit", "number", default=500, low=1, high=1_000),
            Field("order_by", "number", choices=(0, 1, 2, 3, 4)),
            Field("order_asc", "number", choices=(0, 1)),
        ),
    ),
    Endpoint("externalcontact/groupchat/statistic_group_by_day", by_day, _SPAN),
    Endpoint(
        "externalcontact/get_user_behavior_data",
        of_members,
        (
            Field("userid", "list", max_items=100, items="text"),
            Field("partyid", "list", max_items=100, items="number"),
            Field("start_time", "number", required=True),
            Field("end_time", "number", required=True),
        ),
    ),
)
