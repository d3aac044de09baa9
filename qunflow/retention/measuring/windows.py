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

from qunflow.retention.measuring.day_bits import Ahead, DaySpan, ahead_of, with_days, with_exact_days, words_ahead
from qunflow.retention.measuring.grid import DAY_US, Offset
from qunflow.retention.measuring.instants import day_number
from qunflow.retention.measuring.matrix import anchors
from qunflow.retention.measuring.query import Definition, Query


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


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What is known of the events: those that make cohorts (with ``interval``), all of them, those that count as coming
    back, each as ``facts`` gives them, and joins and leaves (None without stay columns) as ``last_moves`` does.
    """

    targets: ir.Table
    acts: ir.Table
    returns: ir.Table
    moves: ir.Table | None


def window_counts(seen: Seen, query: Query, first: int, offsets: Sequence[Offset], days: DaySpan | None) -> ir.Table:
    """
    Columns ``cohort`` (number of the interval), ``split``, ``size`` and one named as each window, in actors.

    Args:
        seen: the events up to what is known.
        first: the number of the first cohort; earlier targets only tell who is not new.
        offsets: of the query's zone, over the time of the events.
        days: the days that can matter, when the plan by bits shall be taken; None = the general one.
    """
    columns = windows_of(query)
    acts = [window for window in columns if window.definition != "stay"]
    stays = [window for window in columns if window.definition == "stay"]
    firsts = anchors(seen.targets, query, first)
    rows = starts = firsts.mutate(start=_place(firsts.anchor_us, query, offsets))
    if acts and days:
        marked, ahead = _with_bits(starts, seen, query, offsets, days)
        rows = marked.mutate(**{w.name: _by_bits(ahead, w) for w in acts})
    elif acts:
        rows = _beside(query, starts, _acted(starts, seen.returns, acts, query, offsets))
    if seen.moves is not None:
        rows = _beside(query, rows, _stayed(starts, seen.moves, stays, query))
    counts = {window.name: rows[window.name].fill_null(0).sum() for window in columns}
    if query.split_by:
        return rows.group_by(["cohort", "split"]).aggregate(size=rows.count(), **counts)
    return rows.group_by("cohort").aggregate(size=rows.count(), **counts).mutate(split=ibis.literal(""))


def _with_bits(
    starts: ir.Table, seen: Seen, query: Query, offsets: Sequence[Offset], days: DaySpan
) -> tuple[ir.Table, Ahead]:
    count = words_ahead(query)
    if query.windows == "calendar":
        rows = with_days(starts, seen.acts, offsets, days, count)
    else:
        rows = with_exact_days(starts, seen.returns, _start_keys(query), count)
    return rows, ahead_of(rows, count)


def _by_bits(ahead: Ahead, window: Window) -> ir.IntegerValue:
    if window.until is None:
        return _one_if(ahead.later(window.since))
    return (
        ahead.on(window.since) if window.since == window.until else _one_if(ahead.between(window.since, window.until))
    )


def _start_keys(query: Query) -> list[str]:
    """What tells one start from another; a key less is time and memory saved."""
    return ["actor"] if query.cohort_rule == "first_time" else ["actor", "cohort"]


def _beside(query: Query, rows: ir.Table, part: ir.Table) -> ir.Table:
    keys = _start_keys(query)
    return rows.left_join(part, keys).drop(*(f"{key}_right" for key in keys))


def _place(at_us: ir.IntegerValue, query: Query, offsets: Sequence[Offset]) -> ir.IntegerValue:
    """Where an instant stands on the query's scale: its local day, or itself."""
    return day_number(at_us, offsets) if query.windows == "calendar" else at_us


def _acted(
    starts: ir.Table, returns: ir.Table, wanted: Sequence[Window], query: Query, offsets: Sequence[Offset]
) -> ir.Table:
    acts = returns.select("actor", place=_place(returns.at_us, query, offsets))
    keys = _start_keys(query)
    pairs = starts.select(*keys, "start").join(acts, "actor")
    pairs = pairs.filter(pairs.place >= pairs.start)
    gone = pairs.place - pairs.start
    pairs = pairs.mutate(days=gone if query.windows == "calendar" else (gone // DAY_US).cast("int64"))
    found = pairs.group_by(keys).aggregate(**{w.name: _inside(pairs, w).sum() for w in wanted})
    enough = query.minimum_occurrences
    return found.select(*keys, **{w.name: _one_if(found[w.name] >= enough) for w in wanted})


def _inside(pairs: ir.Table, window: Window) -> ir.BooleanValue:
    if window.until is None:
        return pairs.days >= window.since
    return (
        pairs.days == window.since if window.since == window.until else pairs.days.between(window.since, window.until)
    )


def last_moves(moves: ir.Table, query: Query, offsets: Sequence[Offset]) -> ir.Table:
    """
    Of each day (or instant, with exact windows) what decides who is in a group after it.

    Of one instant the majority decides: as many joins as leaves, as of a dropped line where a clock shows minutes
    only, leave everything as it was.

    Columns: ``actor``, ``group_id``, ``place``, ``move`` (the last one that decides: even for a join, odd for a leave,
    in the order of time; null without any), ``joined_us`` (the first join, null without any), and ``member`` where
    groups are the actors.
    """
    keys = ["actor", "group_id", *(["member"] if query.actor == "group" else [])]
    at_once = moves.group_by([*keys, "at_us"]).aggregate(
        comes=(1 - 2 * moves.leaving).sum(), joins=(1 - moves.leaving).sum()
    )
    decided = ibis.cases((at_once.comes > 0, at_once.at_us * 2), (at_once.comes < 0, at_once.at_us * 2 + 1))
    placed = at_once.mutate(place=_place(at_once.at_us, query, offsets), move=decided)
    return placed.group_by([*keys, "place"]).aggregate(
        move=placed.move.max(), joined_us=placed.at_us.min(where=placed.joins > 0)
    )


def _stayed(starts: ir.Table, moves: ir.Table, wanted: Sequence[Window], query: Query) -> ir.Table:
    """
    Whoever's last move in a group, up to then, is a join is in it: moves that change nothing change nothing here.

    Written without window functions, which not every engine has.
    """
    step = 1 if query.windows == "calendar" else DAY_US
    keys = _start_keys(query)
    pairs = starts.select(*keys, "start").join(moves, "actor")
    last = {w.name: pairs.move.max(where=pairs.place <= pairs.start + w.since * step) for w in wanted}
    members = ["member"] if query.actor == "group" else []
    places = pairs.group_by([*keys, "group_id", *members]).aggregate(**last)
    there = {w.name: _one_if((places[w.name] % 2 == 0).fill_null(False)).max() for w in wanted}
    return places.group_by(keys).aggregate(**there)


def _one_if(condition: ir.BooleanValue) -> ir.IntegerValue:
    # Not every engine makes a large integer of a truth.
    return ibis.ifelse(condition, ibis.literal(1, "int64"), ibis.literal(0, "int64"))
