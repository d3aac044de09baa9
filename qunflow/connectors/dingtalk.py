"""
A robot of DingTalk (钉钉自定义机器人): messages into the one group its token belongs to.

The token is a secret and stands in the address, so no address is ever told. Nobody is mentioned unless asked for, and
``send`` writes plain text, in which no sign of Markdown means anything.

Source: DingTalk open platform, 自定义机器人接入 and its error codes, as quoted by third parties (read 2026-11-22):
20 messages a minute, then ten minutes of silence; 20,000 bytes; signature at most an hour off. The codes 430101 to
430104 and 460101 are from practice and were not seen written; codes that are not listed are left unknown.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qunflow.connectors.channel import (
    DINGTALK_ROBOT,
    NOT_SENT,
    Declaration,
    File,
    Outgoing,
    Refused,
    Sent,
    unfit,
)
from qunflow.connectors.robots import Line, Platform, Turns, deliver, key_in

BASE_URL = "https://oapi.dingtalk.com"
_PATH = "/robot/send"
_RENEW = "copy the robot's address from its group again: the token is wrong, or the robot was removed"
DINGTALK = Platform(
    name="DingTalk",
    hosts=("oapi.dingtalk.com",),
    variable="QUNFLOW_DINGTALK_BASE_URL",
    body_bytes=20_000,
    code_names=("errcode",),
    later={130101: 600.0, 410100: 600.0},
    settings={
        300001: _RENEW,
        300005: _RENEW,
        400101: _RENEW,
        400106: _RENEW,
        400102: "the robot is stopped: enable it in its group",
    },
    refused={
        # One code for three checks; the text that tells them apart is for people and may change.
        310000: "its security check failed: a keyword it asks for, its signing secret, this machine's clock or address",
        40035: "the request lacks a field",
        43004: "the content type is wrong",
        400013: "the group was dissolved",
        400105: "it does not take this kind of message",
        430101: "the text holds a link it does not trust",
        430102: "the text is not fit to be sent",
        430103: "a picture is not fit to be sent",
        430104: "the content is not fit to be sent",
        460101: "the message is too long",
    },
)


class DingTalkRobot:
    """
    One robot; safe to share between threads. Make one object for each token, as it counts the messages of a minute.

    Args:
        line: the platform's client, shared by all robots.
        webhook: the whole address as DingTalk shows it, or its token.
        secret: the secret of 加签; empty when the robot checks keywords or addresses instead.
        now: seconds since 1970, for the signature.
        clock: seconds that never go backwards, for the count.

    Raises:
        ConfigurationError: the address is not one of DingTalk's.
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
        self._token = key_in(line.platform, webhook, f"{_PATH}?access_token=")
        self._secret = secret
        self._now = now
        self._turns = Turns(self.declaration, self._token, line.pacer, clock)

    def __repr__(self) -> str:
        return "DingTalkRobot(token=***)"

    @property
    def declaration(self) -> Declaration:
        """Neither queryable nor keyed: at most once."""
        return DINGTALK_ROBOT

    def send(self, message: Outgoing) -> Sent:
        """One message as plain text, its links as lines below; the address is not looked at."""
        if any(isinstance(one, File) for one in message.attachments):
            return Refused(NOT_SENT, "a DingTalk robot sends no files")
        return unfit(self.declaration, message) or self.text(message.as_text())

    def text(self, content: str, at_mobiles: Sequence[str] = (), *, at_all: bool = False) -> Sent:
        """Plain text; only the given phones are mentioned."""
        return self._send("text", {"content": content}, at_mobiles, at_all)

    def markdown(self, title: str, content: str, at_mobiles: Sequence[str] = (), *, at_all: bool = False) -> Sent:
        """Markdown; ``title`` is what the list of chats shows. DingTalk wants each phone in the text as well."""
        named = " ".join(f"@{mobile}" for mobile in at_mobiles if f"@{mobile}" not in content)
        text = f"{content}\n\n{named}" if named else content
        return self._send("markdown", {"title": title, "text": text}, at_mobiles, at_all)

    def link(self, title: str, text: str, url: str, picture_url: str = "") -> Sent:
        """A card with a title, a few words and an address behind it."""
        return self._send("link", {"title": title, "text": text, "messageUrl": url, "picUrl": picture_url})

    def _send(self, kind: str, part: Mapping[str, Any], at_mobiles: Sequence[str] = (), at_all: bool = False) -> Sent:
        body: dict[str, Any] = {"msgtype": kind, kind: dict(part)}
        if at_mobiles or at_all:
            body["at"] = {"atMobiles": list(at_mobiles), "isAtAll": at_all}
        return deliver(self._line, self._turns, _PATH, self._query(), body)

    def _query(self) -> dict[str, str]:
        if not self._secret:
            return {"access_token": self._token}
        at_ms = int(self._now() * 1000)
        return {"access_token": self._token, "timestamp": str(at_ms), "sign": signature(self._secret, at_ms)}


def signature(secret: str, at_ms: int) -> str:
    """DingTalk's signature of an instant in milliseconds, in base64, not yet escaped for an address."""
    digest = hmac.new(secret.encode(), f"{at_ms}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
