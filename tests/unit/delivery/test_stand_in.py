"""Absences and shifts: who posts instead, and that a task taken from its owner never goes out twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from qunflow.delivery.outbox import plan
from qunflow.delivery.poll import poll
from qunflow.delivery.ports import Ports
from qunflow.delivery.remind import remind
from qunflow.delivery.sender import drain
from qunflow.delivery.stand_in import cover, hand_over
from qunflow.errors import BadInput
from qunflow.store import absences, audit
from qunflow.store.tables import targets
from tests.unit.delivery.platform_fake import NOON, FakePlatform, a_plan, add_groups, put
from tests.unit.delivery.team import at, heard, rows, with_team

MORNING, LATER = NOON - timedelta(hours=3), NOON + timedelta(minutes=5)
LONG = {"not_after": NOON + timedelta(hours=2)}
CARD = {"way": "hand_send", "sender_userid": "admin_lin", "slot_key": "sign", **LONG}


def be_away(ports: Ports, userid: str, stand_in: str = "", start: datetime = MORNING) -> int:
    with ports.store.writing() as conn:
        return absences.note(conn, userid, start, start + timedelta(days=1), stand_in, by="boss", at=MORNING)


def covers(ports: Ports, *instants: datetime) -> None:
    """Rounds of covering, each of them twice."""
    for now in instants:
        for _ in range(2):
            cover(at(ports, now), now)


def test_cards_of_somebody_away_go_to_the_stand_in(ports: Ports, platform: FakePlatform) -> None:
    """The ones to come get a new holder; the one that is out, too, and its new holder is told."""
    house = with_team(ports)
    ids = add_groups(house.store, 2)
    put(house.store, a_plan(ids[0], "早", **CARD), a_plan(ids[1], "早", **CARD))
    drain(house, now=NOON)
    put(house.store, a_plan(ids[0], "晚", **{**CARD, "slot_key": "night", "due_at": NOON + timedelta(hours=1)}))
    be_away(house, "admin_lin", "admin_tang")
    covers(house, LATER)
    assert rows(house, "sender_userid") == [("admin_tang",)] * 3
    for _ in range(2):
        remind(at(house, LATER), LATER)
    words = "阿琳这会儿不方便，日签转给你手动发，2 个群，最晚 14:00。"
    assert [text.splitlines()[0] for who, text in heard(house, platform, LATER) if who == "admin_tang"] == [words]
    with house.store.reading() as conn:
        assert [one.action for one in audit.entries(conn, 50)].count("delivery.hand_over") == 1


def test_a_colleague_who_is_given_a_card_is_told_once(ports: Ports, platform: FakePlatform) -> None:
    """Also where nobody is away: one tap gave it to them."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], "早", **CARD))
    drain(house, now=NOON)
    with house.store.writing() as conn:
        assert hand_over(conn, [1], "admin_tang", by="admin_lin", at=NOON) == 1
        assert hand_over(conn, [1], "admin_tang", by="admin_lin", at=NOON) == 0
    for minutes in (0, 1, 2):
        remind(at(house, NOON + timedelta(minutes=minutes)), NOON + timedelta(minutes=minutes))
    (told,) = heard(house, platform, LATER)
    assert (told[0], told[1].startswith("阿琳这会儿不方便，日签转给你手动发")) == ("admin_tang", True)


def test_a_posted_card_stays_with_whoever_posted_it(ports: Ports) -> None:
    """It says who did it."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], "早", **CARD))
    drain(house, now=NOON)
    with house.store.writing() as conn:
        conn.execute(update(targets).values(outcome="delivered"))
    be_away(house, "admin_lin", "admin_tang")
    covers(house, LATER)
    assert rows(house, "sender_userid") == [("admin_lin",)]


@pytest.mark.parametrize(("day_of_shift", "who"), [("wed", "admin_tang"), ("thu", "admin_lin")])
def test_the_shift_table_decides_who_posts_for_the_admin(ports: Ports, day_of_shift: str, who: str) -> None:
    """The 4th of March 2026 is a Wednesday; what the owner posts himself is left to him."""
    house = with_team(ports, shifts={day_of_shift: "admin_tang"})
    (group,) = add_groups(house.store, 1)
    put(house.store, a_plan(group, **CARD), a_plan(group, **{**CARD, "sender_userid": "owner_zhou", "slot_key": "o"}))
    covers(house, MORNING)
    assert rows(house, "sender_userid") == [(who,), ("owner_zhou",)]


def test_who_stands_in_and_is_away_is_stood_in_for(ports: Ports) -> None:
    """Two who stand in for each other leave it to the group's owner."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], **CARD))
    be_away(house, "admin_lin", "admin_tang")
    be_away(house, "admin_tang", "admin_lin")
    covers(house, MORNING)
    assert rows(house, "sender_userid") == [("owner_zhou",)]


def test_a_task_of_an_absent_owner_is_posted_by_hand_and_never_created(ports: Ports, platform: FakePlatform) -> None:
    """Planning the day again does not bring the task back."""
    house = with_team(ports)
    (group,) = add_groups(house.store, 1)
    put(house.store, a_plan(group))
    be_away(house, "owner_zhou")
    covers(house, MORNING)
    with house.store.writing() as conn:
        assert plan(conn, [a_plan(group)], MORNING).unchanged == 1
    covers(house, NOON)
    drain(house, now=NOON)
    assert platform.sent("add_msg_template") == []
    assert rows(house, "sender_userid", "state") == [("admin_lin", "sent")]


def test_a_created_task_is_withdrawn_first_and_then_posted_by_hand(ports: Ports, platform: FakePlatform) -> None:
    """Once a group, however often it is looked at; the owner can no longer confirm it."""
    house = with_team(ports)
    ids = add_groups(house.store, 2)
    put(house.store, *(a_plan(one, **LONG) for one in ids))
    drain(house, now=NOON)
    be_away(house, "owner_zhou", "admin_tang")
    covers(house, LATER, LATER + timedelta(minutes=1))
    assert [one["msgid"] for one in platform.sent("cancel_groupmsg_send")] == ["msg1"]
    assert rows(house, "outcome", way="mass_task") == [("cancelled",)] * 2
    expected = [
        ("noon/by-hand", "admin_tang", "approved", one, LONG["not_after"] - timedelta(minutes=10)) for one in ids
    ]
    assert rows(house, "slot_key", "sender_userid", "state", "target_ref", "due_at") == expected
    drain(at(house, NOON + timedelta(minutes=115)), now=NOON + timedelta(minutes=115))
    assert (len(platform.sent("add_msg_template")), rows(house, "state")) == (1, [("sent",)] * 2)


def test_what_was_confirmed_before_the_withdrawal_is_not_posted_again(ports: Ports, platform: FakePlatform) -> None:
    """The owner tapped in the last second."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], **LONG))
    drain(house, now=NOON)
    platform.confirm("msg1")
    be_away(house, "owner_zhou", "admin_tang")
    poll(house, LATER)
    covers(house, LATER)
    assert (rows(house, "outcome", way="mass_task"), rows(house, "state")) == ([("delivered",)], [])


@pytest.mark.parametrize("fault", ["refused", "lost", -1])
def test_a_withdrawal_that_fails_is_tried_again_and_nothing_is_posted_before(
    ports: Ports, platform: FakePlatform, fault: int | str
) -> None:
    """A platform that cannot be reached, or whose answer is lost, or that is busy."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], **LONG))
    drain(house, now=NOON)
    be_away(house, "owner_zhou", "admin_tang")
    platform.faults["cancel_groupmsg_send"] = [fault]
    report = cover(at(house, LATER), LATER)
    assert (report.by_hand, rows(house, "state")) == (0, [])
    covers(house, LATER + timedelta(minutes=1))
    assert rows(house, "slot_key", "sender_userid") == [("noon/by-hand", "admin_tang")]


def test_a_refused_withdrawal_leaves_the_task_to_its_owner(ports: Ports, platform: FakePlatform) -> None:
    """For good: it must not go out by hand as well."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], **LONG))
    drain(house, now=NOON)
    be_away(house, "owner_zhou", "admin_tang")
    platform.faults["cancel_groupmsg_send"] = [41064] * 10
    covers(house, LATER, LATER + timedelta(minutes=1))
    assert (rows(house, "outcome", way="mass_task"), rows(house, "state")) == ([("waiting",)], [])


def test_an_owner_who_is_back_meanwhile_posts_by_hand_what_was_withdrawn(ports: Ports) -> None:
    """The task is gone, so somebody has to."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], **LONG))
    drain(house, now=NOON)
    number = be_away(house, "owner_zhou", "admin_tang")
    with house.store.writing() as conn:
        conn.execute(update(targets).values(reason="withdrawn: the owner is away", outcome="cancelled"))
        absences.cancel(conn, number, by="boss", at=LATER)
    be_away(house, "boss")
    covers(house, LATER)
    assert rows(house, "sender_userid") == [("owner_zhou",)]


def test_absences_are_kept_once_and_make_sense(ports: Ports) -> None:
    """The same twice is one; nobody stands in for themselves or returns before leaving."""
    house = with_team(ports)
    assert be_away(house, "admin_lin", "admin_tang") == be_away(house, "admin_lin", "admin_tang")
    with pytest.raises(BadInput):
        be_away(house, "admin_lin", "admin_lin")
    with pytest.raises(BadInput), house.store.writing() as conn:
        absences.note(conn, "admin_lin", NOON, NOON, "", by="boss", at=NOON)


def test_nothing_is_written_while_everybody_is_there(ports: Ports) -> None:
    """A round costs one look."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], **CARD))

    def forbidden(_work: object) -> None:
        raise AssertionError("written")

    quiet = replace(house)
    with house.store.reading() as conn:
        before = conn.execute(select(targets)).all()
    original = house.store.write
    try:
        house.store.write = forbidden  # type: ignore[method-assign,assignment]
        cover(quiet, NOON)
    finally:
        house.store.write = original  # type: ignore[method-assign]
    with house.store.reading() as conn:
        assert conn.execute(select(targets)).all() == before
