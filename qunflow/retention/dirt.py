"""
Dirt of an event log, counted once, here; the checks assert on these numbers and the report shows them.

None of it breaks a figure: ``membership`` ignores moves that change nothing, ``events`` leaves the future out, people
are counted once however often a row is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis.expr.types as ir

from qunflow.retention.events import Scope, happens_later, of_community
from qunflow.retention.membership import turns

SPOKEN = ("message", "action")
_SAME = ("happened_at", "kind", "person_id", "group_id", "channel", "amount", "props")


@dataclass(frozen=True, slots=True)
class Dirt:
    """
    What is odd in a log, in events but for the last three, which count people, people and days.

    A tally (``tally.reading.dirt_of``) knows repeats only among events that were read in one go.
    ``duplicates`` counts the rows beyond the first of equal ones; they stay events, two people may say the same.
    ``joined_without_row`` are speakers of a group whose joining was never seen there.
    """

    events: int
    joins_while_in: int
    leaves_without_join: int
    in_the_future: int
    duplicates: int
    without_person: int
    speakers_without_join: int
    days_without_events: int


def dirt(events: ir.Table, scope: Scope) -> ir.Table:
    """One row with the fields of ``Dirt``, over the events of the community up to its day and those of the future."""
    own = of_community(events, scope)
    later = happens_later(own, scope.now)
    counted = own.filter((own.local_day <= scope.day) & ~later)
    parts = [
        own.aggregate(in_the_future=later.sum()),
        counted.aggregate(events=counted.count(), without_person=(counted.person_id.fill_null(0) <= 0).sum()),
        _odd_moves(counted),
        _repeats(counted),
        _speakers_without_join(counted),
        _silent_days(counted),
    ]
    row = parts[0]
    for part in parts[1:]:
        row = row.cross_join(part)
    return row.select(*(row[name].fill_null(0).cast("int64").name(name) for name in Dirt.__dataclass_fields__))


def _odd_moves(events: ir.Table) -> ir.Table:
    moves = turns(events)
    return moves.aggregate(
        joins_while_in=moves.idle.sum(where=moves.comes > 0), leaves_without_join=moves.idle.sum(where=moves.comes < 0)
    )


def _repeats(events: ir.Table) -> ir.Table:
    alike = events.group_by(list(_SAME)).aggregate(rows=events.count())
    return alike.aggregate(duplicates=(alike.rows - 1).sum())


def _speakers_without_join(events: ir.Table) -> ir.Table:
    pairs = events.group_by(["group_id", "person_id"]).aggregate(
        spoke=events.kind.isin(SPOKEN).any(), joined=(events.kind == "join").any()
    )
    silent_entry = pairs.filter(pairs.spoke & ~pairs.joined)
    return silent_entry.aggregate(speakers_without_join=silent_entry.person_id.nunique())


def _silent_days(events: ir.Table) -> ir.Table:
    span = events.local_day.max().epoch_days() - events.local_day.min().epoch_days() + 1
    return events.aggregate(days_without_events=span - events.local_day.nunique())
