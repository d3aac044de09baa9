"""Planning, checking and approving: one slot, day and target sends one message."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait

from sqlalchemy import select, update

from qunflow.delivery.model import Content
from qunflow.delivery.outbox import approve, board, cancel, check, plan
from qunflow.store.engine import Store
from qunflow.store.tables import approvals, targets
from tests.unit.delivery.platform_fake import DAY, NOON, a_plan, add_groups, put, states


def test_a_content_version_ignores_the_order_of_keys_and_nothing_else() -> None:
    """The same message has the same version, another one has not."""
    one = Content("a", ({"msgtype": "link", "link": {"title": "t", "url": "u"}},))
    same = Content("a", ({"link": {"url": "u", "title": "t"}, "msgtype": "link"},))
    assert one.version == same.version
    assert len(one.version) == 32
    assert one.version != Content("a").version != Content("a ").version


def test_planning_twice_changes_nothing(store: Store) -> None:
    """The same day planned again leaves the same targets."""
    group, other = add_groups(store, 2)
    with store.writing() as conn:
        first = plan(conn, [a_plan(group), a_plan(other)], NOON)
        second = plan(conn, [a_plan(group), a_plan(other)], NOON)
    assert (first.added, second.added, second.unchanged) == (2, 0, 2)
    assert set(first.ids) == set(second.ids)
    assert states(store) == ["planned", "planned"]


def test_new_content_replaces_what_has_not_gone_out_and_voids_its_approval(store: Store) -> None:
    """An edit after approval needs a new approval; the old text can no longer leave."""
    [group] = add_groups(store, 1)
    put(store, a_plan(group, "old"))
    with store.writing() as conn:
        report = plan(conn, [a_plan(group, "new")], NOON)
        voided = conn.execute(select(approvals.c.voided_at)).scalar_one()
    assert (report.added, report.superseded) == (1, 1)
    assert voided == NOON
    assert states(store) == ["cancelled", "planned"]


def test_going_back_to_the_first_text_revives_it_unapproved(store: Store) -> None:
    """A, then B, then A again leaves A planned and B cancelled."""
    [group] = add_groups(store, 1)
    put(store, a_plan(group, "A"))
    with store.writing() as conn:
        plan(conn, [a_plan(group, "B")], NOON)
        again = plan(conn, [a_plan(group, "A")], NOON)
    assert (again.added, again.superseded) == (1, 1)
    assert states(store) == ["planned", "cancelled"]


def test_what_may_have_gone_out_is_never_replaced(store: Store) -> None:
    """For an intent, a sent and an unknown target, other content is refused as already sent."""
    made = add_groups(store, 3)
    ids = put(store, *(a_plan(one) for one in made))
    with store.writing() as conn:
        for target_id, state in zip(ids, ("intent", "sent", "unknown"), strict=True):
            conn.execute(update(targets).where(targets.c.target_id == target_id).values(state=state))
        report = plan(conn, [a_plan(one, "other") for one in made], NOON)
    assert (report.added, report.already_sent, report.ids) == (0, 3, ())
    assert states(store) == ["intent", "sent", "unknown"]


def test_findings_refuse_and_everything_else_passes(store: Store) -> None:
    """A finding keeps its own target back, not the others."""
    made = add_groups(store, 2)
    with store.writing() as conn:
        report = plan(conn, [a_plan(one) for one in made], NOON)
        passed = check(conn, report.ids, {report.ids[0]: "variable without a value"})
        approved = approve(conn, report.ids, by="li", at=NOON)
    assert passed == (1, 1)
    assert approved == 1
    assert states(store) == ["refused", "approved"]


def test_what_was_not_checked_cannot_be_approved(store: Store) -> None:
    """Approval skips no step."""
    [group] = add_groups(store, 1)
    with store.writing() as conn:
        plan(conn, [a_plan(group)], NOON)
        assert approve(conn, "noon", by="li", at=NOON) == 0
    assert states(store) == ["planned"]


def test_a_whole_slot_can_be_approved_at_once_for_one_day(store: Store) -> None:
    """Approving by slot key takes every checked target of that day."""
    made = add_groups(store, 3)
    with store.writing() as conn:
        check(conn, plan(conn, [a_plan(one) for one in made], NOON).ids)
        assert approve(conn, "noon", by="li", at=NOON, day=DAY) == 3


def test_cancelling_takes_back_only_what_has_not_gone_out(store: Store) -> None:
    """A sent target stays sent."""
    made = add_groups(store, 2)
    ids = put(store, *(a_plan(one) for one in made))
    with store.writing() as conn:
        conn.execute(update(targets).where(targets.c.target_id == ids[0]).values(state="sent"))
        assert cancel(conn, ids, reason="rain", by="li", at=NOON) == 1
    assert states(store) == ["sent", "cancelled"]


def test_the_board_shows_each_message_with_group_and_outcome(store: Store) -> None:
    """A manager sees slot, real group name, sender, state and outcome."""
    [group] = add_groups(store, 1)
    put(store, a_plan(group))
    with store.reading() as conn:
        [row] = board(conn, "neighbours", DAY)
    shown = {key: row[key] for key in ("slot", "group", "group_id", "way", "sender", "state", "outcome", "text")}
    assert shown == {
        "slot": "noon",
        "group": "1 群",
        "group_id": group,
        "way": "mass_task",
        "sender": "owner_zhou",
        "state": "approved",
        "outcome": "waiting",
        "text": "砂糖橘 29.9 元",
    }


def test_thousands_are_planned_in_a_few_statements(store: Store) -> None:
    """Two and a half thousand groups pass through plan, check and approve."""
    made = add_groups(store, 2_500)
    assert len(put(store, *(a_plan(one) for one in made))) == 2_500
    assert set(states(store)) == {"approved"}


def test_two_who_plan_the_same_place_at_once_leave_one_message(store: Store) -> None:
    """Other words from another process wait for the first plan and replace it, instead of standing beside it."""
    [group] = add_groups(store, 1)
    with ThreadPoolExecutor(1) as pool:
        with store.writing() as conn:
            plan(conn, [a_plan(group, "one")], NOON)
            beside = pool.submit(store.write, lambda conn: plan(conn, [a_plan(group, "two")], NOON))
            # Long enough for the other one to get as far as it can.
            wait([beside], timeout=0.2)
        report = beside.result(timeout=20)
    assert (report.added, report.superseded) == (1, 1)
    assert sorted(states(store)) == ["cancelled", "planned"]
