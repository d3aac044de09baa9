"""
Classic, rolling and bracket retention in one pass: each actor's active days as bits of a few whole numbers.

The general plan joins every event with the actor's start; here every event is aggregated once by its actor, before any
join, and the columns are read off the bits. Only where one event a day is enough; the answers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    """Whether the bits can answer a query. Engines differ in how they shift: this is DuckDB's way."""
    if dialect != "duckdb" or query.windows != "calendar" or query.minimum_occurrences > 1:
        return False
    farthest = max([*query.days, *(last for _, last in query.brackets)], default=0)
    return farthest < WORD_DAYS and days.words <= MOST_WORDS


def starts_with_bits(starts: ir.Table, acts: ir.Table, offsets: Sequence[Offset], days: DaySpan) -> ir.Table:
    """
    Starts (``actor``, ``start`` in local days since 1970) with ``ahead``, whose bit k is set by a return k days after
    the start, and ``beyond``: whether there is a return ``WORD_DAYS`` days after it, or later.

    Args:
        acts: all events, as ``facts.acts`` tells them; each is looked at once, whoever made it.
    """
    place = day_number(acts.at_us, offsets) - days.first
    marked = acts.select("actor", "returning", place=place)
    # Bit b of word n is the day n × WORD_DAYS + b of the span.
    words = {f"word_{number}": _word(marked, number).bit_or() for number in range(days.words)}
    active = marked.group_by("actor").aggregate(**words)
    rows = starts.left_join(active, "actor").drop("actor_right")
    ahead, beyond = _seen_from(rows.start - days.first, [rows[name].fill_null(0) for name in words])
    return rows.mutate(ahead=ahead, beyond=beyond).drop(*words)


def active_between(starts: ir.Table, since: int, until: int) -> ir.BooleanValue:
    """Whether each actor came back on one of these days after its start, both included."""
    return (starts.ahead >> since) % (1 << (until - since + 1)) != 0


def active_from(starts: ir.Table, since: int) -> ir.BooleanValue:
    """Whether each actor came back on that day after its start, or later."""
    return ((starts.ahead >> since) != 0) | starts.beyond


def _word(marked: ir.Table, number: int) -> ir.IntegerValue:
    base = number * WORD_DAYS
    inside = marked.returning & marked.place.between(base, base + WORD_DAYS - 1)
    return ibis.cases((inside, ibis.literal(1, "int64") << (marked.place - base)))


def _seen_from(start: ir.IntegerValue, words: Sequence[ir.IntegerValue]) -> tuple[ir.IntegerValue, ir.BooleanValue]:
    """The days from ``start`` on: the next ``WORD_DAYS`` as bits, and whether any later one is set."""
    ahead, beyond = [], []
    for number, (word, following) in enumerate(pairwise([*words, ibis.literal(0, "int64")])):
        inside = start.between(number * WORD_DAYS, (number + 1) * WORD_DAYS - 1)
        skipped = start - number * WORD_DAYS
        # The next word lends its lowest bits; what it keeps is beyond, and so are the words after it.
        lent = (following % (ibis.literal(1, "int64") << skipped)) << (WORD_DAYS - skipped)
        ahead.append((inside, (word >> skipped) | lent))
        rest = [following >> skipped, *words[number + 2 :]]
        beyond.append((inside, ibis.or_(*(bits != 0 for bits in rest))))
    return ibis.cases(*ahead, else_=0), ibis.cases(*beyond, else_=False)
