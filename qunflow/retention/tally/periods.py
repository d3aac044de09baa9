"""Days, weeks and months of local days as arrays."""

from __future__ import annotations

import numpy as np

from qunflow.retention.periods import Period
from qunflow.retention.tally.pages import Ints

PERIODS: tuple[Period, ...] = ("day", "week", "month")


def starts_of(days: Ints, period: Period) -> Ints:
    """The first day of the period each day lies in, in days since 1970; a week starts on Monday."""
    if period == "week":
        return days - (days + 3) % 7
    if period == "month":
        months = days.astype("datetime64[D]").astype("datetime64[M]")
        return months.astype("datetime64[D]").astype(np.int64)
    return days


def distances(start: Ints, later: Ints, period: Period) -> Ints:
    """How many periods lie between period starts."""
    if period == "month":
        first, last = (days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) for days in (start, later))
        return last - first
    return (later - start) // (7 if period == "week" else 1)
