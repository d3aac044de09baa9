"""Welcomes: within twenty seconds, once, and never nobody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from qunflow.delivery.model import Content
from qunflow.delivery.ports import Ports
from qunflow.delivery.resident import tick
from qunflow.delivery.sender import drain
from qunflow.delivery.welcome import Newcomer, _send_privately, answer_welcomes
from qunflow.store.inbox import keep, sealed, unapplied
from qunflow.store.tables import targets, welcomes
from tests.unit.delivery.platform_fake import NOON, FakePlatform, states


def compose(conn: Connection, one: Newcomer) -> Content:
    return Content(f"你好,来自 {one.channel} 的朋友")


def arrive(ports: Ports, who: str = "wm1", code: str = "code-1", at: datetime = NOON) -> None:
    """Somebody adds the helper, and the platform tells us."""
    fields = {
        "Event": "change_external_contact",
        "ChangeType": "add_external_contact",
        "UserID": "helper_xm",
        "ExternalUserID": who,
        "State": "poster-a",
        "WelcomeCode": code,
        "CreateTime": int(at.timestamp()),
    }
    body = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    with ports.store.writing() as conn:
        keep(conn, [sealed(ports.vault, "wecom", code, f"<xml>{body}</xml>".encode())], at)


def test_a_newcomer_is_welcomed_once_with_the_words_of_the_channel(ports: Ports, platform: FakePlatform) -> None:
    """Two rounds, one welcome; the event stays in the inbox for the acquisition stage."""
    arrive(ports)
    assert answer_welcomes(ports, compose, now=NOON + timedelta(seconds=5)).sent == 1
    assert answer_welcomes(ports, compose, now=NOON + timedelta(seconds=6)).sent == 0
    [body] = platform.sent("send_welcome_msg")
    assert body == {"welcome_code": "code-1", "text": {"content": "你好,来自 poster-a 的朋友"}}
    assert states(ports.store, "outcome") == ["delivered"]
    with ports.store.reading() as conn:
        assert len(unapplied(conn, ports.vault, "wecom", 10)) == 1
        assert conn.execute(select(welcomes.c.result)).scalar_one() == "sent"


def test_a_welcome_is_not_hidden_by_a_crowd_of_other_callbacks(ports: Ports, platform: FakePlatform) -> None:
    """Seconds of five hundred callbacks each, all younger than the newcomer's, change nothing for them."""
    arrive(ports)
    deletion = b"<xml><Event>change_external_contact</Event><ChangeType>del_external_contact</ChangeType></xml>"
    crowd = [sealed(ports.vault, "wecom", f"other {number}", deletion) for number in range(1_500)]
    ports.store.write(lambda conn: keep(conn, crowd, NOON + timedelta(seconds=3)))
    assert answer_welcomes(ports, compose, now=NOON + timedelta(seconds=5)).sent == 1


def test_quiet_hours_do_not_keep_a_welcome_waiting(ports: Ports, platform: FakePlatform) -> None:
    """Somebody who adds us at night is greeted at night."""
    night = NOON + timedelta(hours=10)
    arrive(ports, at=night)
    assert answer_welcomes(ports, compose, now=night + timedelta(seconds=3)).sent == 1


def test_a_lost_answer_is_asked_again_and_counts_when_it_had_arrived(ports: Ports, platform: FakePlatform) -> None:
    """41051 to our second call means that our first one got through."""
    arrive(ports)
    platform.faults["send_welcome_msg"] = ["lost"]
    assert answer_welcomes(ports, compose, now=NOON + timedelta(seconds=2)).unknown == 1
    assert answer_welcomes(ports, compose, now=NOON + timedelta(seconds=4)).sent == 1
    assert len(platform.sent("send_welcome_msg")) == 1
    assert states(ports.store, "outcome") == ["delivered"]


def test_somebody_elses_welcome_is_a_refusal(ports: Ports, platform: FakePlatform) -> None:
    """41051 to our first call means that another application was faster."""
    arrive(ports)
    platform.faults["send_welcome_msg"] = [41051]
    assert answer_welcomes(ports, compose, now=NOON).refused == 1
    assert states(ports.store) == ["refused"]


def test_a_code_that_no_longer_works_becomes_a_private_message(ports: Ports, platform: FakePlatform) -> None:
    """41050 is definite: the same words go out as a private mass task."""
    arrive(ports)
    platform.faults["send_welcome_msg"] = [41050]
    answer_welcomes(ports, compose, now=NOON)
    assert drain(ports, now=NOON).sent == 1
    [body] = platform.sent("add_msg_template")
    assert (body["chat_type"], body["external_userid"], body["sender"]) == ("single", ["wm1"], "helper_xm")


def test_a_late_welcome_is_turned_into_a_private_message_once(ports: Ports, platform: FakePlatform) -> None:
    """Another process that found the same late welcome leaves it alone once it has been turned and sent."""
    arrive(ports)
    platform.faults["send_welcome_msg"] = [41050]
    answer_welcomes(ports, compose, now=NOON)
    assert drain(ports, now=NOON).sent == 1
    with ports.store.writing() as conn:
        _send_privately(conn, conn.execute(select(targets.c.target_id)).scalars().all(), NOON)
    drain(ports, now=NOON)
    assert states(ports.store) == ["sent"]
    assert len(platform.sent("add_msg_template")) == 1


def test_the_other_applications_turn_delays_the_welcome_only(ports: Ports, platform: FakePlatform) -> None:
    """41096 concerns one code; the next round tries again and nobody else is held up."""
    arrive(ports)
    arrive(ports, "wm2", "code-2")
    platform.faults["send_welcome_msg"] = [41096]
    first = answer_welcomes(ports, compose, now=NOON)
    assert (first.sent, first.waiting, first.problem) == (1, 1, None)
    assert answer_welcomes(ports, compose, now=NOON + timedelta(seconds=2)).sent == 1


def test_after_twenty_seconds_no_code_is_used(ports: Ports, platform: FakePlatform) -> None:
    """A sender that starts late does not try dead codes."""
    arrive(ports)
    tick(ports, now=NOON + timedelta(seconds=21), compose=compose)
    assert platform.accepted == []


def test_an_unknown_welcome_whose_time_is_over_is_left_to_a_person(ports: Ports, platform: FakePlatform) -> None:
    """It may have arrived: neither another welcome nor a private message follows."""
    arrive(ports)
    platform.faults["send_welcome_msg"] = ["lost"]
    answer_welcomes(ports, compose, now=NOON + timedelta(seconds=2))
    later = NOON + timedelta(seconds=90)
    tick(ports, now=later, compose=compose)
    tick(ports, now=later, compose=compose)
    assert states(ports.store) == ["dead"]
    assert platform.sent("add_msg_template") == []


def test_nothing_is_said_where_there_is_nothing_to_say(ports: Ports, platform: FakePlatform) -> None:
    """A composer without words leaves the newcomer to the flow."""
    arrive(ports)

    def silent(conn: Connection, one: Newcomer) -> Any:
        return None

    answer_welcomes(ports, silent, now=NOON)
    with ports.store.reading() as conn:
        assert conn.execute(select(targets)).all() == []


def test_garbage_in_the_inbox_does_not_stop_a_welcome(ports: Ports, platform: FakePlatform) -> None:
    """An unreadable callback beside a good one changes nothing."""
    with ports.store.writing() as conn:
        keep(conn, [sealed(ports.vault, "wecom", "bad", b"<xml")], NOON)
        keep(conn, [sealed(ports.vault, "wecom", "odd", {"a": 1})], NOON)
    arrive(ports)
    assert answer_welcomes(ports, compose, now=NOON).sent == 1
