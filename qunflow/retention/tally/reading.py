"""
What a tally says as of a local day: cohorts, the activity matrix, rolling retention, the groups, what is odd.

The answers are those of ``measuring`` and of ``groups`` over the same events (docs/reference/definitions.md). Whether a
cell has come due is decided in ``cells``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from qunflow.retention.dirt import Dirt
from qunflow.retention.measuring.grid import EPOCH_DAY
from qunflow.retention.periods import Period
from qunflow.retention.tally.cells import (
    CLASSIC,
    DAYS,
    EVENTS,
    NOBODY,
    ODD_JOIN,
    ODD_LEAVE,
    REPEATED,
    ROLLING,
    SIZE,
    STAY,
)
from qunflow.retention.tally.moves import (
    FAR,
    FIRST,
    GONE,
    LEFT,
    LEFT_AGAIN,
    MONTH_DAYS,
    NET,
    NOWHERE,
    OPENED,
    OPENED_AGAIN,
    SETTLING_DAYS,
    SEVERAL,
    WEEK_DAYS,
    GroupSums,
    Moves,
    stays_of,
)
from qunflow.retention.tally.pages import NO_DAY, Ints, Marks, distinct, ints, packed, unpacked
from qunflow.retention.tally.periods import distances, starts_of
from qunflow.retention.tally.tally import Tally

Rows = list[dict[str, Any]]


def cohort_rows(tally: Tally, period: Period, through: date) -> tuple[Rows, Rows, Rows]:
    """Stay, classic and rolling by cohort of first joining: ``cohort``, ``size`` and ``on_<k>``, due or not."""
    rows, last = tally.cells.through(number_of(through)), number_of(through)
    days = np.arange(len(rows)) + tally.cells.first
    rows = rows.copy()
    _take_back_later(tally, rows, last)
    joined = np.flatnonzero(rows[:, SIZE])
    starts, place = np.unique(starts_of(days[joined], period), return_inverse=True)
    sums = np.zeros((len(starts), rows.shape[1]), np.int64)
    np.add.at(sums, place, rows[joined])
    stay, classic, rolling = (
        [
            {
                "cohort": day_of_number(start),
                "size": int(row[SIZE]),
                **{f"on_{k}": int(row[column + place]) for place, k in enumerate(DAYS)},
            }
            for start, row in zip(starts.tolist(), sums, strict=True)
        ]
        for column in (STAY, CLASSIC, ROLLING)
    )
    return stay, classic, rolling


def matrix_rows(tally: Tally, period: Period, through: date) -> Rows:
    """
    The activity matrix by first act: ``cohort``, ``distance`` and ``people``, cells without people left out.

    Columns that are over are kept in the tally, for the next time.
    """
    last = number_of(through)
    days = ints(tally.active_days())
    starts = starts_of(days, period)
    rows: Rows = []
    for start in distinct(starts[days <= last]).tolist():
        mine = days[starts == start]
        cohorts, people = _matrix_column(tally, period, start, mine[mine <= last], keep=bool((mine <= last).all()))
        gone = distances(cohorts, np.full(len(cohorts), start), period)
        rows += [
            {"cohort": day_of_number(cohort), "distance": distance, "people": count}
            for cohort, distance, count in zip(cohorts.tolist(), gone.tolist(), people.tolist(), strict=True)
        ]
    return sorted(rows, key=lambda row: (row["cohort"], row["distance"]))


def group_rows(tally: Tally, through: date) -> dict[int, dict[str, int]]:
    """By group what ``groups.group_counts`` counts; groups nobody ever joined are missing."""
    last = number_of(through)
    month, week = last - MONTH_DAYS, last - WEEK_DAYS
    recent = _boards(tally, month)
    totals = tally.totals()
    counts = {
        "members": _by_group(totals.kind(NET)) - _by_group(_after(recent.kind(NET), last)),
        "members_before": _by_group(totals.kind(NET)) - _by_group(_after(recent.kind(NET), month)),
        "leavers_month": _different(recent, LEFT, LEFT_AGAIN, month, last),
        "leavers_week": _different(recent, LEFT, LEFT_AGAIN, week, last),
        "joiners_week": _different(recent, OPENED, OPENED_AGAIN, week, last),
        "leave_days_week": _Counts(_leave_days(recent, week, last).group, None),
        "active_week": _active_members(tally, last),
        "settled": _by_group(totals.kind(FIRST)) - _by_group(_after(recent.kind(FIRST), last - SETTLING_DAYS)),
        "gone_by_d7": _by_group(totals.kind(GONE)) - _by_group(_after(recent.kind(GONE), last - SETTLING_DAYS)),
    }
    return {
        group: {name: found.of(group) for name, found in counts.items()}
        for group in distinct(totals.kind(FIRST).group).tolist()
    }


def leave_streaks(tally: Tally, since: date, through: date) -> dict[int, int]:
    """By group how many days in a row, ending with ``through`` and not before ``since``, had leavers; 0 left out."""
    first, last = number_of(since) - 1, number_of(through)
    sums = _leave_days(_boards(tally, first), first, last)
    found: dict[int, int] = {}
    for length, day in enumerate(range(last, first, -1), 1):
        mine = sums.group[sums.day == day].tolist()
        going_on = [group for group in mine if found.get(group, 0) == length - 1]
        if not going_on:
            break
        found |= dict.fromkeys(going_on, length)
    return found


def dirt_of(tally: Tally, through: date, in_the_future: int) -> Dirt:
    """What is odd up to a day; ``duplicates`` are those among events that were read in one go."""
    rows = tally.cells.through(number_of(through))
    days = np.flatnonzero(rows[:, EVENTS])
    silent = int(days[-1] - days[0]) + 1 - len(days) if len(days) else 0
    totals = rows.sum(axis=0).tolist()
    return Dirt(
        events=totals[EVENTS],
        joins_while_in=totals[ODD_JOIN],
        leaves_without_join=totals[ODD_LEAVE],
        in_the_future=in_the_future,
        duplicates=totals[REPEATED],
        without_person=totals[NOBODY],
        speakers_without_join=_strangers(tally, number_of(through)),
        days_without_events=silent,
    )


def number_of(day: date) -> int:
    """Days since 1970."""
    return (day - EPOCH_DAY).days


def day_of_number(number: int) -> date:
    """The day of a number of days since 1970."""
    return EPOCH_DAY + timedelta(days=number)


class _Counts:
    """A number by group: ``count`` added up, or how many rows there are when it is None."""

    def __init__(self, group: Ints, count: Ints | None) -> None:
        groups, place = np.unique(group, return_inverse=True)
        weights = np.ones(len(group), np.int64) if count is None else count
        sums = np.zeros(len(groups), np.int64)
        np.add.at(sums, place, weights)
        self._found: Mapping[int, int] = dict(zip(groups.tolist(), sums.tolist(), strict=True))

    def of(self, group: int) -> int:
        """Of one group."""
        return self._found.get(group, 0)

    def __sub__(self, other: _Counts) -> _Counts:
        both = sorted(self._found.keys() | other._found.keys())
        return _Counts(ints(both), ints([self.of(group) - other.of(group) for group in both]))


def _by_group(sums: GroupSums) -> _Counts:
    return _Counts(sums.group, sums.count)


def _after(sums: GroupSums, day: int) -> GroupSums:
    return _where(sums, sums.day > day)


def _where(sums: GroupSums, mine: Any) -> GroupSums:
    return GroupSums(sums.day[mine], sums.group[mine], sums.what[mine], sums.count[mine])


def _boards(tally: Tally, after: int) -> GroupSums:
    days = [int(name.partition(":")[2]) for name in tally.names("board:")]
    parts = [tally.board(day) for day in days if day > after]
    return GroupSums(
        *(np.concatenate([ints(), *(getattr(part, name) for part in parts)]) for name in GroupSums.__slots__)
    )


def _different(sums: GroupSums, what: int, again: int, after: int, last: int) -> _Counts:
    """People who did something between two days: each time counts, but for those with a time before it in there."""
    each, repeated = sums.kind(what), sums.kind(again)
    each = _where(each, (each.day > after) & (each.day <= last))
    repeated = _where(repeated, (repeated.day - repeated.gap > after) & (repeated.day <= last))
    return _by_group(each) - _by_group(repeated)


def _leave_days(sums: GroupSums, after: int, last: int) -> GroupSums:
    left = sums.kind(LEFT)
    return _where(left, (left.day > after) & (left.day <= last))


def _active_members(tally: Tally, last: int) -> _Counts:
    """Members at the end of a day who were active on one of the seven days up to it."""
    week = Marks()
    for day in tally.active_days():
        if last - WEEK_DAYS < day <= last:
            week.merge(tally.active(day))
    people = distinct(tally.links.now(week.people()))
    home = tally.column("home").take(people)
    looked_up = distinct(np.concatenate([people[home == SEVERAL], _moved_after(tally, last)]))
    looked_up = looked_up[np.isin(looked_up, people)]
    simple = ~np.isin(people, looked_up) & (home != NOWHERE)
    pairs = _inside(tally, looked_up, last)
    return _Counts(np.concatenate([home[simple], pairs.group]), None)


def _moved_after(tally: Tally, last: int) -> Ints:
    """Who joined or left after a day, by the numbers meant now."""
    parts = [part.person[tally.day_of(part.move >> 1) > last] for part in tally.moves()]
    return distinct(tally.links.now(np.concatenate([ints(), *parts])))


def _inside(tally: Tally, people: Ints, last: int) -> Moves:
    """One row for each group one of these people is in at the end of a day."""
    moves = _meant_moves(tally, people)
    moves = moves.take(tally.day_of(moves.move >> 1) <= last)
    stays, _, _ = stays_of(moves, tally.day_of)
    inside = stays.left == FAR
    return Moves(stays.person[inside], stays.group[inside], stays.joined[inside], stays.joined[inside])


def _meant_moves(tally: Tally, people: Ints) -> Moves:
    moves = tally.moves_of(tally.links.family(people))
    return Moves.of(tally.links.now(moves.person), moves.group, moves.move, moves.times)


def _strangers(tally: Tally, last: int) -> int:
    person, group, day = tally.strangers()
    person, group = tally.links.now(person[day <= last]), group[day <= last]
    moves = _meant_moves(tally, distinct(person))
    joins = moves.take((moves.move & 1 == 0) & (tally.day_of(moves.move >> 1) <= last))
    # The pairs of both as numbers that are equal where the pairs are.
    low, high = (int(edge(group, initial=0)) for edge in (np.min, np.max))
    joins = joins.take((joins.group >= low) & (joins.group <= high))
    rows = ((person, group), (joins.person, joins.group))
    pair, known = (who * (high - low + 1) + where - low for who, where in rows)
    return len(distinct(person[~np.isin(pair, known)]))


def _matrix_column(tally: Tally, period: Period, start: int, days: Ints, *, keep: bool) -> tuple[Ints, Ints]:
    """Of the people active on these days of one period: starts of the periods of their first acts, and how many."""
    name = f"matrix:{period}:{start}"
    if keep and (content := tally.part(name)) is not None:
        cohorts, people = unpacked(content)
        return cohorts, people
    marks = Marks()
    for day in days.tolist():
        marks.merge(tally.active(day))
    meant = distinct(tally.links.now(marks.people()))
    cohorts, people = np.unique(starts_of(_first_acts(tally, meant), period), return_counts=True)
    if keep:
        tally.changes[name] = packed([cohorts, people])
    return cohorts, people


def _first_acts(tally: Tally, meant: Ints) -> Ints:
    column = tally.column("first_act")
    firsts = column.take(meant)
    linked = tally.links.linked()
    if len(linked):
        acted = column.take(linked)
        linked, acted = linked[acted != NO_DAY], acted[acted != NO_DAY]
        place = np.searchsorted(meant, tally.links.now(linked))
        mine = (place < len(meant)) & (meant[np.minimum(place, len(meant) - 1)] == tally.links.now(linked))
        firsts = np.where(firsts == NO_DAY, FAR, firsts)
        np.minimum.at(firsts, place[mine], acted[mine])
    return firsts


def _take_back_later(tally: Tally, rows: Any, last: int) -> None:
    """Rolling counts know everything; what only days after the last one brought about is taken away."""
    later = [day for day in tally.active_days() if day > last]
    if not later or not len(rows):
        return
    marks = Marks()
    for day in later:
        marks.merge(tally.active(day))
    people = tally.links.family(marks.people())
    now, then = tally.column("last_act").take(people), _last_acts(tally, people, last)
    meant = tally.links.now(people)
    order = np.argsort(meant, kind="stable")
    meant, now, then = meant[order], now[order], then[order]
    starts = np.flatnonzero(np.concatenate([[True], meant[1:] != meant[:-1]]))
    now, then = np.maximum.reduceat(now, starts), np.maximum.reduceat(then, starts)
    joined = tally.column("joined").take(meant[starts])
    counted = (joined != NO_DAY) & (joined <= last)
    for place, k in enumerate(DAYS):
        lost = counted & (now >= joined + k) & (then < joined + k)
        np.subtract.at(rows, (joined[lost] - tally.cells.first, ROLLING + place), 1)


def _last_acts(tally: Tally, people: Ints, last: int) -> Ints:
    """The last day up to one that each was active on."""
    found = np.full(len(people), NO_DAY, np.int64)
    open_ = np.arange(len(people))
    for day in reversed([day for day in tally.active_days() if day <= last]):
        if not len(open_):
            break
        there = tally.active(day).has(people[open_])
        found[open_[there]] = day
        open_ = open_[~there]
    return found
