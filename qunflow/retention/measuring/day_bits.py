"""
Classic, rolling and bracket retention off bits: each start's following days, 62 to a whole number.

With local days every event is aggregated once by its actor, before any join, and the days from the start on are cut
out of the actor's. With exact windows, which begin anew with each start, events are joined with it first. Only where
one event a day is enough; the answers are those of the general plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import ibis
import ibis.expr.types as ir

from qunflow.retention.measuring.grid import DAY_US, Offset
from qunflow.retention.measuring.instants import day_number
from qunflow.retention.measuring.query import Query

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
    words = max(words_ahead(query), days.words if query.windows == "calendar" else 0)
    return dialect == "duckdb" and query.minimum_occurrences == 1 and words <= MOST_WORDS


def words_ahead(query: Query) -> int:
    """How many whole numbers hold every day after a start that a query asks for."""
    farthest = max([*query.days, *(last for _, last in query.brackets)], default=0)
    return farthest // WORD_DAYS + 1


@dataclass(frozen=True, slots=True)
class Ahead:
    """What followed each start: bit b of word n is day n × ``WORD_DAYS`` + b after it; ``beyond``: any later one."""

    words: tuple[ir.IntegerValue, ...]
    beyond: ir.BooleanValue

    def on(self, day: int) -> ir.IntegerValue:
        """1 if something came on that day, 0 if not."""
        number, bit = divmod(day, WORD_DAYS)
        return (self.words[number] >> bit) & 1

    def between(self, since: int, until: int) -> ir.BooleanValue:
        """Whether something came on one of these days, both included."""
        return ibis.or_(
            *(self._part(number, since, until) for number in range(len(self.words)) if _has(number, since, until))
        )

    def later(self, since: int) -> ir.BooleanValue:
        """Whether something came on that day or after it."""
        return self.between(since, len(self.words) * WORD_DAYS - 1) | self.beyond

    def _part(self, number: int, since: int, until: int) -> ir.BooleanValue:
        low, high = max(since - number * WORD_DAYS, 0), min(until - number * WORD_DAYS, WORD_DAYS - 1)
        rest = self.words[number] >> low if low else self.words[number]
        return (rest if high == WORD_DAYS - 1 else rest & ((1 << (high - low + 1)) - 1)) != 0


def with_days(starts: ir.Table, acts: ir.Table, offsets: Sequence[Offset], days: DaySpan, count: int) -> ir.Table:
    """
    Starts (``actor``, ``start`` in local days since 1970) with ``ahead_<n>``, ``count`` of them, and ``beyond``.

    Args:
        acts: all events, as ``facts.acts`` tells them; each is looked at once, whoever made it.
    """
    place = day_number(acts.at_us, offsets) - days.first
    marked = acts.select("actor", "returning", place=place)
    words = {f"word_{n}": _word(marked.place, n, marked.returning).bit_or() for n in range(days.words)}
    active = marked.group_by("actor").aggregate(**words)
    rows = starts.left_join(active, "actor").drop("actor_right")
    ahead, beyond = _cut(rows.start - days.first, [rows[name].fill_null(0) for name in words], count)
    return rows.mutate(beyond=beyond, **{f"ahead_{n}": word for n, word in enumerate(ahead)}).drop(*words)


def with_exact_days(starts: ir.Table, returns: ir.Table, keys: Sequence[str], count: int) -> ir.Table:
    """The same where a day is 24 hours from ``start``, which is in microseconds; ``keys`` tell starts apart."""
    pairs = starts.select(*keys, "start").join(returns.select("actor", "at_us"), "actor")
    pairs = pairs.filter(pairs.at_us >= pairs.start)
    pairs = pairs.select(*keys, gone=((pairs.at_us - pairs.start) // DAY_US).cast("int64"))
    words = {f"ahead_{n}": _word(pairs.gone, n).bit_or() for n in range(count)}
    found = pairs.group_by(list(keys)).aggregate(last=pairs.gone.max(), **words)
    rows = starts.left_join(found, list(keys)).drop(*(f"{key}_right" for key in keys))
    filled = {name: rows[name].fill_null(0) for name in words}
    return rows.mutate(beyond=(rows["last"] >= count * WORD_DAYS).fill_null(False), **filled).drop("last")


def ahead_of(rows: ir.Table, count: int) -> Ahead:
    """The bits of rows that have them."""
    return Ahead(tuple(rows[f"ahead_{n}"] for n in range(count)), rows.beyond)


def _has(number: int, since: int, until: int) -> bool:
    return since < (number + 1) * WORD_DAYS and until >= number * WORD_DAYS


def _word(place: ir.IntegerValue, number: int, counts: ir.BooleanValue | None = None) -> ir.IntegerValue:
    base = number * WORD_DAYS
    inside = place.between(base, base + WORD_DAYS - 1)
    return ibis.cases((inside if counts is None else counts & inside, ibis.literal(1, "int64") << (place - base)))


def _cut(
    start: ir.IntegerValue, words: Sequence[ir.IntegerValue], count: int
) -> tuple[list[ir.IntegerValue], ir.BooleanValue]:
    """The days from ``start`` on, as so many words of their own, and whether any day after those is set."""
    none = ibis.literal(0, "int64")
    ahead: list[list[Any]] = [[] for _ in range(count)]
    beyond = []
    for number in range(len(words)):
        inside = start.between(number * WORD_DAYS, (number + 1) * WORD_DAYS - 1)
        skipped = start - number * WORD_DAYS
        left = [*words[number:], *[none] * (count + 1)]
        for n, (word, following) in enumerate(pairwise(left[: count + 1])):
            # The following word lends its lowest bits, which come after what is left of this one.
            lent = (following & ((ibis.literal(1, "int64") << skipped) - 1)) << (WORD_DAYS - skipped)
            ahead[n].append((inside, (word >> skipped) | lent))
        rest = [left[count] >> skipped, *words[number + count + 1 :]]
        beyond.append((inside, ibis.or_(*(bits != 0 for bits in rest))))
    return [ibis.cases(*cases, else_=0) for cases in ahead], ibis.cases(*beyond, else_=False)
