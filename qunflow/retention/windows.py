"""
Columns by days after each actor's own start: stay, classic, rolling and bracket retention.

With d₀ the local day of the actor's first target event (of the cohort) and k counted in days:

stay k      in at least one group at the end of local day d₀ + k ÷ cohort size
classic k   a returning event on local day d₀ + k ÷ cohort size
rolling k   a returning event on local day d₀ + k or later, as far as is known ÷ cohort size
bracket a–b a returning event on one of the local days d₀ + a … d₀ + b ÷ cohort size

With exact windows the k-th window is [t₀ + k·24 h, t₀ + (k + 1)·24 h) from the instant t₀ of that event, and stay k is
being in a group at t₀ + k·24 h. With ``minimum_occurrences`` m a window counts from its m-th event on.
Sources: classic, rolling and bracket as in Amplitude's and Mixpanel's public definitions; stay is this project's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from qunflow.retention.grid import DAY_US, Offset
from qunflow.retention.instants import day_number
from qunflow.retention.matrix import anchors
from qunflow.retention.query import Definition, Query


@dataclass(frozen=True, slots=True)
class Window:
    """One column: a definition and its days; ``until`` is None when it is open, as rolling windows are."""

    definition: Definition
    since: int
    until: int | None

    @property
    def name(self) -> str:
        """``stay_d7``, ``bracket_d1_7``."""
        tail = f"_{self.until}" if self.definition == "bracket" else ""
        return f"{self.definition}_d{self.since}{tail}"

    @property
    def due_after(self) -> int:
        """The window has had its chance when this day is over: its last one, or its first when it is open."""
        return self.since if self.until is None else self.until


def windows_of(query: Query) -> tuple[Window, ...]:
    """The columns of a query, definition by definition."""
    found: list[Window] = []
    for definition in query.definitions:
        if definition == "bracket":
            found += [Window(definition, first, last) for first, last in query.brackets]
        elif definition != "matrix":
            found += [Window(definition, k, None if definition == "rolling" else k) for k in query.days]
    return tuple(found)


def window_counts(seen: ir.Table, query: Query, first: int, offsets: Sequence[Offset]) -> ir.Table:
    """
    Columns ``cohort`` (number of the interval), ``split``, ``size`` and one named as each window, in actors.

    Args:
        seen: facts with ``interval``, from ``matrix_counts``'s range and up to what is known.
        offsets: of the query's zone, over the time of the events.
    """
    starts = anchors(seen, query, first)
    starts = starts.mutate(start=_place(starts.anchor_us, query, offsets))
    columns = windows_of(query)
    parts = [starts]
    acts = [window for window in columns if window.definition != "stay"]
    stays = [window for window in columns if window.definition == "stay"]
    if acts:
        parts.append(_acted(starts, seen, acts, query, offsets))
    if stays:
        parts.append(_stayed(starts, seen, stays, query, offsets))
    rows = parts[0]
    for part in parts[1:]:
        rows = rows.left_join(part, ["actor", "cohort"]).drop("actor_right", "cohort_right")
    counts = {window.name: rows[window.name].fill_null(0).sum() for window in columns}
    return rows.group_by(["cohort", "split"]).aggregate(size=rows.count(), **counts)


def intervals(seen: ir.Table) -> ir.Table:
    """
    Memberships: ``actor``, ``joined_us``, ``left_us`` (null while in), one row a stay of a member in a group.

    A join of somebody who is in and a leave of somebody who is not change nothing. Of one instant the events keep the
    order of their ``tie``, and without one joins go before leaves.
    """
    changes = turns(seen)
    changes = changes.filter(changes.opens | changes.closes)
    changes = changes.mutate(left_us=changes.at_us.lead().over(_order()))
    opened = changes.filter(changes.opens)
    return opened.select("actor", "left_us", joined_us=opened.at_us)


def turns(seen: ir.Table) -> ir.Table:
    """Joins and leaves with ``opens`` and ``closes``: whether each changes anything."""
    moves = seen.filter(seen.joins | seen.leaves)
    moves = moves.mutate(leaving=ibis.cases((moves.joins, 0), else_=1))
    moves = moves.mutate(before=moves.leaving.lag().over(_order()).fill_null(1))
    return moves.mutate(
        opens=(moves.leaving == 0) & (moves.before == 1), closes=(moves.leaving == 1) & (moves.before == 0)
    )


def _order() -> ibis.expr.builders.WindowBuilder:
    return ibis.window(group_by=["member", "group_id"], order_by=["at_us", "tie", "leaving"])


def _place(at_us: ir.IntegerValue, query: Query, offsets: Sequence[Offset]) -> ir.IntegerValue:
    """Where an instant stands on the query's scale: its local day, or itself."""
    return day_number(at_us, offsets) if query.windows == "calendar" else at_us


def _acted(
    starts: ir.Table, seen: ir.Table, wanted: Sequence[Window], query: Query, offsets: Sequence[Offset]
) -> ir.Table:
    back = seen.filter(seen.returning)
    acts = back.select("actor", place=_place(back.at_us, query, offsets))
    pairs = starts.select("actor", "cohort", "start").join(acts, "actor")
    pairs = pairs.filter(pairs.place >= pairs.start)
    gone = pairs.place - pairs.start
    pairs = pairs.mutate(days=gone if query.windows == "calendar" else (gone // DAY_US).cast("int64"))
    times = {window.name: _inside(pairs, window).cast("int64").sum() for window in wanted}
    found = pairs.group_by(["actor", "cohort"]).aggregate(**times)
    enough = query.minimum_occurrences
    return found.select("actor", "cohort", **{w.name: (found[w.name] >= enough).cast("int64") for w in wanted})


def _inside(pairs: ir.Table, window: Window) -> ir.BooleanValue:
    if window.until is None:
        return pairs.days >= window.since
    return (
        pairs.days == window.since if window.since == window.until else pairs.days.between(window.since, window.until)
    )


def _stayed(
    starts: ir.Table, seen: ir.Table, wanted: Sequence[Window], query: Query, offsets: Sequence[Offset]
) -> ir.Table:
    step = 1 if query.windows == "calendar" else DAY_US
    stays = intervals(seen)
    stays = stays.select(
        "actor",
        came=_place(stays.joined_us, query, offsets),
        went=_place(stays.left_us, query, offsets),
    )
    pairs = starts.select("actor", "cohort", "start").join(stays, "actor")
    there = {}
    for window in wanted:
        then = pairs.start + window.since * step
        there[window.name] = ((pairs.came <= then) & (pairs.went > then).fill_null(True)).cast("int64").max()
    return pairs.group_by(["actor", "cohort"]).aggregate(**there)
