"""
How long somebody has kept at it: consecutive days, the best run, and days in all.

A streak ends at ``as_of``: who did not check in that day has no current streak, whatever the run before was.
Leaves what a streak is worth to ``awards``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Streak:
    """Days of one person up to ``as_of``: ``current`` ends there, ``longest`` is the best run, ``total`` counts all."""

    current: int
    longest: int
    total: int


def streak(days: Collection[date], as_of: date) -> Streak:
    """
    Measure the check-in days of one person.

    Args:
        days: local days with a check-in; order and repetition do not matter, later days than ``as_of`` are left out.
        as_of: the last local day counted, included.
    """
    counted = {day for day in days if day <= as_of}
    current = _run_ending_at(as_of, counted)
    longest = max((_run_ending_at(day, counted) for day in counted if day + ONE_DAY not in counted), default=0)
    return Streak(current, longest, len(counted))


def streaks(checkins: Iterable[tuple[int, date]], as_of: date) -> dict[int, Streak]:
    """The streak of every person in ``(person_id, local day)`` rows who checked in up to ``as_of``."""
    days: dict[int, set[date]] = {}
    for person_id, day in checkins:
        if day <= as_of:
            days.setdefault(person_id, set()).add(day)
    return {person_id: streak(marked, as_of) for person_id, marked in sorted(days.items())}


def _run_ending_at(last: date, days: Collection[date]) -> int:
    length = 0
    while last in days:
        length += 1
        last -= ONE_DAY
    return length
