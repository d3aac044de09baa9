"""What rosters showed and callbacks told is kept once, and memberships are written as worked out, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from qunflow.store import evidence, members, rosters
from qunflow.store.engine import Store
from qunflow.store.evidence import Look, ToldMove
from qunflow.store.tables import groups
from qunflow.store.vault import Vault

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def scene(store: Store, vault: Vault) -> tuple[int, int]:
    """A group and a person nobody has seen in it."""
    row = {"community": "n", "group_key": "g1", "chat_id": "wr1", "name": "1群", "kind": "benefit_group"}
    with store.writing() as conn:
        group = conn.execute(insert(groups).returning(groups.c.group_id), row).scalar_one()
        return int(group), vault.persons_for(conn, "external_userid", ["wm1"], AT)["wm1"]


def test_a_move_told_forty_six_times_is_one_row(store: Store, scene: tuple[int, int]) -> None:
    """Repetitions add nothing; a join and a leave of one instant are two things."""
    join, leave = (ToldMove(*scene, AT, joined) for joined in (True, False))
    with store.writing() as conn:
        assert evidence.keep_moves(conn, [join] * 46) == 1
        assert evidence.keep_moves(conn, [leave, join]) == 1
        assert evidence.moves_of(conn, scene[0], [scene[1], 999]) == {scene[1]: [leave, join]}


def test_looks_are_kept_in_order_and_an_empty_one_of_the_same_instant_not_twice(
    store: Store, scene: tuple[int, int]
) -> None:
    """A second look at one instant counts only when it shows something new, and then later than the first."""
    look = Look(scene[0], AT, "v1", 1, 2, [[scene[1], 1772424000, 3, "", ""]], [])
    nothing = Look(scene[0], AT, "v1", 1, 2, [], [])
    gone = Look(scene[0], AT, "v2", 0, 2, [], [scene[1]])
    with store.writing() as conn:
        times = [evidence.keep_look(conn, one) for one in (look, nothing, gone)]
        assert times == [AT, AT, AT + timedelta(microseconds=1)]
        assert evidence.look_times(conn, scene[0]) == [times[0], times[2]]
        assert [one.member_version for one in evidence.looks_of(conn, scene)[scene[0]]] == ["v1", "v2"]
        last = evidence.last_look(conn, scene[0])
    assert last is not None
    assert (last.gone, last.staff) == ([scene[1]], 2)


def membership(scene: tuple[int, int], **other: Any) -> dict[str, Any]:
    when = {"joined_at": AT, "left_at": None, "left_known_by": None, "last_seen_at": AT}
    how = {"join_scene": 3, "pulled_in": False, "inviter_userid": "", "channel": "poster-a"}
    return {"group_id": scene[0], "person_id": scene[1], **when, **how, **other}


def test_memberships_begin_change_and_turn_out_never_to_have_been(store: Store, scene: tuple[int, int]) -> None:
    """A row is written, ended and taken back; who was on a roster is told by the look that showed them."""
    with store.writing() as conn:
        rosters.rewrite(conn, [membership(scene)], [], [])
        (begun,) = rosters.stays_on_file(conn, scene[0], [scene[1]])
        assert rosters.shown_at(conn, scene[0], AT) == {scene[1]: AT}
        ended = membership(scene, membership_id=begun.membership_id, left_at=AT + HOUR, left_known_by="callback")
        rosters.rewrite(conn, [], [ended], [])
        (known,) = rosters.stays_on_file(conn, scene[0], [scene[1]])
        assert (known.left_at, known.left_known_by) == (AT + HOUR, "callback")
        assert members.open_memberships(conn, scene[0]) == {}
        rosters.rewrite(conn, [], [], [begun.membership_id])
        assert rosters.stays_on_file(conn, scene[0], [scene[1]]) == []
