"""What is on file follows the roster and the callbacks, in whatever order and however late these come."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from qunflow.acquisition.roster import NOTHING_TOLD, OnFile, Sighting, Told, changes, in_flight, sightings
from qunflow.acquisition.stays import BY_ROSTER

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEEN = Sighting(1, NOON, 3, "", "poster-a")
ROW = OnFile(11, 1, NOON, None, None, NOON + 24 * HOUR, 3)
LATER = NOON + 48 * HOUR


def test_a_new_face_joined_when_the_platform_says() -> None:
    """The time of joining is the roster's, not the time of the look."""
    (change,) = changes(1, [], NOTHING_TOLD, [LATER], SEEN)

    assert change.was is None
    assert change.stay is not None
    assert (change.stay.joined_at, change.stay.left_at, change.shown) == (NOON, None, SEEN)


def test_the_same_roster_twice_changes_nothing() -> None:
    """Somebody who is where we believed them is neither a join nor a leave."""
    assert changes(1, [ROW], NOTHING_TOLD, [ROW.last_seen_at, LATER], SEEN) == []


def test_an_imported_minute_becomes_the_platforms_second() -> None:
    """A log that rounded the join is corrected by the roster, without a second stay."""
    rounded = replace(ROW, joined_at=NOON - timedelta(seconds=40), join_scene=None)

    (change,) = changes(1, [rounded], NOTHING_TOLD, [LATER], SEEN)

    assert change.was == rounded
    assert change.stay is not None
    assert (change.stay.joined_at, change.stay.left_at) == (NOON, None)


def test_a_quick_return_is_not_taken_for_the_visit_before() -> None:
    """Somebody told to have come and gone seconds before the joining a roster shows is in a second time."""
    visit = replace(ROW, left_at=NOON + timedelta(seconds=30), left_known_by="callback", join_scene=None)
    visit = replace(visit, last_seen_at=NOON)
    told = Told({NOON: True}, frozenset({NOON + timedelta(seconds=30)}))
    back = replace(SEEN, joined_at=NOON + timedelta(seconds=60))

    (change,) = changes(1, [visit], told, [LATER], back)

    assert change.was is None
    assert change.stay is not None
    assert (change.stay.joined_at, change.stay.left_at) == (back.joined_at, None)


def test_a_leave_that_was_only_bounded_is_made_exact_by_a_late_callback() -> None:
    """The callback may come days after the look that missed the person."""
    bounded = replace(ROW, left_at=LATER, left_known_by=BY_ROSTER)
    told = Told({NOON: True}, frozenset({NOON + 30 * HOUR}))

    (change,) = changes(1, [bounded], told, [ROW.last_seen_at, LATER, LATER + HOUR])

    assert change.stay is not None
    assert (change.stay.left_at, change.stay.left_known_by) == (NOON + 30 * HOUR, "callback")


def test_somebody_taken_for_gone_by_mistake_is_in_again() -> None:
    """A roster that shows the very stay that was closed opens it again instead of inventing a second one."""
    closed = replace(ROW, left_at=ROW.last_seen_at + HOUR, left_known_by=BY_ROSTER)

    (change,) = changes(1, [closed], NOTHING_TOLD, [ROW.last_seen_at, ROW.last_seen_at + HOUR, LATER], SEEN)

    assert change.was == closed
    assert change.stay is not None
    assert change.stay.left_at is None


def test_a_membership_of_another_source_is_not_dropped_for_want_of_evidence() -> None:
    """What no callback told and no roster showed stays on file until a look misses it."""
    imported = replace(ROW, join_scene=None, last_seen_at=NOON)

    assert changes(1, [imported], NOTHING_TOLD, []) == []
    (change,) = changes(1, [imported], NOTHING_TOLD, [LATER])
    assert change.stay is not None
    assert change.stay.left_known_by == BY_ROSTER


def test_changes_a_roster_shows_late_are_told_from_real_differences() -> None:
    """Whoever moved seconds before the look is in flight; an older difference is none."""
    moment = timedelta(seconds=3)
    came = OnFile(1, 1, LATER - moment, None, None, LATER - moment, None)
    went = OnFile(2, 2, NOON, LATER - moment, "callback", LATER, 3)
    strange = OnFile(3, 3, NOON, None, None, NOON, 3)

    assert in_flight([came], [], LATER) == -1
    assert in_flight([went], [2], LATER) == 1
    assert in_flight([strange], [], LATER) == 0


def test_only_external_people_count_and_a_scan_is_told_from_a_pull() -> None:
    """Staff are in the list but are no members; scene 3 is the only one a person chose alone."""
    listed = [
        {"userid": "owner", "type": 1, "join_time": 1, "join_scene": 1},
        {"userid": "wm1", "type": 2, "join_time": 1772424000, "join_scene": 3, "state": "poster-a"},
        {"userid": "wm2", "type": 2, "join_time": 1772424000, "join_scene": 1, "invitor": {"userid": "owner"}},
        {"userid": "wm3", "type": 2, "join_time": 1772424000, "join_scene": 1},
    ]

    found = sightings(listed, {"wm1": 1, "wm2": 2}, {"poster-a": "poster"})

    assert [(one.person_id, one.pulled_in, one.channel, one.inviter_userid) for one in found] == [
        (1, False, "poster", ""),
        (2, True, "", "owner"),
    ]


def test_somebody_with_two_accounts_is_in_once() -> None:
    """Two members of a roster who are one person count once, since the earlier join."""
    listed = [{"userid": one, "type": 2, "join_time": 1772424000 + late} for one, late in (("wm1", 60), ("wm2", 0))]

    (found,) = sightings(listed, {"wm1": 1, "wm2": 1}, {})

    assert found.joined_at == datetime.fromtimestamp(1772424000, UTC)


@dataclass
class Group:
    """One group of a single person, as it really is, and what is on file of it."""

    rows: list[OnFile] = field(default_factory=list)
    joins: dict[datetime, bool] = field(default_factory=dict)
    leaves: set[datetime] = field(default_factory=set)
    looks: list[datetime] = field(default_factory=list)
    number: int = 0

    def bring_in_line(self, sighting: Sighting | None = None) -> None:
        told = Told(dict(self.joins), frozenset(self.leaves))
        for change in changes(1, self.rows, told, self.looks, sighting):
            self.rows = [row for row in self.rows if change.was is None or row is not change.was]
            if change.stay is not None:
                self.rows.append(self._filed(change.was, change.stay, change.shown))
        if sighting is not None:
            self.rows = [replace(row, last_seen_at=self.looks[-1]) if row.left_at is None else row for row in self.rows]

    def _filed(self, was: OnFile | None, stay: object, shown: Sighting | None) -> OnFile:
        self.number += 1
        names = ("joined_at", "left_at", "left_known_by", "last_seen_at")
        scene = shown.join_scene if shown else was.join_scene if was else None
        return OnFile(was.membership_id if was else self.number, 1, *(getattr(stay, name) for name in names), scene)

    def stays(self) -> list[tuple[datetime, datetime | None, str | None]]:
        return sorted((row.joined_at, row.left_at, row.left_known_by) for row in self.rows)


def lived(marks: list[int], looks: list[int], seed: int, copies: int, lost: set[int]) -> Group:
    """A life told by callbacks that come when they like, each so many times, and by looks in between."""
    dice = Random(seed)
    times = [NOON + timedelta(minutes=3 * mark) for mark in sorted(marks)]
    letters = [
        (at + timedelta(minutes=dice.choice((0, 0, 1, 200, 5_000))), number % 2 == 0, at)
        for number, at in enumerate(times)
        if number not in lost
        for _ in range(dice.randint(1, copies))
    ]
    agenda: list[tuple[datetime, bool | None, datetime]] = [*letters]
    agenda += [(at, None, at) for at in (NOON + timedelta(minutes=3 * look + 1) for look in looks)]
    group = Group()
    for _, joins, at in sorted(agenda, key=lambda one: (one[0], str(one))):
        if joins is None:
            inside = [when for when in times if when <= at]
            group.looks.append(at)
            shown = replace(SEEN, joined_at=inside[-1]) if len(inside) % 2 else None
            group.bring_in_line(shown)
        elif joins:
            group.joins[at] = True
            group.bring_in_line()
        else:
            group.leaves.add(at)
            group.bring_in_line()
    return group


LIFE = st.lists(st.integers(0, 300), min_size=1, max_size=7, unique=True)
LOOKS = st.lists(st.integers(0, 320), max_size=5, unique=True)


@given(LIFE, LOOKS, st.integers(0, 9_999), st.sampled_from((1, 3, 46)), st.sets(st.integers(0, 6)))
@settings(max_examples=300, deadline=None)
def test_callbacks_that_come_late_and_often_leave_the_same_file(
    marks: list[int], looks: list[int], seed: int, copies: int, lost: set[int]
) -> None:
    """Whenever the callbacks come, before or after the looks, and however often, the same memberships are on file."""
    one = lived(marks, looks, seed, copies, lost)
    other = lived(marks, looks, seed + 1, 1, lost)

    assert one.stays() == other.stays()


@given(LIFE, LOOKS, st.integers(0, 9_999), st.sets(st.integers(0, 6)))
@settings(max_examples=300, deadline=None)
def test_after_a_look_the_file_is_the_roster(marks: list[int], looks: list[int], seed: int, lost: set[int]) -> None:
    """With a last look at the end, whoever is open on file is who is on the roster, whatever got lost."""
    group = lived(marks, [*looks, 900], seed, 2, lost)

    assert sum(row.left_at is None for row in group.rows) == len(marks) % 2
