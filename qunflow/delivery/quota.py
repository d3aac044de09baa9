"""
How many mass messages the platform lets one customer or one group have, and when that count begins anew.

Whether a message may still leave is judged in ``bounds``, what is left for the days to come in ``forecast``.

Source: WeCom developer centre, pages 92135 and 96997 (read 2026-11-21): counted per recipient, messages of the company
and of its members together, over calendar periods of Beijing time.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from qunflow.clock import instant_of, local_day
from qunflow.settings.workspace import QuotaMode

PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")
QUOTA_WAYS = ("mass_task", "private_task")


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the one before ``end``, days of Beijing time, at most so many messages."""

    first: date
    end: date
    most: int

    @property
    def label(self) -> str:
        """Its first and last day as people read them, ``03-01 – 03-31``."""
        return f"{self.first:%m-%d} – {self.end - timedelta(days=1):%m-%d}"

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The first instant of the period and the first one after it."""
        return instant_of(self.first, time.min, PLATFORM_ZONE), instant_of(self.end, time.min, PLATFORM_ZONE)


@lru_cache(maxsize=256)
def period_of(mode: QuotaMode, day: date) -> Period:
    """The quota's period that holds a day of Beijing time."""
    days_in_month = calendar.monthrange(day.year, day.month)[1]
    first_of_month = day.replace(day=1)
    month = (first_of_month, first_of_month + timedelta(days=days_in_month))
    monday = day - timedelta(days=day.weekday())
    periods: Mapping[str, Period] = {
        "month_days": Period(*month, days_in_month),
        "month_4": Period(*month, 4),
        "week_7": Period(monday, monday + timedelta(days=7), 7),
        "day_1": Period(day, day + timedelta(days=1), 1),
    }
    return periods[mode]


@lru_cache(maxsize=256)
def platform_day(at: datetime) -> date:
    """The day of Beijing time, by which the platform counts."""
    return local_day(at, PLATFORM_ZONE)


@lru_cache(maxsize=64)
def allowed_at(mode: QuotaMode, at: datetime) -> int:
    """How many mass messages the period that holds an instant allows; a batch asks it of one instant."""
    return period_of(mode, platform_day(at)).most
