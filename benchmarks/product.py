"""
The product's side of a season, as small as it can be: takes callbacks and forms, shows hand-send cards and short links.

A newcomer is greeted before the callback is answered, as the sandbox's clock stands still meanwhile: the 20 s of a
welcome code cannot pass by a jump of the clock.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

from qunflow.connectors.wecom.crypto import CallbackCrypto

TOKEN, AES_KEY = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_MOVED = b"HTTP/1.1 302 Found\r\nLocation: https://shop.invalid/\r\nContent-Length: 0\r\n\r\n"
Greet = Callable[[str], Awaitable[None]]


class Product:
    """Answers what the sandbox's people ask, and counts it in ``heard``."""

    def __init__(self, corp: str, greet: Greet) -> None:
        self.heard: Counter[str] = Counter()
        self.cards: dict[str, Mapping[str, Any]] = {}
        self.greet = greet
        self._crypto = CallbackCrypto(TOKEN, AES_KEY, corp)

    async def answer(self, method: str, target: str, body: bytes) -> bytes:
        """The whole answer to one request."""
        path = urlsplit(target).path
        if path == "/callback":
            await self._callback(target, body)
        elif path.startswith("/s/"):
            self.heard["tap"] += 1
            return _MOVED
        elif method == "GET":
            return _json(self.cards[path])
        else:
            self.heard[path.split("/")[-1] if path.endswith("/done") else path.split("/")[2]] += 1
        return _OK

    async def _callback(self, target: str, body: bytes) -> None:
        query = dict(parse_qsl(urlsplit(target).query))
        sealed = ElementTree.fromstring(body).findtext("Encrypt", "")  # noqa: S314 - from our own process
        plain = self._crypto.open(query["msg_signature"], query["timestamp"], query["nonce"], sealed)
        event = ElementTree.fromstring(plain)  # noqa: S314
        self.heard[event.findtext("UpdateDetail", "") or event.findtext("ChangeType", "")] += 1
        if code := event.findtext("WelcomeCode"):
            await self.greet(code)


async def served(product: Product) -> tuple[asyncio.Server, int]:
    """The product on a free port of this machine."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                body = await reader.readexactly(_length(head))
                writer.write(await product.answer(method, target, body))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, int(server.sockets[0].getsockname()[1])


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0]) if rest else 0


def _json(value: object) -> bytes:
    body = json.dumps(value, ensure_ascii=False).encode()
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
