"""
What joins and leaves come to, as sums that can be added and taken away again.

Stays are read from the moves of each person in each group: a join of somebody who is in and a leave of somebody who
is not change nothing, and of one instant the majority decides. Everything counted is a sum over people, so a day's
run takes away what the people it touches came to, and adds what they come to now. A sum says what holds if nothing
more happens; which sums have come due is decided by who reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from qunflow.retention.tally.pages import NO_DAY, Ints, Truths, ints, ordered, packed, unpacked

FAR = 1 << 30
NOWHERE, SEVERAL = NO_DAY, NO_DAY + 1
SETTLING_DAYS, WEEK_DAYS, MONTH_DAYS = 7, 7, 30
# Sums of a group and a day; the last two also by how many days before the same person did the same.
NET, FIRST, GONE, LEFT, OPENED, LEFT_AGAIN, OPENED_AGAIN = range(7)
GAPS = 64
DayOf = Callable[[Ints], Ints]


@dataclass(frozen=True, slots=True)
class Moves:
    """
    Joins and leaves, one row for equal ones: ``move`` is twice the microseconds since 1970 UTC, plus 1 for a leave.

    In order of person, group and move; ``times`` says how often the row was told. Those that were read from bytes may
    be of narrower numbers until they are taken or joined.
    """

    person: Ints
    group: Ints
    move: Ints
    times: Ints

    @classmethod
    def of(cls, person: Ints, group: Ints, move: Ints, times: Ints | None = None) -> Moves:
        """From rows in any order."""
        told = np.ones(len(person), np.int64) if times is None else times
        order = np.lexsort((move, group, person))
        person, group, move, told = person[order], group[order], move[order], told[order]
        first = _changes(person, group, move)
        starts = np.flatnonzero(first)
        return cls(person[first], group[first], move[first], np.add.reduceat(told, starts) if len(starts) else told)

    @classmethod
    def joined(cls, parts: Sequence[Moves]) -> Moves:
        """Several as one."""
        return cls.of(*(np.concatenate([ints(), *(getattr(part, f.name) for part in parts)]) for f in fields(cls)))

    def __len__(self) -> int:
        return len(self.person)

    def among(self, people: Ints) -> Moves:
        """Those of some people, given in order."""
        # Of one type, or the whole column would be made wider for a few of its rows.
        wanted = people.astype(self.person.dtype)[people <= np.iinfo(self.person.dtype).max]
        first, last = np.searchsorted(self.person, wanted), np.searchsorted(self.person, wanted, side="right")
        counts = last - first
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.take(np.repeat(first, counts) + within)

    def take(self, where: Ints | Truths) -> Moves:
        """Some of the rows."""
        return Moves(ints(self.person[where]), ints(self.group[where]), ints(self.move[where]), ints(self.times[where]))

    def to_bytes(self) -> bytes:
        """For ``from_bytes``."""
        return packed([self.person, self.group, self.move, self.times])

    @classmethod
    def from_bytes(cls, content: bytes | None) -> Moves:
        """What ``to_bytes`` gave; nothing for None."""
        return cls(*unpacked(content, widened=False)) if content else cls.joined([])


@dataclass(frozen=True, slots=True)
class Stays:
    """Times somebody was in a group, in order: local days since 1970; ``left`` and ``back`` may be ``FAR``."""

    person: Ints
    group: Ints
    joined: Ints
    left: Ints
    back: Ints

    @property
    def for_good(self) -> Truths:
        """Whether it ended, and not by a dropped line of the same day."""
        ended: Truths = (self.left != FAR) & (self.back != self.left)
        return ended


@dataclass(frozen=True, slots=True)
class GroupSums:
    """``count`` by local day, group and ``what``: a kind of sum, and the gap in days where it has one."""

    day: Ints
    group: Ints
    what: Ints
    count: Ints

    @classmethod
    def joined(cls, parts: Sequence[GroupSums]) -> GroupSums:
        """Added up; sums of 0 are left out."""
        day, group, what, count = (
            np.concatenate([ints(), *(getattr(part, f.name) for part in parts)]) for f in fields(cls)
        )
        order = ordered(day, group, what)
        day, group, what, count = day[order], group[order], what[order], count[order]
        starts = np.flatnonzero(_changes(day, group, what))
        total = np.add.reduceat(count, starts) if len(starts) else count
        kept = starts[total != 0]
        return cls(day[kept], group[kept], what[kept], total[total != 0])

    def times(self, sign: int) -> GroupSums:
        """All of them, taken so often."""
        return GroupSums(self.day, self.group, self.what, self.count * sign)

    def kind(self, what: int) -> GroupSums:
        """Those of one kind, whatever the gap."""
        mine = self.what // GAPS == what
        return GroupSums(self.day[mine], self.group[mine], self.what[mine], self.count[mine])

    @property
    def gap(self) -> Ints:
        """Days since the same person did the same before."""
        return self.what % GAPS

    def to_bytes(self) -> bytes:
        """For ``from_bytes``."""
        return packed([self.day, self.group, self.what, self.count])

    @classmethod
    def from_bytes(cls, content: bytes | None) -> GroupSums:
        """What ``to_bytes`` gave; nothing for None."""
        return cls(*unpacked(content)) if content else cls(ints(), ints(), ints(), ints())


@dataclass(frozen=True, slots=True)
class People:
    """Who ever joined: the first day, for each k whether they are in a group at the end of k days later, where now."""

    person: Ints
    first: Ints
    stayed: tuple[Truths, ...]
    # The only group somebody is in now, else NOWHERE or SEVERAL.
    home: Ints


def stays_of(moves: Moves, day_of: DayOf) -> tuple[Stays, tuple[Ints, Ints], tuple[Ints, Ints]]:
    """The stays, and of the joins of people who were in, then of the leaves of people who were not: days and counts."""
    moves = _deciding(moves)
    day, leaving = day_of(moves.move >> 1), moves.move & 1 == 1
    starts = _changes(moves.person, moves.group)
    was_in = ~starts & ~np.concatenate([leaving[:0], [True], leaving[:-1]])[: len(leaving)]
    opens, closes = ~leaving & ~was_in, leaving & was_in
    idle = moves.times - (opens | closes)
    told = idle > 0
    odd = [(day[told & side], idle[told & side]) for side in (~leaving, leaving)]
    kept = np.flatnonzero(opens | closes)
    person, group, day = moves.person[kept], moves.group[kept], day[kept]
    at = np.flatnonzero(opens[kept])
    left, back = _following(person, group, day, at, 1), _following(person, group, day, at, 2)
    return Stays(person[at], group[at], day[at], left, back), odd[0], odd[1]


def group_sums(stays: Stays) -> GroupSums:
    """What stays come to for their groups."""
    held = stays.left != stays.joined
    first = _changes(stays.person, stays.group)
    opened = first | _changes(stays.person, stays.group, stays.joined)
    ended = np.flatnonzero(stays.for_good)
    parts = [
        _sums(NET, stays.joined[held], stays.group[held], 1),
        _sums(NET, stays.left[held & (stays.left != FAR)], stays.group[held & (stays.left != FAR)], -1),
        _sums(FIRST, stays.joined[first], stays.group[first], 1),
        _sums(LEFT, stays.left[ended], stays.group[ended], 1),
        _sums(OPENED, stays.joined[opened], stays.group[opened], 1),
        _again(LEFT_AGAIN, stays, stays.left, ended, MONTH_DAYS),
        _again(OPENED_AGAIN, stays, stays.joined, np.flatnonzero(opened), WEEK_DAYS),
    ]
    starts = np.flatnonzero(first)
    if len(starts):
        target = np.repeat(stays.joined[starts], np.diff([*starts, len(first)])) + SETTLING_DAYS
        there = np.logical_or.reduceat((stays.joined <= target) & (stays.left > target), starts)
        gone = starts[~there]
        parts.append(_sums(GONE, stays.joined[gone], stays.group[gone], 1))
    return GroupSums.joined(parts)


def people_of(stays: Stays, days: Sequence[int]) -> People:
    """What stays come to for their people."""
    starts = np.flatnonzero(_changes(stays.person))
    if not len(starts):
        return People(ints(), ints(), tuple(np.zeros(0, bool) for _ in days), ints())
    first = np.minimum.reduceat(stays.joined, starts)
    each = np.repeat(first, np.diff([*starts, len(stays.person)]))
    stayed = tuple(np.logical_or.reduceat((stays.joined <= each + k) & (stays.left > each + k), starts) for k in days)
    inside = stays.left == FAR
    groups = np.add.reduceat(inside.astype(np.int64), starts)
    only = np.add.reduceat(np.where(inside, stays.group, 0), starts)
    home = np.select([groups == 0, groups > 1], [NOWHERE, SEVERAL], only)
    return People(stays.person[starts], first, stayed, home)


def _deciding(moves: Moves) -> Moves:
    """One row an instant, with as many times as its joins and leaves differ; where they do not it decides nothing."""
    starts = np.flatnonzero(_changes(moves.person, moves.group, moves.move >> 1))
    if len(starts) == len(moves):
        return moves
    comes = np.add.reduceat(np.where(moves.move & 1, -moves.times, moves.times), starts)
    decided = replace(moves.take(starts), move=(moves.move[starts] >> 1 << 1) + (comes < 0), times=np.abs(comes))
    return decided.take(comes != 0)


def _changes(*columns: Ints) -> Truths:
    """Where a row differs from the one before it; the first row does."""
    if not len(columns[0]):
        return np.zeros(0, bool)
    differs = np.ones(len(columns[0]), bool)
    differs[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return differs


def _following(person: Ints, group: Ints, day: Ints, at: Ints, steps: int) -> Ints:
    """The day of the row so many rows later, if it is of the same person and group; ``FAR`` otherwise."""
    later = np.minimum(at + steps, max(len(day) - 1, 0))
    same = (at + steps < len(day)) & (person[later] == person[at]) & (group[later] == group[at])
    return np.where(same, day[later], FAR)


def _sums(what: int, day: Ints, group: Ints, count: int, gap: Ints | int = 0) -> GroupSums:
    return GroupSums(day, group, ints(np.full(len(day), what * GAPS) + gap), ints(np.full(len(day), count)))


def _again(what: int, stays: Stays, day: Ints, at: Ints, within: int) -> GroupSums:
    """Of the stays ``at``: those whose day comes less than so many days after the one before of the same pair."""
    before, after = at[:-1], at[1:]
    same = (stays.person[before] == stays.person[after]) & (stays.group[before] == stays.group[after])
    gap = day[after] - day[before]
    near = same & (gap < within)
    return _sums(what, day[after][near], stays.group[after][near], 1, gap[near])
