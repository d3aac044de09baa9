"""The roster decides who is in a group; what it cannot tell is bounded and marked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from qunflow.acquisition.roster import BY_CALLBACK, BY_ROSTER, OpenStay, Sighting, roster_diff, sightings

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEEN = Sighting(1, NOON, 3, "", "poster-a")
STAY = OpenStay(11, 1, NOON, NOON + 24 * HOUR)
LATER = NOON + 48 * HOUR


def test_a_new_face_joined_when_the_platform_says() -> None:
    """The time of joining is the roster's, not the time of the look."""
    diff = roster_diff([SEEN], [], looked_at=LATER, told_leaves={})

    assert (diff.joins, diff.leaves) == ((SEEN,), ())


def test_the_same_roster_twice_changes_nothing() -> None:
    """Somebody who is where we believed them is neither a join nor a leave, even if a log rounded the minute."""
    rounded = replace(STAY, joined_at=NOON.replace(minute=0) + timedelta(seconds=40))

    diff = roster_diff([SEEN], [rounded], looked_at=LATER, told_leaves={})

    assert (diff.joins, diff.leaves, diff.still_there) == ((), (), (11,))


def test_a_missing_face_left_between_two_looks() -> None:
    """Without a callback the leave is bounded by the last sighting and this look, and says so."""
    leave = roster_diff([], [STAY], looked_at=LATER, told_leaves={}).leaves[0]

    assert (leave.left_at, leave.not_before, leave.known_by) == (LATER, STAY.last_seen_at, BY_ROSTER)


def test_a_callback_gives_the_exact_time() -> None:
    """The time told by a callback wins over the bounds."""
    told = NOON + 30 * HOUR
    leave = roster_diff([], [STAY], looked_at=LATER, told_leaves={1: (NOON - HOUR, told)}).leaves[0]

    assert (leave.left_at, leave.not_before, leave.known_by) == (told, told, BY_CALLBACK)


def test_coming_back_ends_the_old_stay_and_begins_a_new_one() -> None:
    """A new joining time is a new stay; the old one ended before it."""
    back = replace(SEEN, joined_at=NOON + 40 * HOUR)

    diff = roster_diff([back], [STAY], looked_at=LATER, told_leaves={})

    assert diff.joins == (back,)
    assert [(one.left_at, one.known_by) for one in diff.leaves] == [(back.joined_at, BY_ROSTER)]


def test_a_visit_between_two_looks_is_not_forgotten() -> None:
    """Who joined and left the same day is in no roster, but did join and did leave."""
    visit = replace(SEEN, person_id=2, joined_at=NOON + HOUR)

    diff = roster_diff([], [], looked_at=LATER, told_leaves={2: (NOON + 3 * HOUR,)}, told_joins=[visit])

    assert diff.joins == (visit,)
    assert [(one.membership_id, one.left_at, one.known_by) for one in diff.leaves] == [
        (0, NOON + 3 * HOUR, BY_CALLBACK)
    ]


def test_a_callback_repeats_nothing_that_is_known() -> None:
    """A told join that the roster shows, or that ended already, is the same stay."""
    seen = roster_diff([SEEN], [], looked_at=LATER, told_leaves={}, told_joins=[SEEN])
    ended = roster_diff([], [], looked_at=LATER, told_leaves={}, told_joins=[SEEN], past_joins=frozenset({(1, NOON)}))

    assert (len(seen.joins), len(ended.joins), len(ended.leaves)) == (1, 0, 0)


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


people = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 5)), max_size=8, unique_by=lambda pair: pair[0])


@given(people, people)
def test_after_a_diff_the_belief_is_the_roster(there: list[tuple[int, int]], believed: list[tuple[int, int]]) -> None:
    """Open stays minus leaves plus joins are exactly the people in the roster, and nobody leaves before joining."""
    seen = [Sighting(person, NOON + hour * HOUR, 3, "", "") for person, hour in there]
    stays = [OpenStay(person, person, NOON + hour * HOUR, NOON + hour * HOUR) for person, hour in believed]

    diff = roster_diff(seen, stays, looked_at=LATER, told_leaves={})

    left = {one.membership_id for one in diff.leaves}
    now = [stay.person_id for stay in stays if stay.membership_id not in left] + [one.person_id for one in diff.joins]
    assert sorted(now) == sorted(person for person, _ in there)
    assert all(one.joined_at <= one.not_before <= one.left_at for one in diff.leaves)
