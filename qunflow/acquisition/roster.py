"""
Comparing what the platform says is in a group with what is on file: which memberships begin, end or change.

When somebody was in is worked out by ``stays``; here a look at a roster is read, and what comes out is held against
the memberships that are on file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from qunflow.acquisition.stays import LAG, SAME_STAY, Evidence, Seen, Stay, stays_of

SCENE_OF_CODE = 3


@dataclass(frozen=True, slots=True)
class Sighting:
    """A person in a roster; ``joined_at`` and how they came are the platform's own words."""

    person_id: int
    joined_at: datetime
    join_scene: int
    inviter_userid: str
    channel: str

    @property
    def pulled_in(self) -> bool:
        """Whether somebody pulled the person in; whoever scans a code comes by their own choice."""
        return self.join_scene != SCENE_OF_CODE


@dataclass(frozen=True, slots=True)
class Told:
    """What callbacks told of one person in one group; joins with whether a code was scanned."""

    joins: Mapping[datetime, bool]
    leaves: frozenset[datetime]


@dataclass(frozen=True, slots=True)
class OnFile:
    """A membership as it stands; ``join_scene`` is ``None`` until a roster showed how the person came."""

    membership_id: int
    person_id: int
    joined_at: datetime
    left_at: datetime | None
    left_known_by: str | None
    last_seen_at: datetime
    join_scene: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """
    A membership that begins (``was`` is ``None``), changes, or turns out never to have been (``stay`` is ``None``).

    ``shown`` says how the person came where this look told it; ``by_code`` what a callback said of it.
    """

    person_id: int
    was: OnFile | None
    stay: Stay | None
    shown: Sighting | None = None
    by_code: bool = False


NOTHING_TOLD = Told({}, frozenset())


def sightings(
    member_list: Iterable[Mapping[str, object]], person_of: Mapping[str, int], channels: Mapping[str, str]
) -> tuple[Sighting, ...]:
    """
    The external people of a group's detail; who is in with two accounts is one person, since the earlier join.

    Args:
        person_of: external id → person; somebody missing there is left out.
        channels: state carried by a join way → channel key; an unknown state is kept as it is.
    """
    found: dict[int, Sighting] = {}
    for member in member_list:
        person = person_of.get(str(member.get("userid", "")))
        if member.get("type") != 2 or person is None:
            continue
        inviter = member.get("invitor")
        state = str(member.get("state", ""))
        one = Sighting(
            person,
            datetime.fromtimestamp(int(str(member["join_time"])), UTC),
            int(str(member.get("join_scene", 0))),
            str(inviter.get("userid", "")) if isinstance(inviter, Mapping) else "",
            channels.get(state, state),
        )
        if person not in found or one.joined_at < found[person].joined_at:
            found[person] = one
    return tuple(found.values())


def changes(
    person_id: int,
    rows: Sequence[OnFile],
    told: Told,
    looks: Sequence[datetime],
    sighting: Sighting | None = None,
) -> list[Change]:
    """
    What must change on file for one person in one group.

    Args:
        rows: every membership the person has there.
        looks: when the roster was read, ascending; a ``sighting`` is what the last of them showed.
    """
    row_shown = _row_shown(rows, sighting, told) if sighting else None
    seen = [_seen(row) for row in rows if row is not row_shown and not _is_told_only(row, told)]
    if sighting is not None:
        seen.append(Seen(sighting.joined_at, looks[-1]))
    stays = stays_of(Evidence(seen, tuple(told.joins), told.leaves), looks)
    by_start = {row.joined_at: row for row in rows if row is not row_shown}
    if sighting is not None and row_shown is not None:
        by_start[sighting.joined_at] = row_shown
    shown = {sighting.joined_at: sighting} if sighting else {}
    return [
        one
        for one in held_against(person_id, by_start, stays, told, shown)
        if one.was is None
        or one.stay is None
        or not _same(one.was, one.stay)
        or (one.shown is not None and one.was.join_scene is None)
    ]


def held_against(
    person_id: int,
    by_start: Mapping[datetime, OnFile],
    stays: Iterable[Stay],
    told: Told,
    shown: Mapping[datetime, Sighting],
) -> list[Change]:
    """
    The stays of one person in one group beside the memberships on file, each of these by the start it stands for.

    Args:
        shown: start → how a look showed the person to have come.
    """
    left = dict(by_start)
    found = [
        Change(
            person_id,
            left.pop(stay.joined_at, None),
            stay,
            shown.get(stay.joined_at),
            told.joins.get(stay.joined_at, False),
        )
        for stay in stays
    ]
    return [*(Change(person_id, row, None) for row in left.values()), *found]


def in_flight(rows: Iterable[OnFile], listed: Collection[int], looked_at: datetime) -> int:
    """
    How many more people a look lists than are on file because it shows changes some seconds late.

    Args:
        rows: the memberships of the group as they are after the look.
    """
    latest = {row.person_id: row for row in sorted(rows, key=lambda row: row.joined_at)}
    since = looked_at - LAG
    ahead = [row for row in latest.values() if row.left_at is None and row.person_id not in listed]
    behind = [row for row in latest.values() if row.left_at is not None and row.person_id in listed]
    late = sum(row.left_at is not None and row.left_at >= since for row in behind)
    return late - sum(row.joined_at > since for row in ahead)


def _row_shown(rows: Sequence[OnFile], sighting: Sighting, told: Told) -> OnFile | None:
    """The row a sighting is of: the same instant, or a near one that no roster has shown yet."""
    exact = [row for row in rows if row.joined_at == sighting.joined_at]
    near = [row for row in rows if row.join_scene is None and _is_near(row.joined_at, sighting.joined_at, told)]
    nearest = sorted(near, key=lambda row: (abs(row.joined_at - sighting.joined_at), row.joined_at))
    return next(iter([*exact, *nearest]), None)


def _is_near(one: datetime, other: datetime, told: Told) -> bool:
    low, high = min(one, other), max(one, other)
    return high - low <= SAME_STAY and not any(low < leave <= high for leave in told.leaves)


def _seen(row: OnFile) -> Seen:
    if row.left_known_by in (None, "callback", "roster"):
        return Seen(row.joined_at, row.last_seen_at)
    return Seen(row.joined_at, row.last_seen_at, row.left_at, row.left_known_by or "")


def _is_told_only(row: OnFile, told: Told) -> bool:
    return row.join_scene is None and row.last_seen_at == row.joined_at and row.joined_at in told.joins


def _same(row: OnFile, stay: Stay) -> bool:
    found = (row.joined_at, row.left_at, row.left_known_by)
    return found == (stay.joined_at, stay.left_at, stay.left_known_by)
