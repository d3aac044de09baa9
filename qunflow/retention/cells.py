"""
From counts to rates: which cells have come due, what they mean, and how sure that is.

A cell whose window has not fully passed is ``None``, never 0: nobody can have stayed thirty days in a cohort of last
week. Means weigh every person alike and go over the cells that have come due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from qunflow.experiments.shares import wilson_interval
from qunflow.retention.periods import Period, end_of, label_of

ALL = "all"


@dataclass(frozen=True, slots=True)
class Cell:
    """``people`` of a cohort of ``size`` on its ``day``-th day; ``people`` is None while that day is not over."""

    cohort: str
    day: int
    size: int
    people: int | None

    @property
    def rate(self) -> float | None:
        """people ÷ size, None while immature."""
        return None if self.people is None else self.people / self.size

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson interval of the rate, None while immature."""
        return None if self.people is None else wilson_interval(self.people, self.size)


def cells_of(
    counts: Iterable[Mapping[str, Any]], period: Period, days: Sequence[int], complete_through: date
) -> tuple[Cell, ...]:
    """
    The cells of a table of counts, cohort by cohort.

    Args:
        counts: rows with ``cohort`` (first day of the period), ``size`` and ``on_<k>``, see ``cohorts``.
        complete_through: the last local day that is over; a cell is due once the k-th day of the cohort's last
            possible member is.
    """
    return tuple(
        Cell(
            label_of(start, period), k, int(row["size"]), _due(int(row[f"on_{k}"]), start, period, k, complete_through)
        )
        for row in counts
        for start in [_as_day(row["cohort"])]
        for k in days
    )


def weighted_means(cells: Sequence[Cell], days: Sequence[int]) -> tuple[Cell, ...]:
    """Per day one cell ``all``: the people of the cells that are due ÷ the sizes of those cohorts; None without any."""
    return tuple(_mean([cell for cell in cells if cell.day == k and cell.people is not None], k) for k in days)


def _mean(due: Sequence[Cell], day: int) -> Cell:
    people = [cell.people for cell in due if cell.people is not None]
    return Cell(ALL, day, sum(cell.size for cell in due), sum(people) if people else None)


def _due(people: int, start: date, period: Period, k: int, complete_through: date) -> int | None:
    return people if end_of(start, period) + timedelta(days=k) <= complete_through else None


def _as_day(value: Any) -> date:
    # Engines give days back as dates or as timestamps at midnight.
    return value.date() if isinstance(value, datetime) else date.fromisoformat(str(value))
