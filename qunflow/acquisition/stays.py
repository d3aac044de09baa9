"""
From what is known of one person in one group to the times that person was in: the rules, and nothing else.

Rosters are the truth, callbacks are hints. A roster tells that somebody is in and since when, never when somebody
left; a callback tells when, and may be lost, late or doubled. What comes out depends only on the set of what is known,
never on the order in which it became known. A leave nobody told of is bounded: not before the last sighting, not
after the first look that missed the person, or the moment they came back.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# Two sources round the same join differently (a log to the minute, the roster to the second).
SAME_STAY = timedelta(seconds=90)
# A roster shows a change some seconds late, and two clocks differ; inside this a look decides nothing.
LAG = timedelta(seconds=10)
BY_CALLBACK = "callback"
BY_ROSTER = "roster"
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """
    A stay that rosters showed, from ``joined_at`` and at least until ``last_seen_at``.

    ``ended_at`` and ``ended_by`` are set for a stay that another source, an import, tells in full.
    """

    joined_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None = None
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known of one person in one group; the sequences are sets, in any order."""

    seen: Collection[Seen] = ()
    told_joins: Collection[datetime] = ()
    told_leaves: Collection[datetime] = ()


@dataclass(frozen=True, slots=True)
class Stay:
    """
    One interval; open while ``left_at`` is ``None``.

    Args:
        left_at: when a callback says so, else the latest the leave can have been.
        left_known_by: callback, roster (then only bounded) or the source that told it in full.
        last_seen_at: the last look that showed the stay, or when it began if none did.
        is_seen: whether a roster ever showed it; a visit between two looks is only told of.
    """

    joined_at: datetime
    left_at: datetime | None
    left_known_by: str | None
    last_seen_at: datetime
    is_seen: bool

    @property
    def not_before(self) -> datetime:
        """The last instant at which the person was certainly in: the other bound of a leave nobody told of."""
        certain = self.last_seen_at - LAG if self.is_seen else self.last_seen_at
        return max(self.joined_at, min(certain, self.left_at or certain))


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a stay begins: shown at ``at``, told of at ``told_at``, or both."""

    at: datetime
    told_at: datetime | None
    seen: Seen | None

    @property
    def first(self) -> datetime:
        return self.at if self.told_at is None else min(self.at, self.told_at)


def stays_of(evidence: Evidence, looks: Sequence[datetime]) -> tuple[Stay, ...]:
    """
    The stays of one person in one group, oldest first, none overlapping another.

    Args:
        looks: every instant at which the group's roster was read, ascending, UTC.
    """
    starts = _starts(evidence)
    leaves = sorted(set(evidence.told_leaves))
    following = (*(start.at for start in starts[1:]), None)
    return tuple(_stay(start, until, leaves, looks) for start, until in zip(starts, following, strict=False))


def _starts(evidence: Evidence) -> list[_Start]:
    """Sightings and told joins, those of one join paired: the nearest first, each with one at most."""
    leaves = sorted(set(evidence.told_leaves))
    seen = {one.joined_at: one for one in _apart(evidence.seen)}
    told = sorted(set(evidence.told_joins))
    near = [(abs(at - join), join, at) for join in told for at in _within(sorted(seen), join)]
    paired: dict[datetime, datetime] = {}
    used: set[datetime] = set()
    for _, join, at in sorted(near):
        if at not in paired and join not in used and not _left_between(leaves, join, at):
            paired[at] = join
            used.add(join)
    shown = [_Start(at, paired.get(at), one) for at, one in seen.items()]
    only_told = [join for join in told if join not in used and not any(_covers(one, join) for one in seen.values())]
    return sorted([*shown, *(_Start(join, join, None) for join in only_told)], key=lambda start: start.at)


def _apart(seen: Collection[Seen]) -> list[Seen]:
    """Stays that do not overlap: who is in with two accounts at once is in once, from the first to the last."""
    found: list[Seen] = []
    for one in sorted(seen, key=lambda one: (one.joined_at, one.last_seen_at)):
        before = found[-1] if found else None
        if (
            before is None
            or before.ended_at is not None
            or one.ended_at is not None
            or not _covers(before, one.joined_at)
        ):
            found.append(one)
        else:
            found[-1] = replace(before, last_seen_at=max(before.last_seen_at, one.last_seen_at))
    return found


def _covers(one: Seen, join: datetime) -> bool:
    """Whether somebody was certainly in already: then a callback that says they joined is wrong."""
    return one.joined_at <= join <= (one.ended_at or one.last_seen_at - LAG) or join == one.joined_at


def _within(instants: Sequence[datetime], join: datetime) -> Sequence[datetime]:
    return instants[bisect_left(instants, join - SAME_STAY) : bisect_right(instants, join + SAME_STAY)]


def _left_between(leaves: Sequence[datetime], one: datetime, other: datetime) -> bool:
    low, high = min(one, other), max(one, other)
    return bisect_right(leaves, high) > bisect_right(leaves, low)


def _stay(start: _Start, following: datetime | None, leaves: Sequence[datetime], looks: Sequence[datetime]) -> Stay:
    seen = start.seen
    # Whoever is back left before coming back: that instant itself belongs to the next stay.
    back = following - _TICK if following else None
    if seen is not None and seen.ended_at is not None:
        # A log kept to the minute tells a leave and the next join of one instant: it stands as told.
        ended_at = seen.ended_at if seen.ended_at == following else _first(seen.ended_at, back)
        return Stay(start.at, ended_at, seen.ended_by, seen.last_seen_at, True)
    missed = _missed(start, looks)
    told = _told(start, leaves, following, missed)
    last_seen = seen.last_seen_at if seen else start.at
    if told is not None:
        return Stay(start.at, max(start.at, _first(told, back)), BY_CALLBACK, last_seen, seen is not None)
    if missed is None and back is None:
        return Stay(start.at, None, None, last_seen, seen is not None)
    left_at = max(start.at, _first(missed, back))
    return Stay(start.at, left_at, BY_ROSTER, last_seen, seen is not None)


def _first(*instants: datetime | None) -> datetime:
    return min(one for one in instants if one is not None)


def _missed(start: _Start, looks: Sequence[datetime]) -> datetime | None:
    """The first look that would have shown the stay had it gone on."""
    place = bisect_right(looks, start.seen.last_seen_at) if start.seen else bisect_left(looks, start.at + LAG)
    return looks[place] if place < len(looks) else None


def _told(
    start: _Start, leaves: Sequence[datetime], following: datetime | None, missed: datetime | None
) -> datetime | None:
    """The first told leave that can have ended the stay; one before a later sighting of the same stay cannot."""
    earliest = max(start.first, start.seen.last_seen_at - LAG) if start.seen else start.first
    place = bisect_left(leaves, earliest)
    limits = [one for one in (following, missed + LAG if missed else None) if one is not None]
    found = leaves[place] if place < len(leaves) else None
    return found if found is not None and all(found <= limit for limit in limits) else None
