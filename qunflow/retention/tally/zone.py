"""Local days of instants as arrays."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from qunflow.retention.measuring.grid import DAY_US, SECOND_US, at_us, offsets
from qunflow.retention.tally.moves import DayOf
from qunflow.retention.tally.pages import Ints

_YEAR_US = 366 * DAY_US


def days_in(zone: ZoneInfo) -> DayOf:
    """The function that gives the local days since 1970 of instants in microseconds since 1970 UTC."""

    def day_of(instants: Ints) -> Ints:
        if not len(instants):
            return instants
        low, high = int(instants.min()), int(instants.max())
        since, shift = _offsets(zone, low // _YEAR_US, high // _YEAR_US)
        first, last = np.searchsorted(since, (low, high), side="right")
        which = first if first == last else np.searchsorted(since, instants, side="right")
        days: Ints = (instants + shift[which]) // DAY_US
        return days

    return day_of


@lru_cache(maxsize=64)
def _offsets(zone: ZoneInfo, first: int, last: int) -> tuple[Ints, Ints]:
    """The instants from which the offset is another, and one offset more than there are of these."""
    day = timedelta(days=1)
    found = offsets(zone, at_us(first * _YEAR_US) - day, at_us((last + 1) * _YEAR_US) + day)
    return (
        np.array([offset.since_us for offset in found[1:]], np.int64),
        np.array([offset.seconds * SECOND_US for offset in found], np.int64),
    )
