"""
A robot of Feishu (飞书自定义机器人): messages into the one group its address belongs to.

The key is the last part of the address, so no address is ever told. Feishu reads ``<at …>`` in a text as a mention;
here it is written with a sign that only looks like it, and nobody is mentioned unless asked for.

Source: Feishu open platform, 自定义机器人使用指南 (open.feishu.cn/document/client-docs/bot-v3/add-custom-bot, read
2026-11-22): 100 messages a minute and 5 a second, a request of at most 20 KB, 11232 when the platform is busy at full
and half hours, 9499, 19021, 19022, 19024; 19001, 19002 and 19036 as quoted by third parties.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qunflow.connectors.channel import (
    FEISHU_ROBOT,
    NOT_SENT,
    Declaration,
    File,
    Link,
    Outgoing,
    Refused,
    Sent,
    unfit,
)
from qunflow.connectors.robots import Line, Platform, Turns, deliver, key_in

BASE_URL = "https://open.feishu.cn"
_HOOK = "/open-apis/bot/v2/hook/"
_MENTION = re.compile(r"<(?=\s*/?\s*at\b)", re.IGNORECASE)
FEISHU = Platform(
    name="Feishu",
    hosts=("open.feishu.cn", "open.larksuite.com"),
    variable="QUNFLOW_FEISHU_BASE_URL",
    body_bytes=20_000,
    # The older answers have the second field only.
    code_names=("code", "StatusCode"),
    later={11232: 60.0},
    settings={
        19001: "copy the robot's address from its group again: the key is wrong, or the robot was removed",
        19021: "its signature does not match: copy the signing secret again and set this machine's clock",
        19022: "add this machine's address to the robot's list of addresses",
    },
    refused={
        9499: "the request is not of the shape it takes",
        19002: "a field of the request is wrong",
        19024: "the text lacks a keyword the robot asks for",
        19036: "the message is too long",
    },
)


class FeishuRobot:
    """
    One robot; safe to share between threads. Make one object for each key, as it counts the messages of a minute.

    Args:
        line: the platform's client, shared by all robots.
        webhook: the whole address as Feishu shows it, or its last part.
        secret: the secret of 签名校验; empty when the robot checks keywords or addresses instead.
        now: seconds since 1970, for the signature.
        clock: seconds that never go backwards, for the count.

    Raises:
        ConfigurationError: the address is not one of Feishu's.
    """

    def __init__(
        self,
        line: Line,
        webhook: str,
        secret: str = "",
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line = line
        self._path = _HOOK + key_in(line.platform, webhook, _HOOK)
        self._secret = secret
        self._now = now
        self._turns = Turns(self.declaration, self._path, line.pacer, clock)

    def __repr__(self) -> str:
        return "FeishuRobot(key=***)"

    @property
    def declaration(self) -> Declaration:
        """Neither queryable nor keyed: at most once."""
        return FEISHU_ROBOT

    def send(self, message: Outgoing) -> Sent:
        """One message: plain text, or a post when it has a title or links; the address is not looked at."""
        wrong = unfit(self.declaration, message)
        if wrong:
            return wrong
        if any(isinstance(one, File) for one in message.attachments):
            return Refused(NOT_SENT, "a Feishu robot sends no files")
        links = [one for one in message.attachments if isinstance(one, Link)]
        return self.post(message.title, message.text, links) if message.title or links else self.text(message.text)

    def text(self, content: str, at: Sequence[str] = ()) -> Sent:
        """Plain text; ``at`` are the open_ids to mention, or ``all``."""
        asked = "".join(f' <at user_id="{_quoted(one)}"></at>' for one in at)
        return self._send({"msg_type": "text", "content": {"text": neutral(content) + asked}})

    def post(self, title: str, content: str, links: Sequence[Link] = ()) -> Sent:
        """A title, lines of plain text and links below them."""
        lines = [[{"tag": "text", "text": neutral(line)}] for line in content.splitlines()]
        lines += [[{"tag": "a", "text": neutral(one.title or one.url), "href": one.url}] for one in links]
        post = {"zh_cn": {"title": neutral(title), "content": lines}}
        return self._send({"msg_type": "post", "content": {"post": post}})

    def _send(self, message: Mapping[str, Any]) -> Sent:
        return deliver(self._line, self._turns, self._path, {}, {**self._signed(), **message})

    def _signed(self) -> dict[str, str]:
        if not self._secret:
            return {}
        at_s = int(self._now())
        return {"timestamp": str(at_s), "sign": signature(self._secret, at_s)}


def neutral(text: str) -> str:
    """The text with mentions disarmed: the wide sign looks the same and means nothing to the client."""
    return _MENTION.sub("\uff1c", text)


def signature(secret: str, at_s: int) -> str:
    """Feishu's signature of an instant in seconds, in base64: what is signed is the key, the message is empty."""
    return base64.b64encode(hmac.new(f"{at_s}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()


def _quoted(userid: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "", userid)
