"""Everything the page shows at one moment, gathered for its template; decides nothing and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from qunflow.sandbox.areas.statistics import ZONE, day_start
from qunflow.sandbox.page import people, private, todo
from qunflow.sandbox.page.bubbles import bubbles_of
from qunflow.sandbox.page.next_step import next_step
from qunflow.sandbox.page.problems import CHINESE
from qunflow.sandbox.world.community import DAY_S, Community
from qunflow.sandbox.world.course import Course
from qunflow.sandbox.world.exports import instant

TABS = {"chat": "群聊", "tasks": "待办", "members": "成员", "acts": "动作", "log": "记录"}
PERIODS = {"day_1": "今天", "week_7": "本周", "month_4": "本月", "month_days": "本月"}
LOG_SHOWN = 60
MORNING_H = 8
_WEEKDAYS = "一二三四五六日"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One accepted call; ``body`` is its JSON as people read it."""

    seq: int
    at: str
    path: str
    sender: str
    targets: int
    msgid: str
    body: str


def view(community: Community, course: Course, query: Mapping[str, str]) -> dict[str, Any]:
    """The template's values for one address of the page."""
    platform = community.platform
    groups = people.groups(platform)
    chat = platform.chats.get(query.get("chat", "")) or (platform.chats[groups[0].chat_id] if groups else None)
    tab = query.get("tab", "chat")
    waiting = todo.pending(platform)
    clock = _clock(community, course)
    friend = private.opened(platform, query.get("with", ""))
    return {
        "brand": community.spec.brand,
        "clock": clock,
        "step": next_step(platform, waiting, runs=clock["runs"]),
        "problems": CHINESE,
        "friend": friend,
        "friends": private.chats(platform),
        "groups": groups,
        "chat": chat,
        "quota": people.quota_left(platform, friend.who if friend else chat.chat_id if chat else ""),
        "period": PERIODS[platform.limits.quota_mode],
        "group": next((group for group in groups if chat and group.chat_id == chat.chat_id), None),
        "lines": private.bubbles_of(platform, friend.pair)
        if friend
        else bubbles_of(community, chat.chat_id)
        if chat
        else [],
        "speakers": people.speakers(platform, chat) if chat else [],
        "tabs": TABS,
        "tab": tab if tab in TABS else "chat",
        "query": query,
        "waiting": waiting,
        "staff": people.staff(platform),
        "played": {one.userid for one in platform.staff if one.habit == "never"},
        "day_of": local_day,
        "time_of": local_time,
        **_panel(community, query, tab, chat),
    }


def local_day(at: int) -> str:
    """The day of an instant, ``3月2日 周一``."""
    local = _local(at)
    return f"{local.month}月{local.day}日 周{_WEEKDAYS[local.weekday()]}"


def local_time(at: int) -> str:
    """The time of an instant, ``08:05``."""
    return f"{_local(at):%H:%M}"


def _panel(community: Community, query: Mapping[str, str], tab: str, chat: Any) -> dict[str, Any]:
    """What only the open tab needs."""
    platform = community.platform
    if tab == "members":
        named = query.get("name", "")
        return {"members": people.members(platform, chat, named) if chat else []}
    if tab == "log":
        return {"log": _log(community, query.get("path", ""))}
    if tab == "acts":
        return {
            "guests": people.guests(platform, chat) if chat else [],
            "outsiders": people.outsiders(platform, chat),
            "friendships": people.friendships(platform),
            "codes": people.live_codes(platform),
            "helper": community.spec.helper,
        }
    return {"done": todo.done(platform), "cards": todo.cards(platform)}


def _clock(community: Community, course: Course) -> dict[str, Any]:
    now = community.platform.now()
    eight = day_start(now) + MORNING_H * 3_600
    return {
        "now": now,
        "runs": course.rate > 0 and not course.frozen,
        "rate": int(course.rate) or 60,
        "morning": instant(eight if eight > now else day_start(eight + DAY_S) + MORNING_H * 3_600),
    }


def _log(community: Community, part: str) -> list[LogLine]:
    return [_log_line(json.loads(line)) for line in community.platform.storage.newest_log(LOG_SHOWN, part)]


def _log_line(line: dict[str, Any]) -> LogLine:
    at = int(datetime.fromisoformat(line["at"]).timestamp())
    body = json.dumps(line["body"], ensure_ascii=False, indent=1)
    path = str(line["path"]).removeprefix("/cgi-bin/")
    return LogLine(
        line["seq"],
        f"{local_day(at)} {local_time(at)}",
        path,
        line["sender"],
        len(line["targets"]),
        line["msgid"],
        body,
    )


def _local(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone(ZONE)
