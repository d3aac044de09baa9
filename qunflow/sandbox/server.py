"""
The sandbox as an ASGI application, and how it is run: one process, loopback only.

Everything that changes state happens in the event loop's one thread, so a call is never half done when another starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from qunflow.sandbox.areas import TABLE
from qunflow.sandbox.callbacks import Callbacks
from qunflow.sandbox.commits import Commits
from qunflow.sandbox.control import Control, is_from_here
from qunflow.sandbox.desk import Desk, Request
from qunflow.sandbox.faults import Fault, FaultPlan
from qunflow.sandbox.limits import Gate
from qunflow.sandbox.options import Options
from qunflow.sandbox.outside import Outside
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.storage import Storage
from qunflow.sandbox.wire import Answer, Refusal
from qunflow.sandbox.world.course import Course
from qunflow.sandbox.world.founding import found_community
from qunflow.sandbox.world.outages import standing_faults

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Scope = MutableMapping[str, Any]

HOST = "127.0.0.1"
_PAGE = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
)
_HTML = {"Content-Type": "text/html; charset=UTF-8"}
_TO_THE_PAGE = Answer(b"", 307, {"Location": "/_sandbox/"})
_NOT_FOUND = Answer(b"not found", 404, {"Content-Type": "text/plain"})


class Sandbox:
    """
    The ASGI application: WeCom below ``/cgi-bin/``, the sandbox's own addresses below ``/_sandbox/``.

    Raises:
        SchemaMismatch: when the database file belongs to another version.
    """

    def __init__(self, options: Options) -> None:
        storage = Storage(options.db)
        self.platform = Platform(options, storage)
        self._outside = Outside(options.hooks)
        self._gate = Gate(options.limits)
        self._desk = Desk(self.platform)
        self._commits = Commits(storage)
        self._later: set[asyncio.Task[None]] = set()
        community = found_community(self.platform, self._outside)
        self.faults = FaultPlan(self.platform.dice, self.platform.now, standing_faults(community.spec))
        callbacks = Callbacks(self.platform, self._outside, self.faults)
        self.course = Course(self.platform, community, callbacks)
        self._control = Control(self.platform, community, self.course, self.faults)
        storage.commit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, await _content(receive), send)

    async def close(self) -> None:
        """Write what is left and give everything back."""
        await self._outside.close()
        self.platform.storage.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        ticking = asyncio.ensure_future(self.course.tick())
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                ticking.cancel()
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    async def _serve(self, scope: Scope, content: bytes, send: Send) -> None:
        path = scope["path"]
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        if path.startswith("/_sandbox/") and not is_from_here(
            {n: _header(scope, n.encode()) for n in ("host", "origin")}
        ):
            await _reply(send, Answer(b"loopback only", 403, {"Content-Type": "text/plain"}))
        elif path.startswith("/_sandbox/"):
            await _reply(send, await self._control.answer(scope["method"], path[len("/_sandbox/") :], query, content))
        elif path.startswith("/cgi-bin/") and path[len("/cgi-bin/") :] in TABLE:
            kind = _header(scope, b"content-type")
            await self._call(Request(path[len("/cgi-bin/") :], query, kind, content), send)
        else:
            await _reply(send, _TO_THE_PAGE if path == "/_sandbox" else _NOT_FOUND)

    async def _call(self, request: Request, send: Send) -> None:
        try:
            self._gate.enter(request.path, self.platform.now(), debug=request.query.get("debug") == "1")
        except Refusal as refusal:
            await _reply(send, self._desk.refuse(refusal.code))
            return
        answer = None
        try:
            fault = self.faults.strike(request.path)
            if fault is None:
                answer = self._desk.answer(request)
            else:
                await self._suffer(fault, request, send)
        finally:
            self._gate.leave(request.path)
        if answer is not None:
            await self._commits.settled()
            await _reply(send, answer)

    async def _done(self, request: Request) -> Answer:
        """Answer a call whose effect is on disk."""
        answer = self._desk.answer(request)
        await self._commits.settled()
        return answer

    async def _suffer(self, fault: Fault, request: Request, send: Send) -> None:
        if fault.mode == "errcode":
            await _reply(send, self._desk.refuse(fault.code))
        elif fault.mode in ("http_502", "html"):
            if fault.applied:
                await self._done(request)
            await _reply(send, Answer(_PAGE, 502 if fault.mode == "http_502" else 200, _HTML))
        elif fault.mode == "slow":
            await asyncio.sleep(fault.seconds)
            await _reply(send, await self._done(request))
        else:
            await self._break_off(fault, request, send)

    async def _break_off(self, fault: Fault, request: Request, send: Send) -> None:
        """Faults after which the caller cannot know whether the call was taken."""
        if fault.mode == "late":
            self._answer_later(request, fault.seconds)
        answer = await self._done(request) if fault.mode in ("truncated", "reply_lost") else None
        if fault.mode == "truncated" and answer is not None:
            await _start(send, answer, len(answer.body))
            await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
        await _hang_up(send, started=fault.mode == "truncated")

    def _answer_later(self, request: Request, seconds: float) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            await self._done(request)

        task = asyncio.ensure_future(wait())
        self._later.add(task)
        task.add_done_callback(self._later.discard)


async def _content(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def _start(send: Send, answer: Answer, length: int) -> None:
    headers: Mapping[str, str] = {**answer.headers, "Content-Length": str(length)}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})


async def _reply(send: Send, answer: Answer) -> None:
    await _start(send, answer, len(answer.body))
    await send({"type": "http.response.body", "body": answer.body})


async def _hang_up(send: Send, *, started: bool) -> None:
    """
    Close the connection without another byte.

    ASGI has no word for it; uvicorn's own ``send`` belongs to the object that holds the transport. Elsewhere the
    promised length is never delivered, which callers see as a broken connection too.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        await asyncio.sleep(0)
        transport.close() if started else transport.abort()
    elif not started:
        await _start(send, Answer(b""), 1)
