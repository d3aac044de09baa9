"""
From whatever table of events somebody has to the few columns every measure reads.

``actor`` and ``at_us`` (microseconds since 1970 UTC) of the events that make cohorts, of those that count as coming
back, and of joins and leaves. All are cut from one table of usable events, which an engine may read once for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from qunflow.errors import BadInput
from qunflow.retention.measuring.instants import amount_of, microseconds, property_text
from qunflow.retention.measuring.query import Filter, Query
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


@dataclass(frozen=True, slots=True)
class Source:
    """The events a query is asked of: what engine writes about them, what the columns mean, who each event is of."""

    events: ir.Table
    columns: Columns
    dialect: str
    member: ir.Column

    @classmethod
    def of(cls, events: ir.Table, columns: Columns, query: Query, dialect: str, aliases: Mapping[str, str]) -> Source:
        """With equal rows dropped, if the query asks for it, and identities merged."""
        merged, member = resolved(events.distinct() if query.drop_duplicates else events, columns, aliases)
        return cls(merged, columns, dialect, member)

    @property
    def at_us(self) -> ir.IntegerColumn:
        """When, in microseconds since 1970 UTC."""
        return microseconds(self.events[self.columns.at], self.dialect)

    def actor(self, query: Query) -> ir.Column:
        """Whose retention is measured. Raises: BadInput when groups are, and no column holds them."""
        if query.actor == "member":
            return self.member
        if self.columns.group is None:
            raise BadInput("groups are measured, and no column holds the group", "map one: group=…")
        return self.events[self.columns.group]

    def chosen(self, kinds: tuple[str, ...] | None, pairs: Filter) -> ir.BooleanValue:
        """Whether an event is of these kinds (None = any) and has these properties; unknown is as good as no."""
        holds = [self._of_kind(kinds)] if kinds is not None else []
        holds += [property_text(self.events, name, self.dialect) == text for name, text in pairs]
        return ibis.and_(*holds) if holds else ibis.literal(True)

    def kept(self, until_us: int | None, also: ir.BooleanValue | None = None) -> ir.Table:
        """
        The usable events before ``until_us``.

        Without ``also`` it is one table for every purpose, so that an engine can read it once for all of them.
        """
        kept = usable(self.events, self.columns) if also is None else usable(self.events, self.columns) & also
        return self.events.filter(kept if until_us is None else kept & (self.at_us < until_us))

    def _of_kind(self, kinds: tuple[str, ...]) -> ir.BooleanValue:
        if self.columns.event is None:
            named = ", ".join(kinds)
            raise BadInput(f"the query names the events {named}, and no column holds them", "map one: event=…")
        event = self.events[self.columns.event]
        return event == kinds[0] if len(kinds) == 1 else event.isin(list(kinds))


def targets(source: Source, query: Query, until_us: int | None) -> ir.Table:
    """The events that make cohorts: ``actor``, ``at_us`` and, where the query asks for it, ``split``."""
    found = {"actor": source.actor(query), "at_us": source.at_us}
    if query.split_by:
        found["split"] = property_text(source.events, query.split_by, source.dialect).fill_null("")
    return source.kept(until_us).filter(_starts(source, query)).select(**found)


def returns(source: Source, query: Query, until_us: int | None) -> ir.Table:
    """
    The events that count as coming back: ``actor``, ``at_us`` and, where the query asks for it, ``amount``.

    With a filter of their own: joined as they are, they are read once more sooner than kept until their turn.
    """
    found = {"actor": source.actor(query), "at_us": source.at_us}
    if query.amount:
        found["amount"] = _units(source, query.amount)
    return source.kept(until_us, _comes_back(source, query)).select(**found)


def acts(source: Source, query: Query, until_us: int) -> ir.Table:
    """Every usable event: ``actor``, ``at_us``, and ``returning``: whether it counts as coming back."""
    back = _comes_back(source, query)
    return source.kept(until_us).select(actor=source.actor(query), at_us=source.at_us, returning=back)


def moves(source: Source, query: Query, until_us: int) -> ir.Table:
    """
    Joins and leaves: ``actor``, ``member``, ``group_id``, ``at_us``, ``leaving`` (0 or 1).

    A join is a target event, a leave one of the query's ``leave_event``.
    """
    joins, leaves = _starts(source, query), source.chosen(query.leave_event, ())
    group = source.columns.group
    return (
        source.kept(until_us)
        .filter(joins | leaves)
        .select(
            actor=source.actor(query),
            member=source.member,
            group_id=source.events[group] if group else ibis.literal(0),
            at_us=source.at_us,
            leaving=ibis.ifelse(joins, 0, 1),
        )
    )


def _starts(source: Source, query: Query) -> ir.BooleanValue:
    return source.chosen(query.target_event, query.event_filter + query.target_filter)


def _comes_back(source: Source, query: Query) -> ir.BooleanValue:
    return source.chosen(query.returning_event, query.event_filter + query.returning_filter)


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


def _units(source: Source, amount: str) -> ir.IntegerValue:
    # Added up as whole ten-thousandths: sums of floats depend on their order, and so on the engine.
    value = amount_of(source.events, amount, source.dialect)
    return (value * 10_000).round().cast("int64")
