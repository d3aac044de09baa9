"""
The week in numbers: enrolled, check-ins a day, the rate, streaks, points and prizes.

Enrolled 报名 means: checked in at least once up to that day, as the first check-in signs up.
Leaves storing them as figures to the tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from qunflow.weekly_activity.challenge import Challenge
from qunflow.weekly_activity.streaks import Streak, streaks


@dataclass(frozen=True, slots=True)
class WeekNumbers:
    """A week seen on ``as_of``: people, check-ins by local day, and how many people have a best run of so many days."""

    as_of: date
    enrolled: int
    by_day: Mapping[date, int]
    people_by_longest: Mapping[int, int]

    @property
    def today(self) -> int:
        """Check-ins on ``as_of``: one a person."""
        return self.by_day.get(self.as_of, 0)

    def people_with(self, days: int) -> int:
        """People whose best run is at least so many days."""
        return sum(people for longest, people in self.people_by_longest.items() if longest >= days)

    @property
    def rate(self) -> float | None:
        """Check-ins on ``as_of`` ÷ enrolled, or None while nobody is enrolled."""
        return self.today / self.enrolled if self.enrolled else None


def week_numbers(challenge: Challenge, checkins: Iterable[tuple[int, date]], as_of: date) -> WeekNumbers:
    """Count a week from ``(person_id, local day)`` rows up to ``as_of``, days without a check-in included as 0."""
    rows = {(person_id, day) for person_id, day in checkins if day <= as_of}
    last = min(as_of, challenge.closes_on)
    days = [challenge.opens_on + timedelta(days=n) for n in range((last - challenge.opens_on).days + 1)]
    by_day = {day: sum(1 for _, marked in rows if marked == day) for day in days}
    return WeekNumbers(as_of, len({person_id for person_id, _ in rows}), by_day, _by_longest(streaks(rows, as_of)))


def _by_longest(measured: Mapping[int, Streak]) -> dict[int, int]:
    counted: dict[int, int] = {}
    for one in measured.values():
        counted[one.longest] = counted.get(one.longest, 0) + 1
    return dict(sorted(counted.items()))
