"""
Classic and rolling retention in one pass: each actor's active days as bits of a few whole numbers, and the last one.

The general plan joins every event with the actor's start; here every event is aggregated once by its actor, and the
columns are read off the bits. Only where an actor has one start and one event is enough; the answers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from qunflow.retention.grid import Calendar, Offset
from qunflow.retention.instants import day_number, interval_number
from qunflow.retention.query import Query

# One bit stays free, so that no shift touches the sign.
WORD_DAYS = 62
MOST_WORDS = 8
# Before every day of a span.
NEVER = -1


@dataclass(frozen=True, slots=True)
class DaySpan:
    """The local days that can matter, by number since 1970; the last one is not later than anything known."""

    first: int
    last: int

    @property
    def words(self) -> int:
        """How many whole numbers hold them."""
        return (self.last - self.first) // WORD_DAYS + 1


def fits(query: Query, days: DaySpan, dialect: str) -> bool:
    """Whether the bits can answer a query."""
    if query.split_by or "bracket" in query.definitions or dialect not in ("duckdb", "postgres"):
        return False
    plain = query.cohort_rule == "first_time" and query.windows == "calendar" and query.minimum_occurrences == 1
    return plain and days.words <= MOST_WORDS


def starts_with_bits(
    seen: ir.Table, calendar: Calendar, first: int, offsets: Sequence[Offset], days: DaySpan
) -> ir.Table:
    """
    One row an actor with a start in the range: as ``matrix.anchors``, with ``start`` and ``last`` (last active day),
    both counted from the first day of the span, and the bits ``word_<n>``.
    """
    place = day_number(seen.at_us, offsets) - days.first
    marked = seen.select("actor", "at_us", "target", place=ibis.ifelse(seen.returning, place, NEVER))
    words = {f"word_{number}": _word(marked, number).bit_or() for number in range(days.words)}
    actors = marked.group_by("actor").aggregate(
        anchor_us=marked.at_us.min(where=marked.target), last=marked.place.max(), **words
    )
    actors = actors.filter(actors.anchor_us.notnull())
    actors = actors.mutate(
        cohort=interval_number(actors.anchor_us, calendar, offsets),
        start=day_number(actors.anchor_us, offsets) - days.first,
        split=ibis.literal(""),
        **{name: actors[name].fill_null(0) for name in words},
    )
    return actors.filter(actors.cohort >= first)


def active_on(starts: ir.Table, days: DaySpan, later: int) -> ir.BooleanValue:
    """Whether each actor was active on the day so many days after its start."""
    place = starts.start + later
    tests = []
    for number in range(days.words):
        base = number * WORD_DAYS
        bit = (starts[f"word_{number}"] >> (place - base)) % 2 == 1
        tests.append((place.between(base, base + WORD_DAYS - 1), bit))
    return ibis.cases(*tests, else_=False)


def active_from(starts: ir.Table, later: int) -> ir.BooleanValue:
    """Whether each actor was active on that day or after it."""
    return starts["last"] >= starts.start + later


def _word(marked: ir.Table, number: int) -> ir.IntegerValue:
    base = number * WORD_DAYS
    inside = marked.place.between(base, base + WORD_DAYS - 1)
    return ibis.cases((inside, ibis.literal(1, "int64") << (marked.place - base)))
