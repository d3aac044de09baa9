"""What waits for the staff: mass tasks to confirm, work messages with the link of a hand-send card."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qunflow.sandbox.page.bubbles import name_of
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import AppMessage, MassShare, MassTask

DONE_SHOWN = 8
CARDS_SHOWN = 20
_NAMED = 3
RESULTS = {0: "未发", 1: "已送达", 2: "不是好友", 3: "超出额度"}
_BREAKS = re.compile(r"<br\s*/?>|</div>")
_TAGS = re.compile(r"<[^>]{0,80}>")


@dataclass(frozen=True, slots=True)
class Todo:
    """One sender's part of a mass task; ``results`` counts recipients by what became of them, in words."""

    msgid: str
    userid: str
    name: str
    at: int
    to: str
    text: str
    attachments: tuple[dict[str, Any], ...]
    reminders: int
    sent_at: int
    cancelled: bool
    results: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A message of the app to members of the corp."""

    msgid: str
    at: int
    to: str
    kind: str
    title: str
    text: str
    url: str
    button: str


def pending(platform: Platform) -> list[Todo]:
    """Tasks that wait for a tap, oldest first."""
    return [_todo(platform, task, share) for task, share in _shares(platform) if not share.status and _lives(task)]


def done(platform: Platform) -> list[Todo]:
    """The last tasks that were sent on or withdrawn, newest first."""
    found = [_todo(platform, task, share) for task, share in _shares(platform) if share.status or not _lives(task)]
    return sorted(found, key=lambda todo: todo.sent_at or todo.at, reverse=True)[:DONE_SHOWN]


def cards(platform: Platform) -> list[Card]:
    """The last work messages, newest first."""
    newest = sorted(platform.app_messages, key=lambda message: message.sent_at, reverse=True)
    return [_card(platform, message) for message in newest[:CARDS_SHOWN]]


def _shares(platform: Platform) -> Iterator[tuple[MassTask, MassShare]]:
    for share in platform.shares:
        task = platform.tasks.get(share.msgid)
        if task is not None:
            yield task, share


def _lives(task: MassTask) -> bool:
    return not task.cancelled_at


def _todo(platform: Platform, task: MassTask, share: MassShare) -> Todo:
    counted = Counter(RESULTS.get(result[0], str(result[0])) for result in share.results.values())
    return Todo(
        task.msgid,
        share.userid,
        name_of(platform, share.userid),
        task.create_time,
        _recipients(platform, task, share),
        task.text,
        tuple(task.attachments),
        len(task.reminded_at),
        share.send_time,
        not _lives(task),
        tuple(counted.items()),
    )


def _recipients(platform: Platform, task: MassTask, share: MassShare) -> str:
    if task.chat_type != "group":
        names = [name_of(platform, who) for who in list(share.results)[:_NAMED]]
        return _some(names, len(share.results), "位客户")
    names = [chat.name if (chat := platform.chats.get(key)) else key for key in list(share.results)[:_NAMED]]
    return _some(names, len(share.results), "个群")


def _some(names: list[str], count: int, unit: str) -> str:
    return "、".join(names) + (f" 等 {count} {unit}" if count > len(names) else "")


def _card(platform: Platform, message: AppMessage) -> Card:
    kind = str(message.body.get("msgtype", ""))
    part: Mapping[str, Any] = message.body.get(kind) or {}
    text = part.get("description") or part.get("content") or ""
    users = [name_of(platform, userid) for userid in str(message.body.get("touser", "")).split("|") if userid]
    return Card(
        message.msgid,
        message.sent_at,
        "、".join(users),
        kind,
        str(part.get("title", "")),
        _TAGS.sub("", _BREAKS.sub("\n", str(text))).strip(),
        str(part.get("url", "")),
        str(part.get("btntxt", "")) or "打开卡片",
    )
