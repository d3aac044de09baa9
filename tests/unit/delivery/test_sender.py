"""A round of sending: what goes out, what stays, and what each fault does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from qunflow.clock import FixedClock
from qunflow.delivery.claims import CALLS_PER_PAGE
from qunflow.delivery.hand_send import card_token, hand_card, mark_hand_sent, token_digest, undo_hand_sent
from qunflow.delivery.outbox import plan
from qunflow.delivery.poll import poll
from qunflow.delivery.ports import PARALLEL, Ports
from qunflow.delivery.recover import recover
from qunflow.delivery.remind import remind
from qunflow.delivery.sender import drain
from qunflow.delivery.switches import go_on, stop
from qunflow.delivery.workers import FileLocks
from qunflow.errors import ChannelUnavailable, ConfigurationError
from qunflow.store.engine import Store
from qunflow.store.tables import approvals, calls, suppressions, targets
from tests.unit.delivery.platform_fake import DAILY, NOON, FakePlatform, a_plan, add_groups, ports_of, put, states

LATER = NOON + timedelta(seconds=700)


def hand_plan(group: int, **changes: Any) -> Any:
    return a_plan(group, way="hand_send", sender_userid="admin_lin", slot_key="hand", **changes)


def test_one_task_carries_all_chats_of_a_sender_slot_and_content(ports: Ports, platform: FakePlatform) -> None:
    """Three groups with the same text and owner are one mass task; another text is another one."""
    made = add_groups(ports.store, 4)
    put(ports.store, *(a_plan(one) for one in made[:3]), a_plan(made[3], "other"))
    report = drain(ports, now=NOON)
    assert (report.sent, report.refused, report.unknown) == (4, 0, 0)
    assert sorted(sorted(body["chat_id_list"]) for body in platform.sent("add_msg_template")) == [
        ["wr1", "wr2", "wr3"],
        ["wr4"],
    ]


def test_draining_again_sends_nothing(ports: Ports, platform: FakePlatform) -> None:
    """What went out once stays out once."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    drain(ports, now=NOON)
    assert drain(ports, now=NOON).sent == 0
    assert len(platform.accepted) == 1


def test_nothing_leaves_before_it_is_due_or_without_approval(ports: Ports, platform: FakePlatform) -> None:
    """Only approved targets leave, and not before their time."""
    one, two = add_groups(ports.store, 2)
    put(ports.store, a_plan(one, due_at=NOON + timedelta(minutes=5)))
    with ports.store.writing() as conn:
        plan(conn, [a_plan(two)], NOON)
    assert drain(ports, now=NOON).sent == 0
    assert platform.accepted == []


def test_a_voided_approval_stops_the_target(ports: Ports, platform: FakePlatform) -> None:
    """The state alone is not enough: the approval of exactly this content must stand."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    with ports.store.writing() as conn:
        conn.execute(update(approvals).values(voided_at=NOON))
    drain(ports, now=NOON)
    assert platform.accepted == []


def test_the_intent_is_committed_before_the_call(ports: Ports, platform: FakePlatform, monkeypatch: Any) -> None:
    """While the platform is called, the database already says that the message may be out."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    seen: list[Any] = []
    original = platform._add_msg_template

    def spying(body: dict[str, Any]) -> dict[str, Any]:
        seen.extend(states(ports.store))
        return original(body)

    monkeypatch.setattr(platform, "_add_msg_template", spying)
    drain(ports, now=NOON)
    assert seen == ["intent"]


def test_what_was_claimed_long_ago_is_judged_again(ports: Ports, platform: FakePlatform, monkeypatch: Any) -> None:
    """After a slow handful the rest of the page goes back, and leaves only if its bounds still hold."""
    put(ports.store, *(a_plan(one, f"text {one}") for one in add_groups(ports.store, PARALLEL + 2)))
    clock, original = FixedClock(NOON), platform._add_msg_template

    def slow(body: dict[str, Any]) -> dict[str, Any]:
        clock.at = NOON + timedelta(minutes=9)
        return original(body)

    monkeypatch.setattr(platform, "_add_msg_template", slow)
    report = drain(replace(ports, clock=clock), now=NOON)
    assert (report.sent, report.waiting) == (PARALLEL, 2)
    assert drain(replace(ports, clock=clock), now=NOON + timedelta(minutes=11)).skipped == 2


def test_a_worker_taken_for_dead_calls_nobody(ports: Ports, platform: FakePlatform, tmp_path: Path) -> None:
    """Once others settle what it claimed, a worker that was only slow leaves its claims alone."""

    class TakenForDead(FileLocks):
        def beat(self, worker: str) -> bool:
            return False

    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    drain(replace(ports, liveness=TakenForDead(tmp_path)), now=NOON)
    assert platform.accepted == []
    assert states(ports.store) == ["intent"]


@pytest.mark.parametrize("fault", ["lost", "dropped", -1])
def test_an_ambiguous_answer_is_never_sent_again_blindly(
    ports: Ports, platform: FakePlatform, fault: int | str
) -> None:
    """A lost answer and "busy" leave the target unknown, and further rounds do not touch it."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0], catch_up="send"))
    platform.faults["add_msg_template"] = [fault]
    assert drain(ports, now=NOON).unknown == 1
    again = drain(ports, now=NOON + timedelta(seconds=300))
    assert (again.sent, again.unsettled) == (0, 1)
    assert platform.calls.count("add_msg_template") == 1


def test_after_the_wait_a_lost_answer_is_adopted(ports: Ports, platform: FakePlatform) -> None:
    """A task the platform holds is recognised by text, time, sender and chats."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0], catch_up="send"))
    platform.faults["add_msg_template"] = ["lost"]
    drain(ports, now=NOON)
    assert recover(ports, LATER).adopted == 1
    assert states(ports.store) == ["sent"]
    drain(ports, now=LATER)
    assert len(platform.accepted) == 1
    with ports.store.reading() as conn:
        assert conn.execute(select(calls.c.state, calls.c.platform_id)).one() == ("reconciled", "msg1")


def test_the_wait_begins_after_the_call_however_long_the_round_was(
    ports: Ports, platform: FakePlatform, monkeypatch: Any
) -> None:
    """An answer lost at the end of a long round is not asked about at once: the request may still arrive."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    platform.faults["add_msg_template"] = ["lost"]
    clock, original = FixedClock(NOON), platform._add_msg_template

    def slow(body: dict[str, Any]) -> dict[str, Any]:
        clock.at = LATER
        return original(body)

    monkeypatch.setattr(platform, "_add_msg_template", slow)
    drain(replace(ports, clock=clock), now=NOON)
    assert recover(ports, LATER).adopted == 0
    assert states(ports.store) == ["unknown"]
    assert recover(ports, LATER + timedelta(seconds=700)).adopted == 1


def test_a_long_round_keeps_to_the_bounds_of_its_later_minutes(
    ports: Ports, platform: FakePlatform, monkeypatch: Any
) -> None:
    """What has missed its window by the time its page is claimed does not go out."""
    put(ports.store, *(a_plan(one, f"text {one}") for one in add_groups(ports.store, 40)))
    clock, original = FixedClock(NOON), platform._add_msg_template

    def last_of_its_page_is_slow(body: dict[str, Any]) -> dict[str, Any]:
        if len(platform.tasks) == CALLS_PER_PAGE - 1:
            clock.at = NOON + timedelta(days=2)
        return original(body)

    monkeypatch.setattr(platform, "_add_msg_template", last_of_its_page_is_slow)
    drain(replace(ports, clock=clock), now=NOON)
    assert Counter(states(ports.store)) == {"sent": CALLS_PER_PAGE, "skipped": 40 - CALLS_PER_PAGE}


def test_after_the_wait_a_message_that_never_arrived_goes_out(ports: Ports, platform: FakePlatform) -> None:
    """Not found at the platform, it is sent, once."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0], catch_up="send"))
    platform.faults["add_msg_template"] = ["dropped"]
    drain(ports, now=NOON)
    assert platform.accepted == []
    platform.now = LATER
    assert drain(ports, now=LATER).sent == 1
    assert drain(ports, now=LATER).sent == 0
    assert len(platform.accepted) == 1


def test_a_foreign_task_with_the_same_text_is_not_adopted(ports: Ports, platform: FakePlatform) -> None:
    """The same words by another owner, to other chats or adopted before are not ours."""
    one, two = add_groups(ports.store, 2)
    put(ports.store, a_plan(one, catch_up="send"))
    foreign = {"chat_type": "group", "text": {"content": "砂糖橘 29.9 元"}}
    platform._add_msg_template({**foreign, "sender": "owner_zhou", "chat_id_list": [f"wr{two}x"]})
    platform._add_msg_template({**foreign, "sender": "somebody", "chat_id_list": ["wr1"]})
    platform.faults["add_msg_template"] = ["dropped"]
    drain(ports, now=NOON)
    report = recover(ports, LATER)
    assert (report.adopted, report.returned) == (0, 1)


def test_of_several_arrivals_the_oldest_stays(ports: Ports, platform: FakePlatform) -> None:
    """A request that arrived twice keeps one task; the others are withdrawn before anybody confirms."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0], catch_up="send"))
    platform.faults["add_msg_template"] = ["lost"]
    drain(ports, now=NOON)
    platform.now = NOON + timedelta(seconds=30)
    platform._add_msg_template(dict(platform.accepted[0][1]))
    assert recover(ports, LATER).adopted == 1
    assert platform.sent("cancel_groupmsg_send") == [{"msgid": "msg2"}]


def test_a_dead_workers_intent_becomes_unknown_and_a_live_ones_does_not(ports: Ports) -> None:
    """Liveness is the file lock: a slow worker is not taken for dead."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    from qunflow.delivery.claims import claim

    with ports.liveness.working() as worker:
        ports.store.write(partial(claim, ports=ports, worker=worker, now=NOON))
        assert recover(ports, LATER).orphaned == 0
        assert states(ports.store) == ["intent"]
    assert recover(ports, LATER).orphaned == 1
    assert states(ports.store) == ["unknown"]


def test_a_refusal_is_final_and_does_not_hold_up_the_others(ports: Ports, platform: FakePlatform) -> None:
    """One refused task, the other one sent; the code is kept."""
    one, two = add_groups(ports.store, 2)
    put(ports.store, a_plan(one), a_plan(two, "other"))
    platform.faults["add_msg_template"] = [41048]
    report = drain(ports, now=NOON)
    assert (report.sent, report.refused) == (1, 1)
    assert sorted(states(ports.store)) == ["refused", "sent"]


def test_what_never_left_is_approved_again_and_leaves_no_trace(ports: Ports, platform: FakePlatform) -> None:
    """Without a network nothing is lost, nothing is ambiguous, and no try is counted."""
    put(ports.store, *(a_plan(one, f"text {one}") for one in add_groups(ports.store, 40)))
    platform.faults["add_msg_template"] = ["refused"] * 8
    report = drain(ports, now=NOON)
    assert report.waiting == 32
    assert isinstance(report.problem, ChannelUnavailable)
    assert platform.calls.count("add_msg_template") == 8
    with ports.store.reading() as conn:
        assert conn.execute(select(func.count()).select_from(calls)).scalar() == 0
        assert set(conn.execute(select(targets.c.attempts)).scalars()) == {0}
    platform.faults.clear()
    assert drain(ports, now=NOON).sent == 40


def test_the_call_limit_ends_the_round_and_says_how_long(ports: Ports, platform: FakePlatform) -> None:
    """45009 is a definite refusal for now; the report carries the wait."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    platform.faults["add_msg_template"] = [45009]
    problem = drain(ports, now=NOON).problem
    assert isinstance(problem, ChannelUnavailable)
    assert problem.retry_after_s == 60
    assert states(ports.store) == ["approved"]


def test_wrong_settings_end_the_round_with_the_setting_to_mend(ports: Ports, platform: FakePlatform) -> None:
    """60020 names the trusted address; the message waits."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    platform.faults["add_msg_template"] = [60020]
    report = drain(ports, now=NOON)
    assert isinstance(report.problem, ConfigurationError)
    with pytest.raises(ConfigurationError, match="企业可信IP"):
        report.raise_for_problem()
    assert states(ports.store) == ["approved"]


def test_the_kill_switch_holds_what_it_names_until_it_is_lifted(ports: Ports, platform: FakePlatform) -> None:
    """A stopped group waits while the other one is served."""
    one, two = add_groups(ports.store, 2)
    put(ports.store, a_plan(one), a_plan(two, "other"))
    with ports.store.writing() as conn:
        assert stop(conn, "group", "neighbours/g1", by="li", at=NOON)
        assert not stop(conn, "group", "neighbours/g1", by="li", at=NOON)
    report = drain(ports, now=NOON)
    assert (report.sent, report.waiting) == (1, 1)
    with ports.store.writing() as conn:
        assert go_on(conn, "group", "neighbours/g1", by="li", at=NOON)
    assert drain(ports, now=NOON).sent == 1


def test_a_quota_holds_across_slots_and_counts_unknown_ones(
    store: Store, vault: Any, platform: FakePlatform, tmp_path: Path
) -> None:
    """One a day means one a day, also when nobody knows whether the first arrived."""
    ports = ports_of(store, vault, platform, tmp_path, **DAILY)
    [group] = add_groups(store, 1)
    put(store, a_plan(group), a_plan(group, "second", slot_key="evening"))
    platform.faults["add_msg_template"] = ["lost"]
    report = drain(ports, now=NOON)
    assert (report.unknown, report.skipped) == (1, 1)
    assert report.reasons["quota: 1 of 1 used"] == 1
    ports.wecom.close()


def test_somebody_who_opted_out_between_plan_and_send_gets_nothing(ports: Ports, platform: FakePlatform) -> None:
    """The opt-out is read in the transaction of the intent."""
    with ports.store.writing() as conn:
        person = ports.vault.persons_for(conn, "external_userid", ["wm1"], NOON)["wm1"]
        other = ports.vault.persons_for(conn, "external_userid", ["wm2"], NOON)["wm2"]
    private = {"way": "private_task", "target_kind": "person"}
    put(ports.store, a_plan(person, **private), a_plan(other, **private))
    with ports.store.writing() as conn:
        conn.execute(insert(suppressions), [{"person_id": person, "kind": "opt_out", "since": NOON, "source": "reply"}])
    assert drain(ports, now=NOON).skipped == 1
    assert [body["external_userid"] for body in platform.sent("add_msg_template")] == [["wm2"]]


def test_a_late_message_is_sent_asked_about_or_skipped_as_its_slot_says(ports: Ports) -> None:
    """The three ways of catching up."""
    made = add_groups(ports.store, 3)
    choices = ("send", "ask", "skip")
    put(ports.store, *(a_plan(one, what, catch_up=what) for one, what in zip(made, choices, strict=True)))
    drain(ports, now=NOON + timedelta(hours=1))
    assert states(ports.store) == ["sent", "checked", "skipped"]


def test_a_hand_send_is_a_card_with_a_secret_link(ports: Ports, platform: FakePlatform) -> None:
    """The admin gets a card with group, time and link; the database knows only the link's hash."""
    [group] = add_groups(ports.store, 1)
    [target] = put(ports.store, hand_plan(group))
    assert drain(ports, now=NOON).sent == 1
    [body] = platform.sent("message/send")
    token = card_token(ports.vault, target)
    assert body["touser"] == "admin_lin"
    assert body["textcard"]["url"] == f"http://127.0.0.1:8790/hand/{token}"
    assert "12:10" in body["textcard"]["description"]
    with ports.store.writing() as conn:
        card = hand_card(conn, token_digest(token))
        assert card is not None
        assert (card.text, card.chat_id, card.outcome) == ("砂糖橘 29.9 元", "wr1", "waiting")
        assert mark_hand_sent(conn, token_digest(token), 3, NOON)
        assert not mark_hand_sent(conn, token_digest("guess"), 3, NOON)
    assert (states(ports.store, "outcome"), states(ports.store, "reply_count")) == (["delivered"], [3])
    with ports.store.writing() as conn:
        assert undo_hand_sent(conn, token_digest(token), NOON)
    assert states(ports.store, "outcome") == ["waiting"]


@pytest.mark.parametrize("fault", ["lost", "dropped"])
def test_an_unknown_card_is_asked_for_again_and_arrives_once(ports: Ports, platform: FakePlatform, fault: str) -> None:
    """The platform drops a repeated card, so the same call is made again at once."""
    put(ports.store, hand_plan(add_groups(ports.store, 1)[0]))
    platform.faults["message/send"] = [fault]
    assert drain(ports, now=NOON).unknown == 1
    assert drain(ports, now=NOON).sent == 1
    assert len(platform.sent("message/send")) == 1
    assert platform.calls.count("message/send") == 2


def test_a_card_too_old_for_the_duplicate_check_is_left_to_a_person(ports: Ports, platform: FakePlatform) -> None:
    """After four hours a second call could be a second card: the target is dead, not sent."""
    put(ports.store, hand_plan(add_groups(ports.store, 1)[0]))
    platform.faults["message/send"] = ["dropped"]
    drain(ports, now=NOON)
    drain(ports, now=NOON + timedelta(hours=5))
    assert states(ports.store) == ["dead"]
    assert platform.calls.count("message/send") == 1


def test_confirmations_become_outcomes(ports: Ports, platform: FakePlatform) -> None:
    """Delivered and over quota are told apart, and what waits keeps waiting."""
    made = add_groups(ports.store, 3)
    put(ports.store, *(a_plan(one, f"text {one}") for one in made))
    drain(ports, now=NOON)
    by_chat = {task["chat_id_list"][0]: msgid for msgid, task in platform.tasks.items()}
    platform.confirm(by_chat["wr1"])
    platform.confirm(by_chat["wr2"], status=3)
    report = poll(ports, NOON)
    assert (report.outcomes, report.waiting) == ({"delivered": 1, "over_quota": 1}, 1)
    assert states(ports.store, "outcome") == ["delivered", "over_quota", "waiting"]


def test_owners_are_reminded_three_times_and_no_more(ports: Ports, platform: FakePlatform) -> None:
    """Every ten minutes, at most three times, never after confirming."""
    put(ports.store, a_plan(add_groups(ports.store, 1)[0]))
    drain(ports, now=NOON)
    for minute in range(0, 70, 5):
        remind(ports, NOON + timedelta(minutes=minute))
    assert len(platform.sent("remind_groupmsg_send")) == 3


def test_unconfirmed_tasks_are_withdrawn_when_quiet_hours_start(ports: Ports, platform: FakePlatform) -> None:
    """At nine in the evening what nobody confirmed is cancelled, and a card nobody answered is missed."""
    one, two = add_groups(ports.store, 2)
    put(ports.store, a_plan(one), hand_plan(two))
    drain(ports, now=NOON)
    assert remind(ports, NOON + timedelta(hours=8, minutes=59)).withdrawn == 0
    report = remind(ports, NOON + timedelta(hours=9))
    assert (report.withdrawn, report.missed) == (1, 1)
    assert sorted(states(ports.store, "outcome")) == ["cancelled", "missed"]
    assert len(platform.sent("cancel_groupmsg_send")) == 1
