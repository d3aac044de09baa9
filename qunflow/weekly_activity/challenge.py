"""
Which check-in week a day belongs to: it opens on Monday, closes on Sunday, and its results are told on Sunday evening.

Leaves the words of the messages to the templates and their hours to the playbook.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from qunflow.clock import instant_of

MONDAY = 0
WEEK_DAYS = 7
# The hour of Sunday at which the playbook tells the week's results; check-ins up to it count for prizes.
RESULTS_AT = time(20, 0)


@dataclass(frozen=True, slots=True)
class Challenge:
    """
    One check-in week of a community.

    ``opens_on`` and ``closes_on`` are local days, both included; points are whole points for one day's check-in.
    """

    key: str
    title: str
    opens_on: date
    closes_on: date
    points_per_checkin: int

    def takes(self, day: date) -> bool:
        """Whether a check-in on this local day belongs to the week."""
        return self.opens_on <= day <= self.closes_on

    def day_number(self, day: date) -> int:
        """1 on the opening day, 7 on the last; outside the week it goes on counting."""
        return (day - self.opens_on).days + 1


def week_key(sop: str, day: date) -> str:
    """The name of the week a day lies in: ``checkin-week-2026-W10``."""
    year, week, _ = day.isocalendar()
    return f"{sop}-{year}-W{week:02d}"


def challenge_of_week(day: date, *, sop: str, title: str, points_per_checkin: int) -> Challenge:
    """The check-in week that a local day lies in, opened or not."""
    opens_on = day - timedelta(days=day.weekday())
    closes_on = opens_on + timedelta(days=WEEK_DAYS - 1)
    return Challenge(week_key(sop, day), title, opens_on, closes_on, points_per_checkin)


def is_opening_day(day: date) -> bool:
    """A week opens on its Monday only: a week begun late could not be finished by anybody."""
    return day.weekday() == MONDAY


def results_at(challenge: Challenge, zone: ZoneInfo) -> datetime:
    """The instant (UTC) from which the week's prizes can be settled: Sunday 20:00 in the community's zone."""
    return instant_of(challenge.closes_on, RESULTS_AT, zone)


def is_decided(challenge: Challenge, now: datetime, zone: ZoneInfo) -> bool:
    """Whether the prizes of a week may be settled at this instant."""
    return now >= results_at(challenge, zone)
