"""
Many requests, one commit: rows that wait at the same time share a transaction, and with it one wait for the disk.

A request puts its sealed row here and is answered once the transaction that holds it is committed. One thread writes,
and only while there is something to write. A batch that fails for a reason of the database fails as a whole; one that
fails for any other reason is tried row by row, so that nobody suffers for somebody else's row.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from qunflow.errors import QunflowError, StoreBusy
from qunflow.store.inbox import SealedRow

Commit = Callable[[Sequence[SealedRow]], list[bool]]
Waiting = tuple[SealedRow, "Future[bool]"]

MOST_IN_A_COMMIT = 256
MOST_WAITING = 2_000
# Waking up for every single row costs more than a few milliseconds of company.
LINGER_S = 0.002
IDLE_S = 1.0


class GroupCommit:
    """
    Collects rows and commits them together.

    Args:
        commit: writes rows in one transaction and tells of each whether it is new; called in one thread at a time.
        most: rows a transaction takes.
        waiting: rows that may wait; more are refused, because a sender that waits too long sends again.
        linger_s: how long the first row of a batch waits for others, in seconds.
        told: hears the size of every committed batch.
    """

    def __init__(
        self,
        commit: Commit,
        *,
        most: int = MOST_IN_A_COMMIT,
        waiting: int = MOST_WAITING,
        linger_s: float = LINGER_S,
        told: Callable[[int], None] = lambda _rows: None,
    ) -> None:
        self._commit = commit
        self._most = most
        self._limit = waiting
        self._linger_s = linger_s
        self._told = told
        self._waiting: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._running = False

    @property
    def waiting(self) -> int:
        """Rows that wait for a commit just now."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the next row would be refused."""
        return len(self._waiting) >= self._limit

    def put(self, row: SealedRow) -> Future[bool]:
        """
        Let a row wait for the next commit; the future tells whether it is new, or why it was not kept.

        Raises:
            StoreBusy: too many wait already; the row was not taken.
        """
        answer: Future[bool] = Future()
        with self._changed:
            if self.is_full:
                raise StoreBusy(
                    f"{self._limit} rows wait for the inbox already", "send it again in a moment; look at /metrics"
                )
            self._waiting.append((row, answer))
            if not self._running:
                self._running = True
                threading.Thread(target=self._work, name="inbox", daemon=True).start()
            self._changed.notify()
        return answer

    def _work(self) -> None:
        while batch := self._next():
            self._settle(batch)

    def _next(self) -> list[Waiting]:
        """The rows of the next commit; none when nothing came for a while, and then the thread ends."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._waiting, IDLE_S):
                self._running = False
                return []
        if self._linger_s:
            time.sleep(self._linger_s)
        with self._changed:
            return [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]

    def _settle(self, batch: Sequence[Waiting]) -> None:
        # A request that gave up is not written for any more; one that is written for cannot give up.
        asked = [one for one in batch if one[1].set_running_or_notify_cancel()]
        if not asked:
            return
        try:
            told = self._commit([row for row, _ in asked])
        except QunflowError as error:
            _fail(asked, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on and every request is answered
            self._one_by_one(asked, error)
        else:
            self._told(len(asked))
            for (_, answer), new in zip(asked, told, strict=True):
                answer.set_result(new)

    def _one_by_one(self, asked: Sequence[Waiting], error: Exception) -> None:
        if len(asked) == 1:
            _fail(asked, error)
            return
        for row, answer in asked:
            try:
                new = self._commit([row])[0]
            except Exception as own:  # noqa: BLE001 - as above
                answer.set_exception(own)
            else:
                self._told(1)
                answer.set_result(new)


def _fail(asked: Sequence[Waiting], error: Exception) -> None:
    for _, answer in asked:
        answer.set_exception(error)
