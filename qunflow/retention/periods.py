"""
Days, weeks and months as cohorts: their labels, their ends, the distance between two of them.

A week starts on Monday. All of it is calendar arithmetic on local days; no instant and no zone enters here.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

Period = Literal["day", "week", "month"]


def end_of(start: date, period: Period) -> date:
    """The last day of the period that starts on ``start``."""
    return shifted(start, period, 1) - timedelta(days=1)


def shifted(start: date, period: Period, count: int) -> date:
    """The start of the period ``count`` periods later."""
    if period == "month":
        years, month = divmod(start.month - 1 + count, 12)
        return date(start.year + years, month + 1, 1)
    return start + timedelta(days=count * (7 if period == "week" else 1))


def label_of(start: date, period: Period) -> str:
    """``2026-03`` for a month, ``2026-03-02`` (the Monday, the day) for the others."""
    return start.isoformat()[:7] if period == "month" else start.isoformat()


def first_day(label: str) -> date:
    """The first day of the period a label of ``label_of`` names."""
    return date.fromisoformat(label if len(label) > len("2026-03") else f"{label}-01")
