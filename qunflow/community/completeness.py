"""
How complete what is known of a group's day is: three sources held against each other, and a grade from A to D.

The roster says who is in, callbacks who came and went, the official statistics how many there were and how many came.
A gap that reading the roster closed is none any more; a leave nobody told of leaves the number of members within
bounds, and an official total inside them agrees. Official figures are of an owner's groups together, never of one:
also of those that are closed here and still there, which are added as callbacks tell of them, and get no grade.

A: all three agree. B: they differ by at most 1 in 100 members. C: by at most 5, or the official figures cannot be
compared. D: by more, or a source is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

B_WITHIN = 0.01
C_WITHIN = 0.05
# So many of a community's people may be in groups of a worse grade than the community's.
WORSE_SHARE = 0.05
GRADES = ("A", "B", "C", "D")


class Reason(StrEnum):
    """Why a grade is not A."""

    NOT_READ = "not_read"
    NOTHING_TOLD = "nothing_told"
    NO_STATISTICS = "no_statistics"
    NOT_COMPARABLE = "not_comparable"
    CALLBACKS_DIFFER = "callbacks_differ"
    STATISTICS_DIFFER = "statistics_differ"


MISSING = frozenset({Reason.NOT_READ, Reason.NOTHING_TOLD, Reason.NO_STATISTICS})


@dataclass(frozen=True, slots=True)
class Presence:
    """
    One stay in a group, as a count of members needs it.

    ``left_at`` is the latest the leave can have been, ``not_before`` the earliest; they are one instant when told.
    """

    joined_at: datetime
    not_before: datetime | None
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class Official:
    """What the platform counts for all groups of one owner at the end of a day, its own staff included."""

    groups: int
    members: int
    joins: int


@dataclass(frozen=True, slots=True)
class GroupDay:
    """
    What the roster and callbacks know of one group's day.

    Args:
        low, high: members at the end of the day, between these two.
        staff: the corp's own people in the group, at the last look.
        joins: stays that began on the day.
        was_read: whether a roster was read on the day or the day after.
        was_told: whether callbacks come at all; a quiet day tells nothing against them.
        contradictions: moves callbacks told of that no stay fits.
    """

    group: str
    owner: str
    low: int
    high: int
    staff: int
    joins: int
    was_read: bool
    was_told: bool
    contradictions: int


@dataclass(frozen=True, slots=True)
class Grade:
    """A group's grade of a day, and why it is not better."""

    group: str
    letter: str
    reasons: tuple[Reason, ...]
    members: int

    @property
    def differs(self) -> bool:
        """Whether the grade is D although every source is there."""
        return self.letter == GRADES[-1] and not MISSING & set(self.reasons)


def bounds(presences: Iterable[Presence], at: datetime) -> tuple[int, int]:
    """How many were in at an instant: at least, and at most."""
    low = high = 0
    for one in presences:
        if one.joined_at >= at or (one.left_at is not None and one.left_at < at):
            continue
        high += 1
        low += one.left_at is None or one.not_before is None or one.not_before >= at
    return low, high


def grades(
    days: Sequence[GroupDay], official: dict[str, Official] | None, beside: Sequence[GroupDay] = ()
) -> list[Grade]:
    """
    The grade of each group.

    Args:
        beside: other groups known of the same owners, which official figures may count, too.
        official: owner → official figures; ``None`` when they cannot be had for this day at all.
    """
    by_owner: dict[str, list[GroupDay]] = {}
    for day in days:
        by_owner.setdefault(day.owner, []).append(day)
    found = {
        owner: _official_share(mine, [one for one in beside if one.owner == owner], (official or {}).get(owner))
        for owner, mine in by_owner.items()
    }
    return [_grade(day, *found[day.owner]) for day in days]


def of_community(graded: Sequence[Grade]) -> str:
    """The grade that all but a few of the community's people have at least; D when nobody is graded."""
    total = sum(max(one.members, 1) for one in graded)
    for letter in GRADES:
        worse = sum(max(one.members, 1) for one in graded if one.letter > letter)
        if graded and worse <= WORSE_SHARE * total:
            return letter
    return GRADES[-1]


def _official_share(
    mine: Sequence[GroupDay], beside: Sequence[GroupDay], official: Official | None
) -> tuple[float | None, Reason | None]:
    """How far the official figures are off, as a share of the members, or why that cannot be said."""
    if official is None:
        return None, Reason.NO_STATISTICS
    # With as many groups as are open here the others are gone; with some of the others nobody can say which.
    counted = next((known for known in (mine, [*mine, *beside]) if len(known) == official.groups), None)
    if counted is None:
        return None, Reason.NOT_COMPARABLE
    staff = sum(day.staff for day in counted)
    low, high = sum(day.low for day in counted) + staff, sum(day.high for day in counted) + staff
    beyond = max(low - official.members, official.members - high, 0)
    missed = abs(official.joins - sum(day.joins for day in counted))
    return (beyond + missed) / max(official.members, 1), None


def _grade(day: GroupDay, official: float | None, why: Reason | None) -> Grade:
    told = day.contradictions / max(day.high, 1)
    missing = [
        reason
        for reason, is_missing in (
            (Reason.NOT_READ, not day.was_read),
            (Reason.NOTHING_TOLD, not day.was_told),
            (Reason.NO_STATISTICS, why is Reason.NO_STATISTICS),
        )
        if is_missing
    ]
    differing = [
        reason
        for reason, is_one in (
            (Reason.NOT_COMPARABLE, why is Reason.NOT_COMPARABLE),
            (Reason.CALLBACKS_DIFFER, told > 0),
            (Reason.STATISTICS_DIFFER, bool(official)),
        )
        if is_one
    ]
    letter = "D" if missing else _letter(max(told, official or 0.0), is_comparable=official is not None)
    return Grade(day.group, letter, (*missing, *differing), day.high)


def _letter(share: float, *, is_comparable: bool) -> str:
    if share > C_WITHIN:
        return "D"
    if share > B_WITHIN or not is_comparable:
        return "C"
    return "B" if share > 0 else "A"
