"""
Classic and rolling retention in one pass: each actor's active days as bits of a few whole numbers.

The general plan joins every event with the actor's start; here every event is aggregated once by its actor, and the
columns are read off the bits. Only where an actor has one start and one event is enough; the answers are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from qunflow.retention.grid import Offset
from qunflow.retention.instants import day_number
from qunflow.retention.query import Query

# One bit stays free, so that no shift touches the sign.
WORD_DAYS = 62
MOST_WORDS = 8


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


def starts_with_bits(starts: ir.Table, returns: ir.Table, offsets: Sequence[Offset], days: DaySpan) -> ir.Table:
    """
    The starts of ``matrix.anchors`` with ``start``, the day counted from the first of the span, and ``word_<n>``.

    Bit b of word n stands for the day n × ``WORD_DAYS`` + b of the span.
    """
    marked = returns.select("actor", place=day_number(returns.at_us, offsets) - days.first)
    words = {f"word_{number}": _word(marked, number).bit_or() for number in range(days.words)}
    active = marked.group_by("actor").aggregate(**words)
    rows = starts.left_join(active, "actor").drop("actor_right")
    start = day_number(rows.anchor_us, offsets) - days.first
    return rows.mutate(start=start, **{name: rows[name].fill_null(0) for name in words})


def active_on(starts: ir.Table, days: DaySpan, later: int) -> ir.BooleanValue:
    """Whether each actor was active on the day so many days after its start."""
    return _at(starts, days, starts.start + later, lambda _, rest: rest % 2 == 1)


def active_from(starts: ir.Table, days: DaySpan, later: int) -> ir.BooleanValue:
    """Whether each actor was active on that day or after it."""

    def any_left(number: int, rest: ir.IntegerValue) -> ir.BooleanValue:
        following = (starts[f"word_{after}"] != 0 for after in range(number + 1, days.words))
        return ibis.or_(rest != 0, *following)

    return _at(starts, days, starts.start + later, any_left)


def _at(
    starts: ir.Table,
    days: DaySpan,
    place: ir.IntegerValue,
    test: Callable[[int, ir.IntegerValue], ir.BooleanValue],
) -> ir.BooleanValue:
    """A test of the word a day lies in, shifted so that the day is its lowest bit; days beyond the span fail it."""
    cases = []
    for number in range(days.words):
        base = number * WORD_DAYS
        inside = place.between(base, base + WORD_DAYS - 1)
        cases.append((inside, test(number, starts[f"word_{number}"] >> (place - base))))
    return ibis.cases(*cases, else_=False)


def _word(marked: ir.Table, number: int) -> ir.IntegerValue:
    base = number * WORD_DAYS
    inside = marked.place.between(base, base + WORD_DAYS - 1)
    return ibis.cases((inside, ibis.literal(1, "int64") << (marked.place - base)))
