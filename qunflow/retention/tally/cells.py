"""The counts of a community by local day: a table that grows at both ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qunflow.retention.tally.pages import Ints, ints, packed, unpacked

# The days after joining that are looked at.
DAYS = (1, 3, 7, 14, 30)
# By the day of first joining: how many joined; by k: who stays, who is active on that day, who is from that day on.
SIZE, STAY, CLASSIC, ROLLING = 0, 1, 1 + len(DAYS), 1 + 2 * len(DAYS)
# By the day of the event.
EVENTS, NOBODY, ODD_JOIN, ODD_LEAVE, REPEATED = range(1 + 3 * len(DAYS), 6 + 3 * len(DAYS))
_WIDTH = 6 + 3 * len(DAYS)


class Cells:
    """``rows[day - first]``, a column each of the names above."""

    def __init__(self, content: bytes | None = None) -> None:
        self.first, self.rows = 0, np.zeros((0, _WIDTH), np.int64)
        if content:
            first, rows = unpacked(content)
            self.first, self.rows = int(first[0]), rows.copy()

    def to_bytes(self) -> bytes:
        """For ``__init__``."""
        return packed([ints([self.first]), self.rows])

    def add(self, day: Ints, column: Ints | int, count: Ints | int = 1) -> None:
        """Add to cells; the same cell may be named more than once."""
        if not len(day):
            return
        self._reach(int(day.min()), int(day.max()))
        if isinstance(column, int) and isinstance(count, int):
            self.rows[:, column] += np.bincount(day - self.first, minlength=len(self.rows)) * count
        else:
            np.add.at(self.rows, (day - self.first, np.broadcast_to(column, len(day))), count)

    def through(self, day: int) -> npt.NDArray[np.int64]:
        """The rows up to a day."""
        return self.rows[: max(0, day - self.first + 1)]

    def _reach(self, low: int, high: int) -> None:
        if not len(self.rows):
            self.first = low
        before, after = max(0, self.first - low), max(0, high + 1 - self.first - len(self.rows))
        if before or after:
            self.rows = np.pad(self.rows, ((before, after), (0, 0)))
            self.first -= before
