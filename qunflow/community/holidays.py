"""
Working days and days of rest in China: public holidays and the weekends that are worked instead.

The table ends with the last year that has been announced; after it weekends are taken for days of rest, and whoever
plans is told so. A community's own changes (another region, a factory's calendar) come before the table.

Source: ``holidays_cn.json`` beside this file, which names its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Holidays:
    """Days off and worked weekends, of the years that are known."""

    years: frozenset[int]
    off: frozenset[date]
    worked: frozenset[date]


@cache
def china() -> Holidays:
    """The table that comes with Qunflow."""
    years = json.loads(files("qunflow.community").joinpath("holidays_cn.json").read_text("utf-8"))["years"]
    return Holidays(
        years=frozenset(int(year) for year in years),
        off=frozenset(date.fromisoformat(day) for one in years.values() for day in one["off"]),
        worked=frozenset(date.fromisoformat(day) for one in years.values() for day in one["work"]),
    )


def is_rest_day(day: date, changed: Mapping[date, bool] | None = None, table: Holidays | None = None) -> bool:
    """
    Whether people have that local day off.

    Args:
        changed: the community's own days, True for a day off; they come before the table.
        table: holidays and worked weekends, those of China by default.
    """
    known = table or china()
    if changed and day in changed:
        return changed[day]
    if day in known.off or day in known.worked:
        return day in known.off
    return day.weekday() >= SATURDAY


def unknown_years(first: date, last: date, table: Holidays | None = None) -> tuple[int, ...]:
    """The years between two days whose holidays nobody has announced yet, or that the table does not have."""
    known = table or china()
    return tuple(year for year in range(first.year, last.year + 1) if year not in known.years)
