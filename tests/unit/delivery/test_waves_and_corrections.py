"""Test group first, and what happens to what was wrong or has changed: stopped, withdrawn, recalled, corrected."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from qunflow.community.calendar import Occurrence
from qunflow.community.playbook import Days, Slot
from qunflow.community.waves import wave_of
from qunflow.delivery.corrections import Recalled, note_terms, recall
from qunflow.delivery.outbox import plan
from qunflow.delivery.ports import Ports
from qunflow.delivery.remind import remind
from qunflow.delivery.sender import drain
from qunflow.delivery.stand_in import cover
from qunflow.delivery.waves import release, waves_of_day
from qunflow.errors import BadInput
from qunflow.settings.workspace import Campaign, Offer
from qunflow.store import todos as store_todos
from qunflow.store.tables import targets, todos
from tests.unit.delivery.platform_fake import DAY, NOON, FakePlatform, a_plan, add_groups, put, states
from tests.unit.delivery.team import at, heard, rows, to_dos, with_team

LONG = {"not_after": NOON + timedelta(hours=2)}
CARD = {"way": "hand_send", "sender_userid": "admin_lin", "slot_key": "sign", **LONG}


def an_occurrence(*, tested: bool = False, campaign: Campaign | None = None, way: Any = "mass_task") -> Occurrence:
    slot = Slot("noon", "秒杀", "daily_content", time(12), time(13), Days(daily=True), way, "owner", "x.j2")
    if tested:
        from dataclasses import replace

        slot = replace(slot, test_first=True)
    return Occurrence(slot, "benefit-daily", campaign)


def a_campaign(*, tested: bool) -> Campaign:
    days = {"warm_up_on": date(2026, 3, 1), "offer_on": date(2026, 3, 3), "closes_on": date(2026, 3, 4)}
    return Campaign(key="spring", offer="orange", test_first=tested, **days)


def test_groups_fall_into_three_waves_by_the_share(ports: Ports) -> None:
    """One test group, three tenths of the others rounded up, and the rest; always the same for a slot."""
    place = with_team(ports, 11, test_group="g4").workspace.communities[0]
    waves = [wave_of(place, one, an_occurrence(tested=True)) for one in place.groups]
    assert (waves[3], waves.count(1), waves.count(2), waves.count(3)) == (1, 1, 3, 7)
    assert waves == [wave_of(place, one, an_occurrence(tested=True)) for one in place.groups]


@pytest.mark.parametrize(
    ("test_group", "occurrence", "expected"),
    [
        ("", an_occurrence(tested=True), 0),
        ("g1", an_occurrence(), 0),
        ("g1", an_occurrence(tested=True, way="internal"), 0),
        ("g1", an_occurrence(campaign=a_campaign(tested=False)), 0),
        ("g1", an_occurrence(campaign=a_campaign(tested=True)), 1),
    ],
)
def test_only_what_is_marked_is_tested(ports: Ports, test_group: str, occurrence: Occurrence, expected: int) -> None:
    """By its slot or its campaign, where there is a test group; notes to staff never."""
    place = with_team(ports, 2, test_group=test_group).workspace.communities[0]
    assert wave_of(place, place.groups[0], occurrence) == expected


def test_a_wave_goes_once_it_is_released_and_in_order(ports: Ports, platform: FakePlatform) -> None:
    """Twice the same release is one; the last cannot overtake."""
    house = with_team(ports, 3)
    ids = add_groups(house.store, 3)
    put(house.store, *(a_plan(group, wave=wave, **LONG) for group, wave in zip(ids, (1, 2, 3), strict=True)))
    drain(house, now=NOON)
    assert states(house.store) == ["sent", "approved", "approved"]
    with house.store.reading() as conn:
        shown = waves_of_day(conn, "neighbours", DAY)["noon"]
    assert [(one.number, one.groups, one.out, one.is_next) for one in shown] == [
        (1, ("1 群",), 1, False),
        (2, ("2 群",), 0, True),
        (3, ("3 群",), 0, False),
    ]

    def let_go(wave: int) -> bool:
        with house.store.writing() as conn:
            return release(conn, "neighbours", "noon", DAY, wave, by="boss", at=NOON)

    with pytest.raises(BadInput):
        let_go(3)
    assert [let_go(2), let_go(2)] == [True, False]
    drain(house, now=NOON)
    assert states(house.store) == ["sent", "sent", "approved"]
    assert let_go(3)
    drain(house, now=NOON)
    assert (states(house.store), len(platform.sent("add_msg_template"))) == (["sent"] * 3, 3)
    for wave in (1, 4):
        with pytest.raises(BadInput):
            let_go(wave)


def take_back(ports: Ports, slot: str, now: datetime = NOON, text: str = "") -> Recalled:
    with ports.store.writing() as conn:
        return recall(conn, ports.workspace.communities[0], slot, DAY, by="boss", at=now, correction=text)


def test_what_was_wrong_and_not_out_is_never_sent(ports: Ports, platform: FakePlatform) -> None:
    """Not even when the day is planned again."""
    house = with_team(ports)
    ids = add_groups(house.store, 2)
    put(house.store, *(a_plan(one, **LONG) for one in ids))
    assert take_back(house, "noon") == Recalled(2, 0, 0)
    with house.store.writing() as conn:
        assert plan(conn, [a_plan(one, **LONG) for one in ids], NOON).unchanged == 2
    drain(house, now=NOON)
    assert (platform.sent("add_msg_template"), states(house.store)) == ([], ["skipped", "skipped"])


def test_an_unconfirmed_task_that_was_wrong_is_withdrawn(ports: Ports, platform: FakePlatform) -> None:
    """By the next round, once, and nothing is posted by hand instead."""
    house = with_team(ports)
    put(house.store, *(a_plan(one, **LONG) for one in add_groups(house.store, 2)))
    drain(house, now=NOON)
    assert take_back(house, "noon") == Recalled(2, 0, 0)
    for _ in range(2):
        cover(house, NOON)
    assert len(platform.sent("cancel_groupmsg_send")) == 1
    assert (rows(house, "outcome", way="mass_task"), rows(house, "state")) == ([("cancelled",)] * 2, [])


def test_what_stands_in_the_chats_becomes_a_to_do_for_each_group(ports: Ports) -> None:
    """Twice the same tap makes no more; an open card leaves the phone."""
    house = with_team(ports)
    put(house.store, *(a_plan(one, "错了", **CARD) for one in add_groups(house.store, 2)))
    drain(house, now=NOON)
    with house.store.writing() as conn:
        conn.execute(update(targets).where(targets.c.target_id == 1).values(outcome="delivered"))
    assert take_back(house, "sign") == Recalled(1, 1, 0)
    assert take_back(house, "sign") == Recalled(0, 0, 0)
    assert to_dos(house) == [("recall", "admin_lin")]
    assert rows(house, "outcome") == [("delivered",), ("cancelled",)]


def test_what_arrives_after_it_was_recalled_becomes_a_to_do_too(ports: Ports) -> None:
    """Somebody posted the open card all the same."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], "错了", **CARD))
    drain(house, now=NOON)
    take_back(house, "sign")
    with house.store.writing() as conn:
        conn.execute(update(targets).values(outcome="delivered"))
    for _ in range(2):
        remind(house, NOON + timedelta(minutes=1))
    assert to_dos(house) == [("recall", "admin_lin")]


def test_a_correction_waits_for_approval_like_anything_else(ports: Ports) -> None:
    """For the groups that have the wrong one, by their admin, with its author."""
    house = with_team(ports)
    put(house.store, a_plan(add_groups(house.store, 1)[0], "29.9", **LONG))
    drain(house, now=NOON)
    with house.store.writing() as conn:
        conn.execute(update(targets).values(outcome="delivered"))
    assert take_back(house, "noon", text="更正：是 39.9 元") == Recalled(0, 1, 1)
    assert rows(house, "slot_key", "sender_userid", "state", "author") == [
        ("noon/correction", "admin_lin", "checked", "boss")
    ]


def offers(price_fen: int, stock: int) -> dict[str, Any]:
    """One offer of the community."""
    url = "https://shop.example.com/o"
    one = Offer(key="orange", name="砂糖橘", price_fen=price_fen, old_price_fen=5_000, stock=stock, url=url)
    return {"offers": (one,)}


@pytest.mark.parametrize(
    ("price_fen", "stock", "expected"),
    [
        (2_990, 120, []),
        (3_990, 120, ["砂糖橘 29.9 → 39.9"]),
        (2_990, 12, ["砂糖橘 120 → 12"]),
        (2_990, 1200, ["砂糖橘 120 → 1200"]),
    ],
)
def test_a_changed_price_or_stock_asks_for_correction_once(
    ports: Ports, price_fen: int, stock: int, expected: list[str]
) -> None:
    """Where the old one was said today and is out; unsent messages are planned anew by the flow."""
    texts = ("砂糖橘 29.9 元，备货 120 份", "早呀", "砂糖橘 129.9 元，1200 份", "砂糖橘 29.9 元，备货 120 份")
    old = with_team(ports, 4, **offers(2_990, 120))
    ids = add_groups(old.store, 4)
    put(old.store, *(a_plan(one, text, **LONG) for one, text in zip(ids, texts, strict=True)))
    drain(old, now=NOON)
    with old.store.writing() as conn:
        conn.execute(update(targets).where(targets.c.target_id == 4).values(state="approved"))
        assert note_terms(conn, old.workspace.communities[0], NOON) == 0
    new = with_team(ports, 4, **offers(price_fen, stock)).workspace.communities[0]
    with old.store.writing() as conn:
        assert [note_terms(conn, new, NOON), note_terms(conn, new, NOON)] == [len(expected), 0]
        notes = [row.details["note"] for row in conn.execute(select(todos.c.details))]
    assert notes == expected


def test_a_dead_letter_asks_to_be_settled_once_for_its_call(ports: Ports) -> None:
    """Two groups of one call are one to-do, for the operator who sent it."""
    house = with_team(ports)
    put(house.store, *(a_plan(one, **LONG) for one in add_groups(house.store, 2)))
    drain(house, now=NOON)
    with house.store.writing() as conn:
        conn.execute(update(targets).values(state="dead"))
    for _ in range(2):
        remind(house, NOON)
    assert to_dos(house) == [("settle", "owner_zhou")]


def test_to_dos_that_are_due_are_reminded_of_once(ports: Ports, platform: FakePlatform) -> None:
    """In one word for all of a person's; a closed one is not, and each is counted."""
    house = with_team(ports)
    new = [
        store_todos.NewTodo(f"x{one}", "neighbours", "red_packet", "admin_lin", NOON, {"note": "开群红包"})
        for one in range(3)
    ]
    with house.store.writing() as conn:
        store_todos.add(conn, new, NOON - timedelta(hours=1))
        store_todos.close(conn, 3, "done", by="admin_lin", at=NOON)
        counted = store_todos.counts(conn, "neighbours", NOON, NOON + timedelta(hours=1))
    assert counted == {"open": 2, "done": 1}
    for minutes in (-1, 0, 5):
        remind(at(house, NOON + timedelta(minutes=minutes)), NOON + timedelta(minutes=minutes))
    (told,) = heard(house, platform, NOON + timedelta(minutes=5))
    assert (told[0], told[1].splitlines()[0]) == ("admin_lin", "还有 2 件待办到点了：开群红包 等。办完点一下。")
