"""Newcomers go where there is room, and live codes follow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qunflow.acquisition.placement import KnownCode, Room, codes_to_make, placed


def room(number: int, members: int, kind: str = "benefit_group") -> Room:
    return Room(number, f"wr{number}", kind, members)


def test_a_group_is_filled_up_to_the_limit_then_the_next() -> None:
    """The 190th person still goes to the first group, the one after to the second."""
    assert placed(3, [room(1, 188), room(2, 0)], rotate_at=190) == (1, 1, 2)


def test_nobody_is_placed_where_no_group_has_room() -> None:
    """A newcomer without a place is reported, not squeezed in; member groups are entered by spending only."""
    assert placed(2, [room(1, 189), room(2, 5, "member_group")], rotate_at=190) == (1, None)


@given(st.lists(st.integers(0, 250), max_size=6), st.integers(0, 500), st.integers(1, 200))
def test_no_group_is_ever_overfilled(members: list[int], newcomers: int, rotate_at: int) -> None:
    """Everybody gets an answer, and no group passes its limit by placing."""
    rooms = [room(number, count) for number, count in enumerate(members, start=1)]

    seats = placed(newcomers, rooms, rotate_at)

    assert len(seats) == newcomers
    for one in rooms:
        assert seats.count(one.group_id) <= max(rotate_at - one.members, 0)


def test_a_missing_code_is_made_over_at_most_five_groups() -> None:
    """The platform takes five groups a code; the first five with room are used."""
    plans = codes_to_make(["poster-a"], [], [room(number, 0) for number in range(1, 8)], rotate_at=190)

    assert [(plan.channel, plan.group_ids, plan.config_id) for plan in plans] == [("poster-a", (1, 2, 3, 4, 5), "")]


def test_a_code_that_points_at_the_right_groups_is_left_alone() -> None:
    """Asking twice makes nothing the second time."""
    known = [KnownCode("cfg", "poster-a", (1, 2))]

    assert codes_to_make(["poster-a"], known, [room(1, 3), room(2, 0)], rotate_at=190) == ()


def test_a_code_moves_on_when_a_group_is_full() -> None:
    """The same code is pointed at the groups that still have room, so that printed posters stay valid."""
    known = [KnownCode("cfg", "poster-a", (1, 2))]

    plans = codes_to_make(["poster-a"], known, [room(1, 190), room(2, 0)], rotate_at=190)

    assert [(plan.config_id, plan.group_ids) for plan in plans] == [("cfg", (2,))]


def test_a_full_community_keeps_its_codes() -> None:
    """With no room anywhere there is nothing better to point at."""
    assert codes_to_make(["poster-a"], [], [room(1, 190)], rotate_at=190) == ()


def test_the_state_fits_the_platform() -> None:
    """A long channel key is cut to the 30 characters a state may have."""
    plan = codes_to_make(["c" * 40], [], [room(1, 0)], rotate_at=190)[0]

    assert plan.state == "c" * 30
