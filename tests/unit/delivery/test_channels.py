"""Ways out beside WeCom's own, and rows that fail on this side: none blocks the others or is repeated blindly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from qunflow.connectors.channel import DECLARATIONS, WECOM_ROBOT, Accepted, Declaration, Held, Outgoing, Sent, Unknown
from qunflow.delivery.channels import BLIND_WAYS, KEYED_WAYS, WAYS
from qunflow.delivery.claims import ALL_WAYS
from qunflow.delivery.model import Content
from qunflow.delivery.outbox import plan
from qunflow.delivery.ports import Ports
from qunflow.delivery.sender import drain
from qunflow.store.tables import groups
from tests.unit.delivery.platform_fake import NOON, FakePlatform, a_plan, a_workspace, add_groups, put, states


@dataclass
class FakeRobot:
    """A robot that ends as it is told, and remembers what it was given."""

    ending: Sent = field(default_factory=Accepted)
    given: list[Outgoing] = field(default_factory=list)

    @property
    def declaration(self) -> Declaration:
        return WECOM_ROBOT

    def send(self, message: Outgoing) -> Sent:
        self.given.append(message)
        return self.ending


def robot_plan(group: int, text: str = "今晚八点直播", **changes: Any) -> Any:
    return a_plan(group, text, way="robot", sender_userid="ops", slot_key=f"robot-{text}", catch_up="send", **changes)


def test_every_way_of_the_outbox_has_a_channel_and_a_declaration() -> None:
    """What the guarantee is follows from the declaration, and no way is left out."""
    assert set(WAYS) == set(ALL_WAYS)
    assert all(out.declaration in DECLARATIONS.values() for out in WAYS.values())
    assert set(KEYED_WAYS) == {"welcome", "hand_send", "staff_notice"}
    assert set(BLIND_WAYS) == {"robot", "mail", "longtail"}


def test_a_robot_says_the_text_with_its_links(ports: Ports) -> None:
    """The robot is found by the key the plan names, and acceptance is arrival."""
    robot = FakeRobot()
    put(ports.store, robot_plan(add_groups(ports.store, 1)[0]))
    assert drain(replace(ports, outside={"robot:ops": robot}), now=NOON).sent == 1
    assert [one.text for one in robot.given] == ["今晚八点直播"]
    assert (states(ports.store), states(ports.store, "outcome")) == (["sent"], ["delivered"])


def test_what_a_robot_may_have_said_is_never_said_again_blindly(ports: Ports) -> None:
    """After the wait a person is asked to look; nothing repeats it."""
    robot = FakeRobot(Unknown("no answer"))
    put(ports.store, robot_plan(add_groups(ports.store, 1)[0]))
    wired = replace(ports, outside={"robot:ops": robot})
    assert drain(wired, now=NOON).unknown == 1
    drain(wired, now=NOON + timedelta(seconds=300))
    assert states(ports.store) == ["unknown"]
    drain(wired, now=NOON + timedelta(seconds=700))
    assert states(ports.store) == ["dead"]
    assert len(robot.given) == 1


def test_a_dead_letter_that_may_have_arrived_is_counted_and_not_replaced(ports: Ports) -> None:
    """It eats the group's cap, and other words for its slot are refused as already sent."""
    [group] = add_groups(ports.store, 1)
    capped = replace(ports, workspace=a_workspace(caps={"group_per_day": 1}))
    wired = replace(capped, outside={"robot:ops": FakeRobot(Unknown("no answer"))})
    put(ports.store, robot_plan(group))
    drain(wired, now=NOON)
    drain(wired, now=NOON + timedelta(seconds=700))
    assert states(ports.store) == ["dead"]
    with ports.store.writing() as conn:
        assert plan(conn, [replace(robot_plan(group), content=Content("other words"))], NOON).already_sent == 1
    put(ports.store, a_plan(group, "second", catch_up="send"))
    drain(wired, now=NOON + timedelta(seconds=800))
    assert states(ports.store) == ["dead", "skipped"]


def test_a_robot_that_has_to_wait_keeps_nobody_else_from_going_out(ports: Ports, platform: FakePlatform) -> None:
    """Its message waits for another round, the mass task beside it leaves."""
    one, two = add_groups(ports.store, 2)
    put(ports.store, robot_plan(one), a_plan(two))
    report = drain(replace(ports, outside={"robot:ops": FakeRobot(Held(30.0, "too often"))}), now=NOON)
    assert (report.sent, report.waiting) == (1, 1)
    assert len(platform.tasks) == 1


def test_a_group_of_another_platform_is_reached_by_hand_and_by_robot(ports: Ports, platform: FakePlatform) -> None:
    """Without a chat id there is no mass task, but a card for the person who posts, and the group's robot."""
    [group] = add_groups(ports.store, 1)
    with ports.store.writing() as conn:
        conn.execute(update(groups).values(chat_id=None, platform="qq"))
    card = a_plan(group, "by hand", way="hand_send", sender_userid="admin_lin", slot_key="hand")
    put(ports.store, a_plan(group, "task"), card, robot_plan(group))
    report = drain(replace(ports, outside={"robot:ops": FakeRobot()}), now=NOON)
    assert (report.sent, report.skipped) == (2, 1)
    assert states(ports.store) == ["skipped", "sent", "sent"]
    assert len(platform.sent("message/send")) == 1


def test_a_robot_nobody_has_set_up_is_waited_for(ports: Ports) -> None:
    """A key without a robot is a matter of settings, and says so."""
    put(ports.store, robot_plan(add_groups(ports.store, 1)[0]))
    report = drain(ports, now=NOON)
    assert report.waiting == 1
    assert "robot:ops is not set up in qunflow.yaml" in report.reasons


@pytest.mark.parametrize("way", ["hand_send", "mass_task"])
def test_a_poisoned_row_ends_as_a_dead_letter_and_blocks_nobody(
    ports: Ports, platform: FakePlatform, monkeypatch: Any, way: str
) -> None:
    """Three tries, then a person has to look; the others leave in the first round."""
    one, two = add_groups(ports.store, 2)
    sender = "admin_lin" if way == "hand_send" else "owner_zhou"
    both = {"way": way, "sender_userid": sender, "not_after": NOON + timedelta(hours=8)}
    put(ports.store, a_plan(one, "poison", **both), a_plan(two, "fine", **both))
    _poison(ports, monkeypatch)
    for minutes in range(0, 90, 15):
        platform.now = NOON + timedelta(minutes=minutes)
        drain(ports, now=platform.now)
    assert states(ports.store) == ["dead", "sent"]


def _poison(ports: Ports, monkeypatch: Any) -> None:
    """Whatever carries the word poison breaks the code that sends it."""
    from qunflow.delivery import sender

    original: Callable[..., Any] = sender.carried_out

    def breaking(inner: Ports, one: Any) -> Any:
        if one.text == "poison":
            raise KeyError("no such thing")
        return original(inner, one)

    monkeypatch.setattr(sender, "carried_out", breaking)
