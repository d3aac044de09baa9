"""
From joins and leaves to the times somebody was in a group.

Rules for dirty logs: a join of somebody who is in, and a leave of somebody who is not, change nothing; they are
counted by ``dirt``. A plain sum of +1 and −1 is wrong on every real log. Of one instant joins go before leaves.
"""

from __future__ import annotations

from typing import Literal

import ibis
import ibis.expr.types as ir


def turns(events: ir.Table, at_once_by: Literal["kind", "event_key"] = "kind") -> ir.Table:
    """
    Joins and leaves with the one before them of the same person in the same group.

    Args:
        at_once_by: the order of one instant: joins before leaves, or that of the keys, in an import that of its rows.

    Columns: ``group_id``, ``person_id``, ``kind`` (join or leave), ``happened_at`` UTC, ``local_day``, ``before``
    (join, leave, or null for the first) and ``opens``, ``closes``: whether the event changes anything.
    """
    ordered = ibis.window(group_by=["group_id", "person_id"], order_by=["happened_at", at_once_by])
    moves = events.filter(events.kind.isin(["join", "leave"]))
    moves = moves.mutate(before=moves.kind.lag().over(ordered))
    was_in = moves.before.fill_null("leave") == "join"
    return moves.mutate(opens=(moves.kind == "join") & ~was_in, closes=(moves.kind == "leave") & was_in)


def intervals(events: ir.Table) -> ir.Table:
    """
    One row per stay of a person in a group; a person who comes back has several.

    Columns: ``group_id``, ``person_id``, ``joined_at``, ``joined_on``, ``left_at``, ``left_on``; the instants in UTC,
    the days in the zone of the history, the last two null while the person is in.
    """
    ordered = ibis.window(group_by=["group_id", "person_id"], order_by=["happened_at", "kind"])
    moves = turns(events)
    changes = moves.filter(moves.opens | moves.closes)
    changes = changes.mutate(
        left_at=changes.happened_at.lead().over(ordered), left_on=changes.local_day.lead().over(ordered)
    )
    stays = changes.filter(changes.opens)
    return stays.select(
        "group_id", "person_id", "left_at", "left_on", joined_at=stays.happened_at, joined_on=stays.local_day
    )
