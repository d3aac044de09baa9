"""
Committing to the inbox: the one thing that happens before any acknowledgement.

A repetition is acknowledged like the first and kept once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from fastapi import Request

from qunflow.errors import StoreBusy
from qunflow.store import inbox
from qunflow.web.committing import MOST_IN_A_COMMIT, GroupCommit
from qunflow.web.ports import WebPorts, ports_of

# WeCom hangs up after five seconds and sends again; saying so earlier is kinder to both.
WAIT_S = 4.0


def inbox_of(ports: WebPorts, told: Callable[[int], None], most: int = MOST_IN_A_COMMIT) -> GroupCommit:
    """The way into a workspace's inbox: at most so many rows a commit, and ``told`` hears the size of each."""

    def commit(rows: Sequence[inbox.SealedRow]) -> list[bool]:
        at = ports.clock.now()
        return ports.store.write(lambda conn: inbox.keep(conn, rows, at))

    return GroupCommit(commit, most=most, told=told)


async def keep(request: Request, source: str, key: str, body: inbox.Body) -> bool:
    """
    Commit one row; returns whether it is new.

    Raises:
        StoreBusy: the database stayed locked, or too many wait; nothing may be acknowledged.
        PermanentError: the disk is full or may not be written; nothing was kept.
    """
    try:
        return await asyncio.wait_for(asyncio.wrap_future(_put(request, source, key, body)), WAIT_S)
    except TimeoutError as error:
        raise _too_slow() from error


def keep_waiting(request: Request, source: str, key: str, body: inbox.Body) -> bool:
    """Like ``keep``, for a handler that runs in a thread of its own."""
    try:
        return _put(request, source, key, body).result(WAIT_S)
    except TimeoutError as error:
        raise _too_slow() from error


def _put(request: Request, source: str, key: str, body: inbox.Body) -> Future[bool]:
    way_in: GroupCommit = request.app.state.inbox
    return way_in.put(inbox.sealed(ports_of(request).vault, source, key, body))


def _too_slow() -> StoreBusy:
    return StoreBusy(
        f"the inbox did not commit within {WAIT_S:.0f} s", "send it again; look for a program that holds the database"
    )
