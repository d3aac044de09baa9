"""
From joins and leaves to the times somebody was in a group.

Rules for dirty logs: a join of somebody who is in, and a leave of somebody who is not, change nothing; they are
counted by ``dirt``. A plain sum of +1 and −1 is wrong on every real log. Of one instant the majority decides: as
many joins as leaves, as of a dropped line where a clock shows minutes only, leave everything as it was.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir


def turns(events: ir.Table) -> ir.Table:
    """
    What joins and leaves of one instant come to, of the same person in the same group; those that come to nothing
    are left out.

    Columns: ``group_id``, ``person_id``, ``happened_at`` UTC, ``local_day``, ``comes`` (joins − leaves, never 0),
    ``opens``, ``closes`` (whether a stay begins or ends), and ``idle``, how many of them change nothing.
    """
    moves = events.filter(events.kind.isin(["join", "leave"]))
    sign = ibis.ifelse(moves.kind == "join", 1, -1)
    at_once = moves.group_by(["group_id", "person_id", "happened_at", "local_day"]).aggregate(comes=sign.sum())
    at_once = at_once.filter(at_once.comes != 0)
    ordered = ibis.window(group_by=["group_id", "person_id"], order_by="happened_at")
    at_once = at_once.mutate(was_in=(at_once.comes.lag().over(ordered) > 0).fill_null(False))
    at_once = at_once.mutate(opens=(at_once.comes > 0) & ~at_once.was_in, closes=(at_once.comes < 0) & at_once.was_in)
    return at_once.mutate(idle=at_once.comes.abs() - (at_once.opens | at_once.closes).cast("int64"))


def intervals(events: ir.Table) -> ir.Table:
    """
    One row per stay of a person in a group; a person who comes back has several.

    Columns: ``group_id``, ``person_id``, ``joined_at``, ``joined_on``, ``left_at``, ``left_on``; the instants in UTC,
    the days in the zone of the history, the last two null while the person is in.
    """
    ordered = ibis.window(group_by=["group_id", "person_id"], order_by="happened_at")
    moves = turns(events)
    changes = moves.filter(moves.opens | moves.closes)
    changes = changes.mutate(
        left_at=changes.happened_at.lead().over(ordered), left_on=changes.local_day.lead().over(ordered)
    )
    stays = changes.filter(changes.opens)
    return stays.select(
        "group_id", "person_id", "left_at", "left_on", joined_at=stays.happened_at, joined_on=stays.local_day
    )
