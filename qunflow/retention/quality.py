"""
What is odd in the events of a measure: counted once, in one pass, and told beside the figures with the rule for each.

None of it breaks a figure. Rows without an actor or an instant are left out; everything else counts by its own rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from qunflow.retention.facts import Columns, usable

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


def raw_counts(events: ir.Table, columns: Columns) -> ir.Table:
    """One row: ``rows``, ``different``, ``no_actor``, ``no_instant``, ``no_event``, in rows of the source."""
    # Equal rows are found among rows that can be used, so that no row is told of twice.
    good = events.filter(usable(events, columns))
    alike = good.group_by(list(events.columns)).aggregate(alike=good.count())
    nobody, never = _empty(events, columns.actor), events[columns.at].isnull()
    unnamed = _empty(events, columns.event) if columns.event else ibis.literal(False)
    return events.aggregate(
        rows=events.count(),
        no_actor=nobody.sum(),
        no_instant=(~nobody & never).sum(),
        no_event=(~nobody & ~never & unnamed).sum(),
    ).cross_join(alike.aggregate(duplicate_rows=(alike.alike - 1).sum()))


def odd_moves(moves: ir.Table) -> ir.Table:
    """One row: ``joins_while_in`` and ``leaves_without_join`` among joins and leaves as ``facts.moves`` gives them."""
    order = ibis.window(group_by=["member", "group_id"], order_by=["at_us", "leaving"])
    moves = moves.mutate(before=moves.leaving.lag(1, 1).over(order))
    idle = moves.before == moves.leaving
    return moves.aggregate(
        joins_while_in=(idle & (moves.leaving == 0)).sum(), leaves_without_join=(idle & (moves.leaving == 1)).sum()
    )


def notes_of(counts: Mapping[str, Any], dropped: bool) -> Iterator[Note]:
    """The notes of counts by kind, those of 0 left out; ``dropped``: equal rows were counted once."""
    for kind, count in counts.items():
        number = 0 if count is None or count != count else int(count)
        told = "duplicate_rows_dropped" if dropped and kind == "duplicate_rows" else kind
        if number and told in RULES:
            yield Note(told, number)


def _empty(events: ir.Table, column: str) -> ir.BooleanValue:
    value = events[column]
    return value.isnull() | (value == "").fill_null(False) if value.type().is_string() else value.isnull()
