"""
What is odd in the events of a measure: counted once, in one pass, and told beside the figures with the rule for each.

None of it breaks a figure. Rows without an actor or an instant are left out; everything else counts by its own rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import ibis
import ibis.expr.types as ir

from qunflow.retention.measuring.facts import Columns, usable
from qunflow.retention.measuring.grid import at_us as instant
from qunflow.retention.measuring.grid import us_of
from qunflow.retention.measuring.instants import microseconds

# To find equal rows all that are looked at stay in memory: about 100 bytes for each.
SLICE_ROWS = 2_000_000
# What can be written as an instant: years 1 to 9999.
EARLIEST_US, LATEST_US = us_of(datetime.min.replace(tzinfo=UTC)), us_of(datetime.max.replace(tzinfo=UTC))
# Microseconds since 1970 UTC: from the first on, before the second.
Stretch = tuple[int, int]

RULES: Mapping[str, str] = {
    "no_actor": "left out: nobody can be counted",
    "no_instant": "left out: it lies in no interval",
    "no_event": "counted only where any event counts",
    "duplicate_rows": "counted: two equal rows are two events",
    "duplicate_rows_dropped": "counted once, as the query asks",
    "after_as_of": "left out: it had not happened then, or a clock is wrong",
    "joins_while_in": "ignored: the membership goes on",
    "leaves_without_join": "ignored: there was no membership to end",
    "circular_aliases": "taken as the first name of their circle",
    "unreadable_times": "left out: no instant could be read",
    "malformed_rows": "left out: the row could not be read",
    "unreadable_props": "read as an event without properties",
    "unreadable_amounts": "the event counts, its amount is taken as 0",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One kind of dirt: how many rows or events it concerns, and what was done with them."""

    kind: str
    count: int

    @property
    def rule(self) -> str:
        """What the figures do with it."""
        return RULES[self.kind]

    def as_json(self) -> dict[str, Any]:
        """``kind``, ``count`` and ``rule``."""
        return {"kind": self.kind, "count": self.count, "rule": self.rule}


def raw_counts(events: ir.Table, columns: Columns, dialect: str) -> ir.Table:
    """
    One row, counting rows of the source: ``rows``, ``no_actor``, ``no_instant``, ``no_event``.

    And of its instants ``timed``, how many there are, and ``first_us``, ``last_us``, null without any.
    """
    nobody, never = _empty(events, columns.actor), events[columns.at].isnull()
    unnamed = _empty(events, columns.event) if columns.event else ibis.literal(False)
    at_us = microseconds(events[columns.at], dialect)
    return events.aggregate(
        rows=events.count(),
        no_actor=nobody.sum(),
        no_instant=(~nobody & never).sum(),
        no_event=(~nobody & ~never & unnamed).sum(),
        timed=at_us.count(),
        first_us=at_us.min(),
        last_us=at_us.max(),
    )


def rows_within(events: ir.Table, columns: Columns, dialect: str, stretch: Stretch) -> ir.Table:
    """One row: ``rows`` of a stretch of time."""
    held = events.filter(_within(events[columns.at], dialect, stretch))
    return held.aggregate(rows=held.count())


def stretches(held: int, stretch: Stretch, rows_of: Callable[[Stretch], int]) -> Iterator[Stretch]:
    """
    Cut a stretch of time that holds so many rows in two, until no part holds more than ``SLICE_ROWS``.

    Equal rows are of one instant, so they can be counted part by part, in the memory that one part takes. Halving
    finds the parts even where one wrong clock draws the whole out over decades.
    """
    since_us, until_us = stretch
    middle = (since_us + until_us) // 2
    if held <= SLICE_ROWS or middle == since_us:
        yield stretch
        return
    left, right = (since_us, middle), (middle, until_us)
    early = rows_of(left)
    for part, rows in ((left, early), (right, held - early)):
        if rows:
            yield from stretches(rows, part, rows_of)


def repeats(events: ir.Table, columns: Columns, dialect: str, stretch: Stretch) -> ir.Table:
    """One row: ``duplicate_rows`` among rows of a stretch that can be used, so that no row is told of twice."""
    good = events.filter(usable(events, columns) & _within(events[columns.at], dialect, stretch))
    alike = good.group_by(list(events.columns)).aggregate(alike=good.count())
    return alike.aggregate(duplicate_rows=(alike.alike - 1).sum())


def odd_moves(moves: ir.Table) -> ir.Table:
    """One row: ``joins_while_in`` and ``leaves_without_join`` among joins and leaves as ``facts.moves`` gives them."""
    at_once = moves.group_by(["member", "group_id", "at_us"]).aggregate(comes=(1 - 2 * moves.leaving).sum())
    # As many joins as leaves of one instant change nothing, and nothing is odd about them.
    at_once = at_once.filter(at_once.comes != 0)
    order = ibis.window(group_by=["member", "group_id"], order_by="at_us")
    at_once = at_once.mutate(was_in=(at_once.comes.lag().over(order) > 0).fill_null(False))
    changes = ibis.ifelse((at_once.comes > 0) == at_once.was_in, 0, 1)
    idle = at_once.comes.abs() - changes
    return at_once.aggregate(
        joins_while_in=idle.sum(where=at_once.comes > 0), leaves_without_join=idle.sum(where=at_once.comes < 0)
    )


def notes_of(counts: Mapping[str, Any], dropped: bool) -> Iterator[Note]:
    """The notes of counts by kind, those of 0 left out; ``dropped``: equal rows were counted once."""
    for kind, count in counts.items():
        number = 0 if count is None or count != count else int(count)
        told = "duplicate_rows_dropped" if dropped and kind == "duplicate_rows" else kind
        if number and told in RULES:
            yield Note(told, number)


def _within(at: ir.Column, dialect: str, stretch: Stretch) -> ir.BooleanValue:
    since_us, until_us = stretch
    if dialect == "duckdb" and at.type().is_timestamp() and since_us >= EARLIEST_US and until_us <= LATEST_US:
        # Said of the column itself: what a Parquet file keeps of its parts lets whole ones be left out.
        since, until = (ibis.literal(instant(us), at.type()) for us in stretch)
        return (at >= since) & (at < until)
    at_us = microseconds(at, dialect)
    return (at_us >= since_us) & (at_us < until_us)


def _empty(events: ir.Table, column: str) -> ir.BooleanValue:
    value = events[column]
    return value.isnull() | (value == "").fill_null(False) if value.type().is_string() else value.isnull()
