"""Settling the unknown: whose task a task is, and what must not leave even when it is asked for again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from qunflow.clock import FixedClock
from qunflow.delivery.claims import claim
from qunflow.delivery.ports import Ports
from qunflow.delivery.recover import recover
from qunflow.delivery.sender import drain
from qunflow.delivery.switches import stop
from qunflow.store.tables import calls, suppressions
from tests.unit.delivery.platform_fake import NOON, FakePlatform, a_plan, add_groups, put, states

LATER = NOON + timedelta(seconds=700)


@pytest.mark.parametrize("hours", [-8, 8])
def test_a_wrong_clock_does_not_hide_a_task_that_arrived(ports: Ports, platform: FakePlatform, hours: int) -> None:
    """A machine that is hours off still finds its task in the platform's list, and sends nothing twice."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0], catch_up="send"))
    platform.now = NOON + timedelta(hours=hours)
    platform.faults["add_msg_template"] = ["lost"]
    drain(ports, now=NOON)
    assert recover(ports, LATER).adopted == 1
    assert len(platform.tasks) == 1


def test_a_task_that_a_person_made_is_nobodys_call(ports: Ports, platform: FakePlatform) -> None:
    """The owner's own task with the same words is not taken for ours: ours goes out."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0], catch_up="send"))
    platform.faults["add_msg_template"] = ["dropped"]
    drain(ports, now=NOON)
    body = {
        "chat_type": "group",
        "sender": "owner_zhou",
        "chat_id_list": ["wr1"],
        "text": {"content": "砂糖橘 29.9 元"},
    }
    platform._add_msg_template(body)
    platform.tasks["msg1"]["creator"] = "owner_zhou"
    assert recover(ports, LATER).returned == 1
    assert states(ports.store) == ["approved"]


def test_two_calls_that_say_the_same_keep_a_task_each(ports: Ports, platform: FakePlatform) -> None:
    """The other one's task is not a surplus to be cancelled."""
    [group] = add_groups(ports.store, 1)
    put(ports.store, a_plan(group, catch_up="send"), a_plan(group, slot_key="again", catch_up="send"))
    platform.faults["add_msg_template"] = ["lost", "lost"]
    drain(ports, now=NOON)
    assert recover(ports, LATER).adopted == 2
    assert platform.sent("cancel_groupmsg_send") == []
    with ports.store.reading() as conn:
        assert set(conn.execute(select(calls.c.platform_id)).scalars()) == {"msg1", "msg2"}


def test_a_task_that_may_belong_to_a_call_under_way_is_left_alone(ports: Ports, platform: FakePlatform) -> None:
    """While another worker is making a call with the same words, nobody else adopts or cancels what may be its task."""
    [group] = add_groups(ports.store, 1)
    put(ports.store, a_plan(group, catch_up="send"))
    platform.faults["add_msg_template"] = ["dropped"]
    drain(ports, now=NOON)
    put(ports.store, a_plan(group, slot_key="again", catch_up="send"))
    with ports.liveness.working() as worker:
        [other] = ports.store.write(lambda conn: claim(conn, ports, worker=worker, now=NOON)).claims
        body = {"chat_type": "group", "sender": "owner_zhou", "chat_id_list": ["wr1"], "text": {"content": other.text}}
        platform._add_msg_template(body)
        report = recover(ports, LATER)
    assert (report.adopted, report.returned) == (0, 0)
    assert states(ports.store) == ["unknown", "intent"]


def test_whom_the_platform_left_out_is_not_told_to_be_served(ports: Ports, platform: FakePlatform) -> None:
    """The answer that named the unreachable is lost: the list of the task's recipients tells them as well."""
    put(ports.store, *(a_plan(group, catch_up="send") for group in add_groups(ports.store, 2)))
    platform.faults["add_msg_template"] = ["lost"]
    drain(ports, now=NOON)
    platform.tasks["msg1"]["chat_id_list"].remove("wr2")
    assert recover(ports, LATER).adopted == 1
    assert states(ports.store) == ["sent", "refused"]
    assert states(ports.store, "outcome") == ["waiting", "not_friend"]


def test_surplus_tasks_are_cancelled_before_the_oldest_is_adopted(
    ports: Ports, platform: FakePlatform, monkeypatch: Any
) -> None:
    """A kill in between leaves the call unknown, so that the surplus is still looked for."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0], catch_up="send"))
    platform.faults["add_msg_template"] = ["lost"]
    drain(ports, now=NOON)
    platform._add_msg_template(platform.sent("add_msg_template")[0])
    seen: list[Any] = []
    original = platform._cancel_groupmsg_send

    def spying(body: dict[str, Any]) -> dict[str, Any]:
        seen.extend([body["msgid"], *states(ports.store)])
        return original(body)

    monkeypatch.setattr(platform, "_cancel_groupmsg_send", spying)
    assert recover(ports, LATER).adopted == 1
    assert seen == ["msg2", "unknown"]


def test_what_the_owner_confirmed_already_stays_and_its_twin_goes(ports: Ports, platform: FakePlatform) -> None:
    """What people have read cannot be withdrawn, so it is the one that counts, however many are older."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0], catch_up="send"))
    platform.faults["add_msg_template"] = ["lost"]
    drain(ports, now=NOON)
    platform._add_msg_template(platform.sent("add_msg_template")[0])
    platform.confirm("msg2")
    assert recover(ports, LATER).adopted == 1
    assert platform.sent("cancel_groupmsg_send") == [{"msgid": "msg1"}]


def test_an_unknown_card_is_not_asked_for_again_while_everything_is_stopped(
    ports: Ports, platform: FakePlatform
) -> None:
    """The kill switch holds what is sent again as well as what is sent first."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0], way="hand_send", sender_userid="admin_lin"))
    platform.faults["message/send"] = ["dropped"]
    drain(ports, now=NOON)
    with ports.store.writing() as conn:
        stop(conn, "all", "all", by="li", at=NOON)
    drain(ports, now=NOON + timedelta(minutes=1))
    assert platform.calls.count("message/send") == 1
    assert states(ports.store) == ["unknown"]


def test_an_unknown_welcome_is_not_asked_for_again_after_an_opt_out(ports: Ports, platform: FakePlatform) -> None:
    """Whoever has opted out meanwhile gets nothing, whatever may have arrived before."""
    from qunflow.delivery.welcome_codes import remember_welcome

    with ports.store.writing() as conn:
        person = ports.vault.persons_for(conn, "external_userid", ["wm1"], NOON)["wm1"]
        remember_welcome(
            conn, ports.vault, person_id=person, userid="helper_xm", channel="c", code="code-1", received_at=NOON
        )
    welcome = {"way": "welcome", "target_kind": "person", "sender_userid": "helper_xm", "marketing": False}
    put(ports.store, a_plan(person, **welcome))
    platform.faults["send_welcome_msg"] = ["lost"]
    drain(replace(ports, clock=FixedClock(NOON)), now=NOON)
    with ports.store.writing() as conn:
        conn.execute(insert(suppressions), [{"person_id": person, "kind": "opt_out", "since": NOON, "source": "reply"}])
    drain(ports, now=NOON + timedelta(seconds=5))
    assert platform.calls.count("send_welcome_msg") == 1
