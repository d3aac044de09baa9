"""
A group robot (群机器人, since 2025 消息推送): messages into the one group its key belongs to.

The key is the secret and stands in the address, so no address is ever told. Who may be written to, and when, is left
to the caller; a customer group takes robots only in some corps.

Source: WeCom developer centre, page 99110 (updated 2025-08-07).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal

import httpx

from qunflow.connectors.http import Answer, Http, LoopThread, allowed_address
from qunflow.connectors.pacer import Limit, Pacer, Rate
from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import Backoff, Body, body_of, over_limit
from qunflow.connectors.wecom.calls import needed
from qunflow.errors import BadInput

ROBOT_RATE = Rate(20, 60)
_SEND, _UPLOAD = "webhook/send", "webhook/upload_media"
_IMAGE_BYTES = 2_000_000
_FILE_BYTES = {"file": 20_000_000, "voice": 2_000_000}
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_CARDS = ("text_notice", "news_notice")


class Robot:
    """
    One robot; safe to share between threads. Make one object for each key.

    Args:
        base_url: ``https://qyapi.weixin.qq.com``, or a sandbox on this machine.
        key: the robot's key.
        transport: replaces the network in tests.
        production: whether real people may be reached; QUNFLOW_ENV decides when left out.
        pacer: where the processes of a machine count together; without it this object counts alone, by ``clock``.
        clock: seconds that never go backwards.

    Every sending raises ``BadInput`` for what WeCom would refuse, ``RateLimited`` for the 21st message of a minute,
    ``AuthRefused`` for a key that is wrong or a robot that is switched off, and ``AnswerLost`` when nobody knows.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        production: bool | None = None,
        pacer: Pacer | None = None,
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = 10.0,
    ) -> None:
        real = os.environ.get("QUNFLOW_ENV") == "production" if production is None else production
        address = allowed_address(base_url, production=real, variable="QUNFLOW_WECOM_BASE_URL")
        self._key = key
        self._pacer = pacer or Pacer(None, clock)
        self._limits = [Limit(f"robot {key}", (ROBOT_RATE,))]
        self._backoff = Backoff()
        self._thread = LoopThread("wecom-robot")
        self._http = Http(address, platform="WeCom", transport=transport, timeout_s=timeout_s)
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return "Robot(key=***)"

    def __enter__(self) -> Robot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and stop the thread."""
        self._thread.run(self._http.close())
        self._thread.close()

    def text(self, content: str, mentioned: Sequence[str] = (), mentioned_mobiles: Sequence[str] = ()) -> None:
        """Plain text within 2,048 bytes; ``mentioned`` are userids, or ``@all``."""
        limits.require_bytes("text of a robot", content, limits.ROBOT_TEXT_BYTES)
        part: Body = {"content": content}
        if mentioned:
            part["mentioned_list"] = list(mentioned)
        if mentioned_mobiles:
            part["mentioned_mobile_list"] = list(mentioned_mobiles)
        self._send("text", part)

    def markdown(self, content: str) -> None:
        """Markdown with font colours and ``<@userid>``, within 4,096 bytes."""
        limits.require_bytes("markdown of a robot", content, limits.ROBOT_MARKDOWN_BYTES)
        self._send("markdown", {"content": content})

    def markdown_v2(self, content: str) -> None:
        """Markdown with tables and lists within 4,096 bytes; it mentions nobody."""
        limits.require_bytes("markdown of a robot", content, limits.ROBOT_MARKDOWN_BYTES)
        if "<@" in content:
            raise BadInput("markdown_v2 mentions nobody", "use markdown, or leave the mention out")
        self._send("markdown_v2", {"content": content})

    def image(self, content: bytes) -> None:
        """A PNG or JPEG of at most 2 MB."""
        if len(content) > _IMAGE_BYTES or not content.startswith(_PICTURES):
            raise BadInput("a robot sends PNG or JPEG pictures of at most 2 MB", "convert or shrink the picture")
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        self._send("image", {"base64": base64.b64encode(content).decode(), "md5": digest})

    def news(self, articles: Sequence[Mapping[str, Any]]) -> None:
        """One to eight articles with ``title`` and ``url``; WeCom cuts titles at 128 and descriptions at 512 bytes."""
        if not 1 <= len(articles) <= 8:
            raise BadInput(f"news have one to eight articles, not {len(articles)}", "split them")
        for article in articles:
            if not article.get("title") or "://" not in str(article.get("url", "")):
                raise BadInput("an article has a title and a whole address", "fill in title and url")
        self._send("news", {"articles": [dict(one) for one in articles]})

    def file(self, media_id: str) -> None:
        """A file that was uploaded with ``upload_media``."""
        self._send("file", {"media_id": media_id})

    def voice(self, media_id: str) -> None:
        """A recording that was uploaded with ``upload_media``."""
        self._send("voice", {"media_id": media_id})

    def template_card(self, card: Mapping[str, Any]) -> None:
        """A card of type ``text_notice`` or ``news_notice``, as page 99110 describes it."""
        if card.get("card_type") not in _CARDS or not card.get("card_action"):
            raise BadInput(f"a card has a card_type of {' or '.join(_CARDS)} and a card_action", "fill them in")
        title = card.get("main_title") or {}
        if not title.get("title") and not card.get("sub_title_text"):
            raise BadInput("a card has neither main_title.title nor sub_title_text", "write one of them")
        limits.require_card(card)
        self._send("template_card", dict(card))

    def upload_media(self, kind: Literal["file", "voice"], name: str, content: bytes) -> str:
        """Upload a file of at most 20 MB or a recording of at most 2 MB; the id is good for three days, here only."""
        if not 5 < len(content) <= _FILE_BYTES[kind]:
            raise BadInput(f"the {kind} {name} has {len(content)} bytes", f"keep it within {_FILE_BYTES[kind]}")
        query = {"key": self._key, "type": kind}
        answer = self._thread.run(
            self._http.send("POST", _path(_UPLOAD), query=query, files={"media": (name, content)})
        )
        return needed(body_of(answer, _UPLOAD, "write"), "media_id", _UPLOAD)

    def _send(self, kind: str, part: Body) -> None:
        answer = self._thread.run(self._in_turn({"msgtype": kind, kind: part}))
        with self._backoff.of(_SEND):
            body_of(answer, _SEND, "write")

    async def _in_turn(self, message: Body) -> Answer:
        async with self._turn:
            wait_s = await self._pacer.turn(self._limits, 0.0)
            if wait_s:
                raise over_limit(_SEND, wait_s)
            return await self._http.send("POST", _path(_SEND), query={"key": self._key}, json=message)


def _path(path: str) -> str:
    return f"/cgi-bin/{path}"
