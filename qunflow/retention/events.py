"""
Which events a measure counts: those of one community, up to one local day, and nothing from the future.

The columns are those of the history (``qunflow.store.history``). Dirt inside the counted events is the business of
``dirt``; a figure is robust against it by its own rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import ibis
import ibis.expr.types as ir

IMPORTED = "import:"


@dataclass(frozen=True, slots=True)
class Scope:
    """
    The events of one community up to one day.

    Args:
        community: its key; imports are named for the community they were made for.
        group_ids: its groups.
        alone: the workspace has no other community, so every event is its own.
        day: last local day counted, in the community's zone.
        now: the present instant, UTC; what happened later than that has not happened.
    """

    community: str
    group_ids: Sequence[int]
    alone: bool
    day: date
    now: datetime


def of_community(events: ir.Table, scope: Scope) -> ir.Table:
    """
    The events of the community's groups, of its imports, and those outside any group of people it has seen.

    A click or an order carries no group; it belongs to every community whose groups its person was ever in.
    """
    if scope.alone:
        return events
    own_groups = events.group_id.isin(list(scope.group_ids))
    known = events.filter(own_groups).select("person_id").distinct()
    groupless = events.group_id.fill_null(0) <= 0
    imported = events.source == IMPORTED + scope.community
    foreign = events.source.startswith(IMPORTED) & ~imported
    return events.filter(own_groups | imported | (groupless & ~foreign & events.person_id.isin(known.person_id)))


def counted(events: ir.Table, scope: Scope) -> ir.Table:
    """The events a figure may use: of the community, not after its day, not after now."""
    return of_community(events, scope).filter(lambda t: (t.local_day <= scope.day) & ~happens_later(t, scope.now))


def happens_later(events: ir.Table, now: datetime) -> ir.BooleanValue:
    """Whether an event lies in the future, which only a wrong clock or a wrong zone can bring about."""
    return events.happened_at > ibis.timestamp(now)
