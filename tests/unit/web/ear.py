"""The receiver under test without a network: an application that is asked directly, and an inbox that costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from qunflow.store.inbox import SealedRow
from qunflow.web.app import create_app
from qunflow.web.committing import GroupCommit
from qunflow.web.ports import WebPorts


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of one answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Ear:
    """An application asked in one event loop, one request after another or many at once."""

    def __init__(self, ports: WebPorts, commit: Callable[[Sequence[SealedRow]], list[bool]] | None = None) -> None:
        self.app: FastAPI = create_app(ports)
        if commit is not None:
            self.app.state.inbox = GroupCommit(commit, linger_s=0)
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Give back the loop."""
        self._loop.close()

    def ask(self, method: str, path: str, query: bytes = b"", body: bytes = b"", **headers: str) -> Answer:
        """One request and its answer."""
        return self._loop.run_until_complete(self.hear(method, path, query, body, **headers))

    def ask_all(self, requests: Sequence[tuple[str, str, bytes, bytes]]) -> list[Answer]:
        """Many requests at once: method, path, query, body."""

        async def together() -> list[Answer]:
            return await asyncio.gather(*(self.hear(*one) for one in requests))

        return self._loop.run_until_complete(together())

    async def hear(self, method: str, path: str, query: bytes = b"", body: bytes = b"", **headers: str) -> Answer:
        """One request inside the loop."""
        told: list[MutableMapping[str, Any]] = []
        parts = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> MutableMapping[str, Any]:
            return next(parts, {"type": "http.disconnect"})

        async def send(message: MutableMapping[str, Any]) -> None:
            told.append(message)

        await self.app(_scope(method, path, query, headers), receive, send)
        got = {name.decode(): value.decode("latin-1") for name, value in told[0]["headers"]}
        return Answer(told[0]["status"], got, b"".join(one.get("body", b"") for one in told[1:]))


def _scope(method: str, path: str, query: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("203.0.113.7", 50000),
        "server": ("testserver", 80),
    }
