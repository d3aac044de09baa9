"""A person settles what nobody knows: each way of settling, and that nothing goes out twice afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from qunflow.clock import FixedClock
from qunflow.delivery.outbox import plan
from qunflow.delivery.ports import Ports
from qunflow.delivery.problems import Problem, Settlement, problems, settle_by_hand
from qunflow.delivery.sender import drain
from qunflow.errors import BadInput
from qunflow.store import audit
from qunflow.store.tables import approvals, targets
from tests.unit.delivery.platform_fake import NOON, FakePlatform, a_plan, add_groups, put, states

LATER = NOON + timedelta(days=40)


def seen(ports: Ports, now: datetime = NOON) -> list[Problem]:
    with ports.store.reading() as conn:
        return problems(conn, ports.workspace, now)


def settle(ports: Ports, how: Settlement, now: datetime = NOON) -> int:
    number = seen(ports, now)[0].number
    with ports.store.writing() as conn:
        return settle_by_hand(conn, ports.workspace, number, how, by="ops", at=now)


def rounds(ports: Ports, now: datetime) -> None:
    """Rounds of sending long after every wait is over."""
    for minutes in (0, 20, 40):
        at = now + timedelta(minutes=minutes)
        drain(replace(ports, clock=FixedClock(at)), now=at)


def a_dead_task(ports: Ports, platform: FakePlatform, fault: str) -> None:
    """A mass task to two groups whose answer was lost so long ago that the platform no longer lists it."""
    last = {"not_after": LATER + timedelta(days=1), "catch_up": "send"}
    put(ports.store, *(a_plan(one, **last) for one in add_groups(ports.store, 2)))
    platform.faults["add_msg_template"] = [fault]
    drain(ports, now=NOON)
    drain(replace(ports, clock=FixedClock(LATER)), now=LATER)
    assert states(ports.store) == ["dead", "dead"]


def test_a_lost_answer_is_one_problem_for_all_its_groups(ports: Ports, platform: FakePlatform) -> None:
    """While the platform can still tell, nobody may have it sent again."""
    put(ports.store, *(a_plan(one) for one in add_groups(ports.store, 2)))
    platform.faults["add_msg_template"] = ["lost"]
    drain(ports, now=NOON)
    (one,) = seen(ports)
    assert (one.groups, one.state, one.bar) == (("1 群", "2 群"), "unknown", "still_asked")
    with pytest.raises(BadInput):
        settle(ports, "again")
    assert states(ports.store) == ["unknown", "unknown"]


@pytest.mark.parametrize("how", ["arrived", "dropped"])
def test_what_is_settled_is_never_asked_about_or_sent_again(
    ports: Ports, platform: FakePlatform, how: Settlement
) -> None:
    """Neither by recovery, which would have adopted it, nor by planning the day anew, with the same words or others."""
    (group,) = add_groups(ports.store, 1)
    put(ports.store, a_plan(group))
    platform.faults["add_msg_template"] = ["dropped"]
    drain(ports, now=NOON)
    assert settle(ports, how) == 1
    with ports.store.writing() as conn:
        assert plan(conn, [a_plan(group)], NOON).unchanged == 1
        assert plan(conn, [a_plan(group, "别的话")], NOON).already_sent == 1
    rounds(ports, NOON + timedelta(minutes=1))
    assert platform.sent("add_msg_template") == []
    assert states(ports.store) == ["reconciled"]
    assert states(ports.store, "outcome") == ["delivered" if how == "arrived" else "missed"]
    assert seen(ports) == []


@pytest.mark.parametrize(("fault", "expected"), [("dropped", 1), ("lost", 2)])
def test_a_dead_letter_sent_again_goes_out_once_more_and_only_once(
    ports: Ports, platform: FakePlatform, fault: str, expected: int
) -> None:
    """Whoever was wrong about its not having arrived was warned: it is there twice then, never three times."""
    a_dead_task(ports, platform, fault)
    now = LATER - timedelta(minutes=90)
    assert settle(ports, "again", now) == 2
    assert states(ports.store) == ["approved", "approved"]
    rounds(ports, now)
    assert len(platform.sent("add_msg_template")) == expected
    assert states(ports.store) == ["sent", "sent"]


def test_a_withdrawn_approval_has_to_be_given_again(ports: Ports, platform: FakePlatform) -> None:
    """Whoever settles does not approve."""
    a_dead_task(ports, platform, "dropped")
    with ports.store.writing() as conn:
        conn.execute(update(approvals).values(voided_at=NOON))
    settle(ports, "again", LATER)
    assert states(ports.store) == ["checked", "checked"]


def test_what_is_too_late_is_not_sent_again(ports: Ports) -> None:
    """A flash sale that is over; but it may be counted as sent or left."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    with ports.store.writing() as conn:
        conn.execute(update(targets).values(state="dead", reason="gave up after 5 tries", outcome="missed"))
    now = NOON + timedelta(hours=1)
    assert seen(ports, now)[0].bar == "too_late"
    with pytest.raises(BadInput):
        settle(ports, "again", now)
    assert settle(ports, "dropped", now) == 1


def test_a_poisoned_message_is_tried_afresh(ports: Ports, platform: FakePlatform) -> None:
    """Its tries are counted anew, otherwise it would be dead again at once."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    with ports.store.writing() as conn:
        conn.execute(update(targets).values(state="dead", reason="gave up after 5 tries", attempts=5, outcome="missed"))
    assert settle(ports, "again") == 1
    drain(ports, now=NOON)
    assert (len(platform.sent("add_msg_template")), states(ports.store)) == (1, ["sent"])


def test_settling_is_in_the_audit_and_happens_once(ports: Ports, platform: FakePlatform) -> None:
    """A second tap finds nothing to settle."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    platform.faults["add_msg_template"] = ["lost"]
    drain(ports, now=NOON)
    number = seen(ports)[0].number
    settle(ports, "arrived")
    with ports.store.reading() as conn:
        newest = audit.entries(conn, 1)[0]
    assert (newest.actor, newest.action, newest.subject) == ("ops", "delivery.settle_arrived", str(number))
    with pytest.raises(BadInput), ports.store.writing() as conn:
        settle_by_hand(conn, ports.workspace, number, "again", by="ops", at=NOON)


def test_a_card_that_somebody_used_is_no_problem(ports: Ports, platform: FakePlatform) -> None:
    """Its answer was lost, but it plainly arrived."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0], way="hand_send"))
    platform.faults["message/send"] = ["lost"]
    drain(ports, now=NOON)
    assert len(seen(ports)) == 1
    with ports.store.writing() as conn:
        conn.execute(update(targets).values(outcome="delivered"))
        assert conn.execute(select(targets.c.state)).scalar_one() == "unknown"
    assert seen(ports) == []
