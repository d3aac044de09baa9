"""
What a sender notes of itself, in memory that outlives it: where it stood when it was killed can be read afterwards.

A page of a file, mapped by the sender and by whoever kills it; a kill -9 takes nothing of it away.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

SIZE = 256
HANDFUL = 8
NAME = 24
_SETTLED_AT, _OPEN, _NAME, _CLAIMED, _CALLS, _STATES = 0, 8, 16, 40, 64, 192
NOT_BEGUN, BEGUN, ANSWERED = 0, 1, 2


@dataclass(frozen=True)
class Seen:
    """Where a sender stands: its name in the outbox, calls in hand with their states, and whether it has intents."""

    worker: str
    handful: tuple[tuple[int, int], ...]
    has_claimed: bool

    @property
    def is_calling(self) -> bool:
        """Whether a call is under way: then it holds no transaction."""
        return any(state == BEGUN for _, state in self.handful)

    @property
    def is_answered(self) -> bool:
        """Whether all calls of the handful are over, and nothing has been written down since."""
        return bool(self.handful) and all(state == ANSWERED for _, state in self.handful)


class Trace:
    """The page of one sender."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), SIZE)

    def name(self, worker: str) -> None:
        """A round begins under this name; an empty one is the end of it."""
        self._page[_NAME : _NAME + NAME] = worker.encode().ljust(NAME)[:NAME]

    def claimed(self, *, some: bool) -> None:
        """Intents of a page are committed, or the page was empty."""
        self._page[_CLAIMED] = some

    def take(self, calls: list[int]) -> None:
        """A handful of calls is about to be made."""
        struct.pack_into(f"{HANDFUL}q", self._page, _CALLS, *calls, *[0] * (HANDFUL - len(calls)))
        self._page[_STATES : _STATES + HANDFUL] = bytes(HANDFUL)
        struct.pack_into("q", self._page, _OPEN, len(calls))

    def step(self, place: int, state: int) -> None:
        """One call of the handful goes on; each has a byte of its own, as they run side by side."""
        self._page[_STATES + place] = state

    def written(self, at: float) -> None:
        """The handful is written down; the first instant (monotonic seconds) of that is kept."""
        struct.pack_into("q", self._page, _OPEN, 0)
        if not self.settled_at():
            struct.pack_into("d", self._page, _SETTLED_AT, at)

    def settled_at(self) -> float:
        """When this sender first wrote down an outcome, 0 before."""
        return float(struct.unpack_from("d", self._page, _SETTLED_AT)[0])

    def seen(self) -> Seen:
        """Where it stands now."""
        number = struct.unpack_from("q", self._page, _OPEN)[0]
        calls = struct.unpack_from(f"{HANDFUL}q", self._page, _CALLS)[:number]
        states = self._page[_STATES : _STATES + number]
        worker = self._page[_NAME : _NAME + NAME].decode().strip("\0 ")
        return Seen(worker, tuple(zip(calls, states, strict=True)), bool(self._page[_CLAIMED]))

    def close(self) -> None:
        """Give the page back."""
        self._page.close()
