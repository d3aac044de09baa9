"""
Comparing what the platform says is in a group with what we believed: who joined, who left.

The roster is the truth. It tells when somebody joined, never when somebody left: that time comes from a callback when
there is one, and is otherwise only bounded, by the last sighting and by the look at the roster that missed the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# Two sources round the same join differently (a log to the minute, the roster to the second).
SAME_STAY = timedelta(seconds=90)
SCENE_OF_CODE = 3
BY_CALLBACK = "callback"
BY_ROSTER = "roster"


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
class OpenStay:
    """A membership believed to be open."""

    membership_id: int
    person_id: int
    joined_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Leave:
    """
    The end of a stay: at ``left_at`` if ``known_by`` is a callback, else at some time after ``not_before``.

    ``membership_id`` is 0 for a stay that began and ended between two looks.
    """

    membership_id: int
    person_id: int
    joined_at: datetime
    left_at: datetime
    not_before: datetime
    known_by: str


@dataclass(frozen=True, slots=True)
class RosterDiff:
    """What one look at a group changed."""

    joins: tuple[Sighting, ...]
    leaves: tuple[Leave, ...]
    still_there: tuple[int, ...]


def sightings(
    member_list: Iterable[Mapping[str, object]], person_of: Mapping[str, int], channels: Mapping[str, str]
) -> tuple[Sighting, ...]:
    """
    The external people of a group's detail, as the platform lists them.

    Args:
        person_of: external id → person; somebody missing there is left out.
        channels: state carried by a join way → channel key; an unknown state is kept as it is.
    """
    found = []
    for member in member_list:
        person = person_of.get(str(member.get("userid", "")))
        if member.get("type") != 2 or person is None:
            continue
        inviter = member.get("invitor")
        state = str(member.get("state", ""))
        found.append(
            Sighting(
                person,
                datetime.fromtimestamp(int(str(member["join_time"])), UTC),
                int(str(member.get("join_scene", 0))),
                str(inviter.get("userid", "")) if isinstance(inviter, Mapping) else "",
                channels.get(state, state),
            )
        )
    return tuple(found)


def roster_diff(
    seen: Sequence[Sighting],
    open_stays: Sequence[OpenStay],
    *,
    looked_at: datetime,
    told_leaves: Mapping[int, tuple[datetime, ...]],
    told_joins: Iterable[Sighting] = (),
    past_joins: frozenset[tuple[int, datetime]] = frozenset(),
) -> RosterDiff:
    """
    Joins and leaves between what was believed and what is there.

    Args:
        looked_at: when the roster was read, UTC.
        told_leaves: person → instants at which a callback said that person left this group.
        told_joins: joins a callback told of. Whoever joins and leaves between two looks is in no roster, and
            forgetting them would make retention look better than it is.
        past_joins: person and joining time of stays that are already recorded as ended.
    """
    diff = _between_looks(seen, open_stays, looked_at, told_leaves)
    seen_joins = {(one.person_id, one.joined_at) for one in diff.joins}
    known = seen_joins | {(stay.person_id, stay.joined_at) for stay in open_stays}
    passed_through = [one for one in told_joins if not _is_known(one, known | past_joins)]
    visits = [OpenStay(0, one.person_id, one.joined_at, one.joined_at) for one in passed_through]
    short = [_leave(visit, None, looked_at, told_leaves.get(visit.person_id, ())) for visit in visits]
    return RosterDiff((*diff.joins, *passed_through), (*diff.leaves, *short), diff.still_there)


def _is_known(one: Sighting, known: Iterable[tuple[int, datetime]]) -> bool:
    return any(person == one.person_id and abs(at - one.joined_at) <= SAME_STAY for person, at in known)


def _between_looks(
    seen: Iterable[Sighting],
    open_stays: Iterable[OpenStay],
    looked_at: datetime,
    told_leaves: Mapping[int, tuple[datetime, ...]],
) -> RosterDiff:
    now_there = {sighting.person_id: sighting for sighting in seen}
    believed = {stay.person_id: stay for stay in open_stays}
    joins = [one for one in now_there.values() if not _same_stay(one, believed.get(one.person_id))]
    gone = [stay for stay in believed.values() if not _same_stay(now_there.get(stay.person_id), stay)]
    leaves = [
        _leave(stay, now_there.get(stay.person_id), looked_at, told_leaves.get(stay.person_id, ())) for stay in gone
    ]
    still = tuple(stay.membership_id for stay in believed.values() if stay not in gone)
    return RosterDiff(tuple(joins), tuple(leaves), still)


def _same_stay(sighting: Sighting | None, stay: OpenStay | None) -> bool:
    return sighting is not None and stay is not None and abs(sighting.joined_at - stay.joined_at) <= SAME_STAY


def _leave(stay: OpenStay, again: Sighting | None, looked_at: datetime, told: tuple[datetime, ...]) -> Leave:
    # Whoever is back with a new joining time left before that time at the latest.
    latest = min(looked_at, again.joined_at) if again else looked_at
    said = [moment for moment in told if stay.joined_at <= moment <= latest]
    if said:
        return Leave(stay.membership_id, stay.person_id, stay.joined_at, max(said), max(said), BY_CALLBACK)
    left_at = max(latest, stay.joined_at)
    earliest = min(max(stay.last_seen_at, stay.joined_at), left_at)
    return Leave(stay.membership_id, stay.person_id, stay.joined_at, left_at, earliest, BY_ROSTER)
