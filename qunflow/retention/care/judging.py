"""
What was seen of a community lately and what follows for each of its groups: values and arithmetic, no reading.

The rules are those of ``alarms``, ``push_windows``, ``life_stage`` and ``activity_layers``; here they are applied to
one day. Reading the store and the history, and what is done about it, are left to the tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import zip_longest
from typing import TypeAlias

from qunflow.retention.care.activity_layers import Layer, MemberActs, layers, silent
from qunflow.retention.care.alarms import Limits, alarms_of
from qunflow.retention.care.life_stage import Advice, GroupTalk, LifeStage, Marks, advice_for, life_stage
from qunflow.retention.care.push_windows import (
    BASELINE_DAYS,
    Push,
    PushWindow,
    Rate,
    apart,
    corrected_for_many,
    windows_after,
)
from qunflow.retention.groups import MONTH_DAYS
from qunflow.retention.plan import GroupMeasure

# Pushes are looked at this far back, and stays that ended before are not needed.
PUSH_DAYS = 7
STAYS_DAYS = 60
LAYER_DAYS = 30
GroupId: TypeAlias = int
PersonId: TypeAlias = int


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay of a person in a group: instants in UTC, days in the community's zone; no end while they are in."""

    group_id: int
    person_id: int
    joined_on: date
    left_at: datetime | None = None
    left_on: date | None = None

    def covers(self, day: date) -> bool:
        """Whether the person was in at the end of a local day."""
        return self.joined_on <= day and (self.left_on is None or self.left_on > day)


@dataclass(frozen=True, slots=True)
class PersonActs:
    """Acts of a person in the last 30 days and in the days before they may count as silent; the day of the last one."""

    lately: int
    before: int
    last_on: date


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that really went into a group; ``slot_key`` is empty when it was sent beside Qunflow."""

    slot_key: str
    group_id: int
    posted_at: datetime
    day: date
    replies: int | None
    marketing: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What was read, up to the end of the local day ``through``.

    Args:
        until: the end of that day, UTC.
        stays: by group, those open or ended in the last 60 days.
        acts: by person, of the days looked at.
        active: by group, members who acted in it, or in no group, in the last 14 days.
        said: by group, utterances of the last 14 days and those of whoever said most.
        talk_is_seen: whether any utterance of the community is known.
        posted: by group, of the last 28 days.
        clicks, clicks_before: by slot, of the last 7 days and of the 21 before.
        problem: why what people did is not known; empty when it is. Then only alarms can be judged.
    """

    through: date
    until: datetime
    stays: Mapping[GroupId, Sequence[Stay]]
    posted: Mapping[GroupId, Sequence[Posted]]
    acts: Mapping[PersonId, PersonActs] = field(default_factory=dict)
    active: Mapping[GroupId, frozenset[PersonId]] = field(default_factory=dict)
    said: Mapping[GroupId, tuple[int, int]] = field(default_factory=dict)
    talk_is_seen: bool = False
    clicks: Mapping[str, int] = field(default_factory=dict)
    clicks_before: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""

    @property
    def members(self) -> frozenset[PersonId]:
        """Everybody who is in a group at the end of the day."""
        return frozenset(one.person_id for mine in self.stays.values() for one in mine if one.covers(self.through))


@dataclass(frozen=True, slots=True)
class Place:
    """What the settings say of a group beyond its name."""

    kind: str
    platform: str
    closed_on: date | None


@dataclass(frozen=True, slots=True)
class GroupCare:
    """
    One group on one day: what rings, where it stands, what to do, who carries it.

    ``windows`` are the most unusual 24 hours after its pushes, only of a group that rings; ``looked_at`` is how many
    windows of the community were looked at.
    """

    line: GroupMeasure
    members: int
    stage: LifeStage
    advice: Advice
    layers: Mapping[Layer, int]
    silent: tuple[PersonId, ...]
    windows: tuple[PushWindow, ...] = ()
    looked_at: int = 0


def judged(line: GroupMeasure, seen: Seen, limits: Limits) -> GroupMeasure:
    """The same line of the board with its alarms judged by who left, not only by how many."""
    mine = seen.stays.get(line.group.group_id, ())
    month_ago = seen.through - timedelta(days=MONTH_DAYS)
    before = {one.person_id for one in mine if one.covers(month_ago)}
    now = {one.person_id for one in mine if one.covers(seen.through)}
    run_from = seen.through - timedelta(days=line.counts.leave_streak_days)
    in_run = [one for one in _for_good(mine) if one.left_on is not None and run_from < one.left_on <= seen.through]
    counts = replace(line.counts, leavers_of_before=len(before - now), leavers_in_streak=len(in_run))
    if mine:
        counts = replace(counts, members_before=len(before))
    return replace(line, counts=counts, alarms=alarms_of(counts, line.group.opened_on, seen.through, limits))


def cared_for(
    board: Sequence[GroupMeasure], seen: Seen, places: Mapping[GroupId, Place], marks: Marks, silent_days: int
) -> tuple[GroupCare, ...]:
    """Every group of a judged board with its stage, advice, layers and, where it rings, its pushes."""
    talks = {line.group.group_id: _talk(line, seen, places[line.group.group_id]) for line in board}
    stages = {key: life_stage(talk, seen.through, marks) for key, talk in talks.items()}
    told = [(talks[key], stages[key]) for key in talks]
    layer_of = _layers(seen)
    found = corrected_for_many([one for line in board if line.ringing for one in _windows(line, seen)])
    kept = apart(found)
    return tuple(
        GroupCare(
            line=line,
            members=talks[key].members,
            stage=stages[key],
            advice=advice_for(talks[key], stages[key], told, marks),
            layers=Counter(layer_of[person] for person in _members(seen, key) if person in layer_of),
            silent=silent(_member_acts(seen, key), seen.through, silent_days),
            windows=tuple(one for one in kept if one.group_id == key),
            looked_at=len(found),
        )
        for line, key in ((line, line.group.group_id) for line in board)
    )


def _talk(line: GroupMeasure, seen: Seen, place: Place) -> GroupTalk:
    key = line.group.group_id
    members = _members(seen, key)
    said, top = seen.said.get(key, (0, 0))
    since = seen.through - timedelta(days=14)
    adverts = sum(one.marketing and since < one.day <= seen.through for one in seen.posted.get(key, ()))
    return GroupTalk(
        group_id=key,
        kind=place.kind,
        platform=place.platform,
        opened_on=line.group.opened_on,
        closed_on=place.closed_on,
        members=len(members),
        active=len(members & seen.active.get(key, frozenset())),
        said=said,
        top_said=top,
        adverts=adverts,
        talk_is_seen=seen.talk_is_seen,
    )


def _layers(seen: Seen) -> dict[PersonId, Layer]:
    inside = seen.members
    return layers({person: acts.lately for person, acts in seen.acts.items() if person in inside})


def _members(seen: Seen, group_id: int) -> set[int]:
    return {one.person_id for one in seen.stays.get(group_id, ()) if one.covers(seen.through)}


def _member_acts(seen: Seen, group_id: int) -> list[MemberActs]:
    acts = seen.acts
    return [
        MemberActs(one.person_id, one.joined_on, acts[one.person_id].last_on if one.person_id in acts else None)
        for one in seen.stays.get(group_id, ())
        if one.covers(seen.through)
    ]


def _windows(line: GroupMeasure, seen: Seen) -> tuple[PushWindow, ...]:
    key, first = line.group.group_id, seen.through - timedelta(days=PUSH_DAYS - 1)
    mine = seen.stays.get(key, ())
    leaves = sorted(one.left_at for one in _for_good(mine) if one.left_at is not None)
    pushes = [Push(one.slot_key, one.posted_at) for one in seen.posted.get(key, ()) if one.day >= first]
    return windows_after(key, pushes, leaves, len(_members(seen, key)), _rate(mine, first), seen.until)


def _rate(stays: Sequence[Stay], first: date) -> Rate:
    """Leaves and member-days of the 28 local days before ``first``."""
    since = first - timedelta(days=BASELINE_DAYS)
    leaves = sum(one.left_on is not None and since <= one.left_on < first for one in _for_good(stays))
    days = [since + timedelta(days=nth) for nth in range(BASELINE_DAYS)]
    return Rate(leaves, sum(one.covers(day) for one in stays for day in days))


def _for_good(stays: Sequence[Stay]) -> list[Stay]:
    """The stays of a group that ended, but for those the same person followed by another on the same day."""
    ordered = sorted(stays, key=lambda one: (one.person_id, one.joined_on, one.left_on or date.max))
    return [
        one
        for one, after in zip_longest(ordered, ordered[1:])
        if one.left_on is not None
        and (after is None or after.person_id != one.person_id or after.joined_on != one.left_on)
    ]
