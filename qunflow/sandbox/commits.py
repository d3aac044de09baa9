"""
One commit for all the calls that were taken while the last one was being written.

A disk syncs some hundred times a second, callers come by the thousand: each still gets its reply only when its own line
is on disk, but calls that arrived together share the wait. Knows nothing of what is written.
"""

from __future__ import annotations

import asyncio

from qunflow.sandbox.storage import Storage


class Commits:
    """The queue before one storage's commits."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._next: asyncio.Future[None] | None = None

    async def settled(self) -> None:
        """
        Wait until every log line noted so far is durable; readers wait too, lest they tell of what a crash undoes.

        Raises:
            sqlite3.Error: when it could not be written; everybody who waited for it gets that.
        """
        if not self._storage.owes_log:
            return
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.create_future()
            loop.call_soon(self._write, self._next)
        # Somebody who gives up waiting must not end the wait of the others.
        await asyncio.shield(self._next)

    def _write(self, done: asyncio.Future[None]) -> None:
        self._next = None
        try:
            self._storage.commit()
        except Exception as error:  # noqa: BLE001 - handed to all who wait
            done.set_exception(error)
        else:
            done.set_result(None)
