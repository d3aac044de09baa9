"""
What a measure found, as frozen values and as the JSON, CSV and rates that are made of it.

A cell that has not come due is None and stays blank; 0 is a 0. Means go over the cells that have come due, weighing
every actor alike, and say over how many cohorts; every rate has its 95 % Wilson interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from qunflow.experiments.shares import wilson_interval
from qunflow.retention.measuring.quality import Note

Count = int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One cohort: its label, the value it is split by ("" = all), and its cells, cell 0 being its size."""

    label: str
    split: str
    counts: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class Mean:
    """A column over the cohorts whose cell has come due: ``actors`` of ``size`` in ``cohorts`` cohorts."""

    column: str
    actors: int
    size: int
    cohorts: int

    @property
    def rate(self) -> float | None:
        """actors ÷ size; None when no cohort with anybody has come due."""
        return self.actors / self.size if self.size else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson interval of the rate."""
        return wilson_interval(self.actors, self.size)


@dataclass(frozen=True, slots=True)
class Total:
    """One interval as a whole: different actors with a returning event, such events, and the sum of ``amount``."""

    label: str
    actors: int
    events: int
    amount: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """
    A table of retention.

    ``columns`` names the cells: ``size`` and then ``1``, ``2`` … intervals later, or ``stay_d7`` and the like; the
    rows of a matrix end with the range. ``first_interval_start`` is local time with its offset, None without an event.
    """

    first_interval_start: datetime | None
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    definition: Mapping[str, Any]
    engine: Mapping[str, str]
    as_of: datetime | None
    notes: tuple[Note, ...] = ()
    totals: tuple[Total, ...] = field(default=())

    @property
    def means(self) -> tuple[Mean, ...]:
        """One per column after the size, over the cohorts whose cell has come due; cohorts of nobody weigh nothing."""
        return tuple(self._mean(place, name) for place, name in enumerate(self.columns) if place)

    def rates(self, row: Row) -> tuple[float | None, ...]:
        """Cells after the first ÷ the cohort's size; None where immature or where the cohort is nobody."""
        size = row.counts[0]
        return tuple(None if count is None or not size else count / size for count in row.counts[1:])

    def intervals(self, row: Row) -> tuple[tuple[float, float] | None, ...]:
        """The 95 % Wilson interval of each rate."""
        size = row.counts[0]
        return tuple(None if count is None or not size else wilson_interval(count, size) for count in row.counts[1:])

    def as_json(self) -> dict[str, Any]:
        """The whole result in JSON's own types; rates rounded to six places."""
        found: dict[str, Any] = {
            "first_interval_start": self.first_interval_start.isoformat() if self.first_interval_start else None,
            "labels": [row.label for row in self.rows],
            "columns": list(self.columns),
            "counts": [list(row.counts) for row in self.rows],
            "intervals": [[_rounded(pair) for pair in self.intervals(row)] for row in self.rows],
            "means": [_mean_json(mean) for mean in self.means],
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "definition": dict(self.definition),
            "engine": dict(self.engine),
            "notes": [note.as_json() for note in self.notes],
        }
        if any(row.split for row in self.rows):
            found["splits"] = [row.split for row in self.rows]
        if self.totals:
            found["totals"] = [
                {"label": t.label, "actors": t.actors, "events": t.events, "amount": t.amount} for t in self.totals
            ]
        return found

    def _mean(self, place: int, name: str) -> Mean:
        due = [row for row in self.rows if len(row.counts) > place and row.counts[place] is not None]
        sized = [row for row in due if row.counts[0]]
        actors, size = sum(row.counts[place] or 0 for row in sized), sum(row.counts[0] or 0 for row in sized)
        # The parts of a cohort that was split are one cohort.
        return Mean(name, actors, size, len({row.label for row in sized}))


def _rounded(pair: tuple[float, float] | None) -> list[float] | None:
    return None if pair is None else [round(end, 6) for end in pair]


def _mean_json(mean: Mean) -> dict[str, Any]:
    return {
        "column": mean.column,
        "actors": mean.actors,
        "size": mean.size,
        "cohorts": mean.cohorts,
        "rate": None if mean.rate is None else round(mean.rate, 6),
        "interval": _rounded(mean.interval),
    }
