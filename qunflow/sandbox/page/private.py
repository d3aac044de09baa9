"""
Single chats of members and customers: the welcome, private mass messages, what was said by hand.

They are gathered from what the platform keeps anyway: the acceptance log, the mass tasks, the words said on this page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from qunflow.sandbox.areas.statistics import WORDS
from qunflow.sandbox.page.bubbles import SHOWN, Bubble, name_of
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Follow

LISTED = 12
WELCOMES = 200
TASKS = 30
_SENT = 1
_WITHOUT_TEXT = "(没有留下原文)"


@dataclass(frozen=True, slots=True)
class PrivateChat:
    """A single chat as the list shows it; ``pair`` is ``userid/external_userid``, ``last`` its latest words."""

    pair: str
    customer: str
    member: str
    at: int
    last: str
    ended: bool

    @property
    def who(self) -> str:
        """The customer's external_userid."""
        return self.pair.partition("/")[2]


def chats(platform: Platform) -> list[PrivateChat]:
    """The newest friendships and the latest conversations, the latest first."""
    last: dict[str, tuple[int, str]] = {
        _pair(follow): (follow.createtime, "成为好友") for follow in list(platform.follows)[-LISTED:]
    }
    for pair, line in _lines(platform):
        if line.at >= last.get(pair, (0, ""))[0]:
            last[pair] = (line.at, line.text or "一个附件")
    newest = sorted(last, key=lambda pair: last[pair][0], reverse=True)
    return [_chat(platform, platform.follows[pair], *last[pair]) for pair in newest if pair in platform.follows][
        :LISTED
    ]


def opened(platform: Platform, pair: str) -> PrivateChat | None:
    """The chat of one pair; nothing for two who never were friends."""
    follow = platform.follows.get(pair)
    return _chat(platform, follow, follow.createtime, "") if follow else None


def bubbles_of(platform: Platform, pair: str) -> list[Bubble]:
    """The newest lines of one chat, how it began and how it ended."""
    follow = platform.follows[pair]
    name = name_of(platform, follow.external_userid)
    lines = [line for one, line in _lines(platform) if one == pair]
    lines.append(Bubble(follow.createtime, "notice", "", name, "成为好友", place=-1))
    if follow.ended_at:
        lines.append(Bubble(follow.ended_at, "notice", "", name, "不再是好友", place=1))
    return sorted(lines, key=lambda line: (line.at, line.place))[-SHOWN:]


def _lines(platform: Platform) -> Iterator[tuple[str, Bubble]]:
    yield from _welcomes(platform)
    yield from _mass(platform)
    yield from _words(platform)


def _welcomes(platform: Platform) -> Iterator[tuple[str, Bubble]]:
    for text in platform.storage.newest_log(WELCOMES, "send_welcome_msg"):
        line: dict[str, Any] = json.loads(text)
        body, at = line["body"], int(datetime.fromisoformat(line["at"]).timestamp())
        for who in line["targets"]:
            said = _said(platform, at, line["sender"], str(body.get("text", {}).get("content", "")), "欢迎语")
            yield f"{line['sender']}/{who}", replace(said, attachments=tuple(body.get("attachments", ())))


def _mass(platform: Platform) -> Iterator[tuple[str, Bubble]]:
    tasks = [task for task in list(platform.tasks)[::-1] if task.chat_type == "single"][:TASKS]
    for task in tasks:
        how = "自己群发" if task.creator else "群发"
        for share in platform.shares.where("task", task.msgid):
            said = replace(_said(platform, 0, share.userid, task.text, how), attachments=tuple(task.attachments))
            for who, (state, at) in share.results.items():
                if state == _SENT:
                    yield f"{share.userid}/{who}", replace(said, at=at)


def _words(platform: Platform) -> Iterator[tuple[str, Bubble]]:
    for one in list(WORDS.of(platform))[-WELCOMES:]:
        said = _said(platform, one.at, one.userid if one.by_member else one.who, one.text or _WITHOUT_TEXT, "")
        yield f"{one.userid}/{one.who}", replace(said, side="staff" if one.by_member else "member", place=one.number)


def _said(platform: Platform, at: int, who: str, text: str, how: str) -> Bubble:
    return Bubble(at, "staff", who, name_of(platform, who), text, how)


def _chat(platform: Platform, follow: Follow, at: int, last: str) -> PrivateChat:
    customer, member = name_of(platform, follow.external_userid), name_of(platform, follow.userid)
    return PrivateChat(_pair(follow), customer, member, at, last, bool(follow.ended_at))


def _pair(follow: Follow) -> str:
    return f"{follow.userid}/{follow.external_userid}"
