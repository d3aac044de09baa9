"""
From whatever table of events somebody has to the few columns every measure reads.

``actor``, ``at_us`` (microseconds since 1970 UTC), ``target`` and ``returning`` (does the event make a cohort, does it
count as coming back), and where they are asked for ``split`` and ``amount``; joins and leaves are a table of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from qunflow.errors import BadInput
from qunflow.retention.instants import microseconds, property_text
from qunflow.retention.query import Filter, Query
from qunflow.settings.words import did_you_mean

# So many are written into the expression; more are joined as a table.
ALIASES_IN_PLACE = 100


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column means what; ``event`` and ``group`` may be missing."""

    actor: str = "actor"
    at: str = "at"
    event: str | None = "event"
    group: str | None = None

    def require_in(self, present: Sequence[str]) -> None:
        """Raises: BadInput for a column that is not there."""
        for meaning in ("actor", "at", "event", "group"):
            column = getattr(self, meaning)
            if column is not None and column not in present:
                raise BadInput(f"the events have no column {column!r} (for {meaning})", did_you_mean(column, present))


def facts(
    events: ir.Table, columns: Columns, query: Query, dialect: str, aliases: Mapping[str, str], until_us: int | None
) -> ir.Table:
    """
    The events that can matter to a query; rows without an actor or an instant, or from ``until_us`` on, are left out.

    Raises:
        BadInput: the query needs a column that is not there.
    """
    if query.drop_duplicates:
        events = events.distinct()
    events, member = resolved(events, columns, aliases)
    at_us = microseconds(events[columns.at], dialect)
    values: dict[str, ir.Value] = {"actor": _actor(events, columns, query, member), "at_us": at_us}
    values["target"] = _chosen(events, columns, query.target_event, query.event_filter + query.target_filter, dialect)
    values["returning"] = _chosen(
        events, columns, query.returning_event, query.event_filter + query.returning_filter, dialect
    )
    if query.split_by:
        values["split"] = property_text(events, query.split_by, dialect).fill_null("")
    if query.amount:
        values["amount"] = _units(events, query.amount, dialect)
    table = events.filter(usable(events, columns)).select(**values)
    if until_us is not None:
        table = table.filter(table.at_us < until_us)
    return table


def moves(
    events: ir.Table, columns: Columns, query: Query, dialect: str, aliases: Mapping[str, str], until_us: int
) -> ir.Table:
    """
    Joins and leaves before ``until_us``: ``actor``, ``member``, ``group_id``, ``at_us``, ``leaving`` (0 or 1).

    A join is a target event (``join`` when the query leaves that open), a leave one of its ``leave_event``.
    """
    if query.drop_duplicates:
        events = events.distinct()
    events, member = resolved(events, columns, aliases)
    pairs = query.event_filter + query.target_filter
    joins = _chosen(events, columns, query.target_event or ("join",), pairs, dialect)
    leaves = _chosen(events, columns, query.leave_event, (), dialect)
    at_us = microseconds(events[columns.at], dialect)
    wanted = events.filter((joins | leaves) & usable(events, columns) & (at_us < until_us))
    return wanted.select(
        actor=_actor(events, columns, query, member),
        member=member,
        group_id=events[columns.group] if columns.group else ibis.literal(0),
        at_us=at_us,
        leaving=ibis.ifelse(joins, 0, 1),
    )


def usable(events: ir.Table, columns: Columns) -> ir.BooleanValue:
    """Whether a row says who and when; without that no figure can use it."""
    actor = events[columns.actor]
    named = actor.notnull() & (actor != "") if actor.type().is_string() else actor.notnull()
    return named & events[columns.at].notnull()


def resolved(events: ir.Table, columns: Columns, aliases: Mapping[str, str]) -> tuple[ir.Table, ir.Column]:
    """The events and who did each, with merged identities; without any the column is taken as it is."""
    actor = events[columns.actor]
    if not aliases:
        return events, actor
    if len(aliases) <= ALIASES_IN_PLACE:
        return events, actor.cast(str).substitute(dict(aliases), else_=actor.cast(str))
    names = ibis.memtable({"_alias": list(aliases), "_meant": list(aliases.values())})
    merged = events.left_join(names, actor.cast(str) == names["_alias"])
    return merged, merged["_meant"].fill_null(merged[columns.actor].cast(str))


def followed(aliases: Mapping[str, str]) -> tuple[dict[str, str], int]:
    """Alias chains followed to their end, and how many aliases lie on a circle; those mean its first name by text."""
    ends: dict[str, str] = {}
    circular = 0
    for alias in aliases:
        seen = [alias]
        while (following := aliases.get(seen[-1])) is not None and following not in seen:
            seen.append(following)
        if following is None:
            ends[alias] = seen[-1]
        else:
            circle = seen[seen.index(following) :]
            ends[alias] = min(circle)
            circular += alias in circle
    return {alias: end for alias, end in ends.items() if alias != end}, circular


def _actor(events: ir.Table, columns: Columns, query: Query, member: ir.Column) -> ir.Column:
    if query.actor == "member":
        return member
    if columns.group is None:
        raise BadInput("groups are measured, and no column holds the group", "map one: group=…")
    return events[columns.group]


def _chosen(
    events: ir.Table, columns: Columns, kinds: tuple[str, ...] | None, pairs: Filter, dialect: str
) -> ir.BooleanValue:
    holds = [_of_kind(events, columns, kinds)] if kinds is not None else []
    holds += [property_text(events, name, dialect) == text for name, text in pairs]
    return ibis.and_(*holds).fill_null(False) if holds else ibis.literal(True)


def _of_kind(events: ir.Table, columns: Columns, kinds: tuple[str, ...]) -> ir.BooleanValue:
    if columns.event is None:
        raise BadInput(f"the query names the events {', '.join(kinds)}, and no column holds them", "map one: event=…")
    event = events[columns.event]
    return event == kinds[0] if len(kinds) == 1 else event.isin(list(kinds))


def _units(events: ir.Table, amount: str, dialect: str) -> ir.IntegerValue:
    # Added up as whole ten-thousandths: sums of floats depend on their order, and so on the engine.
    value = events[amount] if amount in events.columns else property_text(events, amount, dialect)
    return (value.cast("float64") * 10_000).round().cast("int64").fill_null(0)
