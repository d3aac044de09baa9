"""Completion counts what people could read, not what was created."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from qunflow.daily_content.completion import Completion, Push, completion_by, lateness_p95_s

NOON = datetime(2026, 3, 2, 4, 10, tzinfo=UTC)
DONE = Push("noon", 1, "zhou", "mass_task", "sent", "delivered", NOON, None)
WAITING = replace(DONE, outcome="waiting")


def by_owner(*pushes: Push, now: datetime = NOON + timedelta(hours=1)) -> Completion:
    return completion_by(pushes, now, key="owner")["zhou"]


def test_a_created_task_is_not_delivered() -> None:
    """Sent to the platform but not confirmed by the owner: overdue once its time has passed."""
    assert by_owner(DONE, WAITING) == Completion(planned=2, ripe=2, delivered=1, overdue=1, replies=None)


def test_what_is_not_due_yet_does_not_count_against_anybody() -> None:
    """Before the last moment the rate is blank, not 0."""
    early = by_owner(WAITING, now=NOON - timedelta(hours=2))

    assert (early.planned, early.overdue, early.rate) == (1, 0, None)


def test_replaced_and_internal_messages_are_left_out() -> None:
    """Content that gave way to a newer version, and notes to staff, are no pushes to a group."""
    found = completion_by(
        [DONE, replace(DONE, state="cancelled"), replace(DONE, way="staff_notice")], NOON, key="owner"
    )

    assert found["zhou"].planned == 1


def test_a_skipped_slot_is_overdue() -> None:
    """Nothing went out although it was planned: that is what the number is for."""
    assert by_owner(replace(WAITING, state="skipped")).rate == 0


def test_replies_are_added_up_where_somebody_counted_them() -> None:
    """No count is not a count of zero."""
    pushes = [replace(DONE, replies=3), replace(DONE, replies=None), replace(DONE, group_id=2, replies=None)]

    found = completion_by(pushes, NOON, key="group_id")

    assert {group: one.replies for group, one in found.items()} == {1: 3, 2: None}


def test_lateness_is_that_of_the_slot_at_the_95th_percentile() -> None:
    """Of twenty slots one may be far off; leaving early is not being late, and what has not left is not counted."""
    left = [replace(DONE, due_at=NOON, sent_at=NOON + timedelta(seconds=late)) for late in (-5, *range(1, 19), 900)]
    assert lateness_p95_s([*left, replace(DONE, due_at=NOON)]) == 18


def test_lateness_is_blank_before_anything_left() -> None:
    """Not 0."""
    assert lateness_p95_s([replace(DONE, due_at=NOON)]) is None
