"""
The intervals of a measure as plain arithmetic: which one an instant lies in, when each begins, what it is called.

An interval has a number that counts from 1970: hours, local days, weeks and months follow each other without a gap.
An hour is a real hour that begins on the local hour, so the hour a clock shows twice is two intervals; days, weeks and
months are those of the local calendar and may last 23 or 25 hours more or less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from qunflow.retention.measuring.query import Bucket

SECOND_US = 1_000_000
HOUR_US, DAY_US = 3_600 * SECOND_US, 86_400 * SECOND_US
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = date(1970, 1, 1)
# 1970 began on a Thursday.
WEEK_SHIFT_DAYS = {"monday": 3, "sunday": 4}


@dataclass(frozen=True, slots=True)
class Offset:
    """From the instant ``since_us`` on, local time is UTC plus ``seconds``; None = from the beginning."""

    since_us: int | None
    seconds: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """How time is cut: a period, the zone its edges lie in, and the day a week begins on."""

    period: Bucket
    zone: ZoneInfo
    week_start: str = "monday"

    def number_of(self, at: datetime) -> int:
        """The number of the interval an instant lies in."""
        if self.period == "hour":
            return (us_of(at) + (_seconds(at, self.zone) % 3_600) * SECOND_US) // HOUR_US
        return self.number_of_day(at.astimezone(self.zone).date())

    def number_of_day(self, day: date) -> int:
        """The number of the interval a local day lies in."""
        if self.period == "month":
            return day.year * 12 + day.month - 1
        number = (day - EPOCH_DAY).days
        return (number + WEEK_SHIFT_DAYS[self.week_start]) // 7 if self.period == "week" else number

    def first_day(self, number: int) -> date:
        """The local day an interval begins on."""
        if self.period == "hour":
            return self.start(number).astimezone(self.zone).date()
        if self.period == "month":
            return date(number // 12, number % 12 + 1, 1)
        days = number * 7 - WEEK_SHIFT_DAYS[self.week_start] if self.period == "week" else number
        return EPOCH_DAY + timedelta(days=days)

    def last_day(self, number: int) -> date:
        """The local day an interval ends on."""
        if self.period == "hour":
            return (self.start(number + 1) - timedelta(seconds=1)).astimezone(self.zone).date()
        return self.first_day(number + 1) - timedelta(days=1)

    def start(self, number: int) -> datetime:
        """The instant an interval begins, in UTC."""
        if self.period != "hour":
            return midnight(self.first_day(number), self.zone)
        guess = _EPOCH + timedelta(hours=number)
        return guess - timedelta(seconds=_seconds(guess, self.zone) % 3_600)

    def label(self, number: int) -> str:
        """``2026-03`` for a month, the first day for weeks and days, local time with its offset for hours."""
        if self.period == "hour":
            return self.start(number).astimezone(self.zone).isoformat(timespec="minutes")
        return self.first_day(number).isoformat()[: 7 if self.period == "month" else 10]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant a local day begins, in UTC."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def us_of(at: datetime) -> int:
    """An instant in microseconds since 1970 UTC."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def at_us(microseconds: int) -> datetime:
    """The instant of a number of microseconds, in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def offsets(zone: ZoneInfo, since: datetime, until: datetime) -> Sequence[Offset]:
    """Every offset of a zone between two instants, in order."""
    found = [Offset(None, _seconds(since, zone))]
    at = since
    while at < until:
        following = min(at + timedelta(days=1), until)
        if _seconds(following, zone) != found[-1].seconds:
            change = _change_between(at, following, zone)
            found.append(Offset(us_of(change), _seconds(change, zone)))
        at = following
    return found


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first whole second that has another offset than ``before``."""
    low, high = before.replace(microsecond=0), after
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (middle, high) if _seconds(middle, zone) == _seconds(before, zone) else (low, middle)
    return high.replace(microsecond=0)


def _seconds(at: datetime, zone: ZoneInfo) -> int:
    shift = at.astimezone(zone).utcoffset()
    return int(shift.total_seconds()) if shift else 0
