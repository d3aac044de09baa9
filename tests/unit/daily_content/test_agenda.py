"""Only content for a group is planned, and nothing sells in quiet hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time

import pytest

from qunflow.community.playbook import Days, Slot
from qunflow.daily_content.agenda import (
    is_for_the_group,
    is_wanted,
    sells_in_quiet_hours,
    slot_ref,
    tasks_by_group,
)
from qunflow.settings.workspace import Group, QuietHours

GROUP = Group(
    key="g1",
    name="1群",
    kind="benefit_group",
    chat_id="wr1",
    owner="zhou",
    admin="lin",
    sop="s",
    opened_on=date(2026, 3, 2),
)
NOON = Slot("noon", "秒杀", "daily_content", time(12), time(12, 10), Days(daily=True), "mass_task", "owner", "x.j2")


@pytest.mark.parametrize(
    ("at", "not_after", "marketing", "sells"),
    [
        (time(20, 40), time(20, 50), True, False),
        (time(20, 50), time(21, 0), True, False),
        (time(20, 50), time(21, 10), True, True),
        (time(7, 50), time(8, 10), True, True),
        (time(8, 0), time(8, 10), True, False),
        (time(22, 0), time(22, 10), False, False),
    ],
)
def test_marketing_that_reaches_into_quiet_hours_is_found(
    at: time, not_after: time, marketing: bool, sells: bool
) -> None:
    """From 21:00 to 08:00 nothing may sell; service messages may come."""
    slot = replace(NOON, at=at, not_after=not_after, marketing=marketing)

    assert sells_in_quiet_hours(slot, QuietHours()) is sells


def test_a_note_to_staff_sells_nothing() -> None:
    """Internal notes may come at any hour."""
    assert not sells_in_quiet_hours(replace(NOON, way="internal", at=time(7), not_after=time(7, 10)), QuietHours())


@pytest.mark.parametrize(
    ("groups", "slots", "wanted"),
    [((), (), True), (("g1",), ("noon",), True), (("g2",), (), False), ((), ("evening",), False)],
)
def test_a_run_plans_what_it_was_asked_for(groups: tuple[str, ...], slots: tuple[str, ...], wanted: bool) -> None:
    """An empty selection means everything."""
    assert is_wanted(GROUP, NOON, groups, slots) is wanted


def test_a_private_message_is_no_content_of_a_group() -> None:
    """Whom it goes to has to be chosen; a group's slot goes to all."""
    assert is_for_the_group(NOON)
    assert not is_for_the_group(replace(NOON, way="private_task"))


def test_mass_tasks_are_counted_by_group() -> None:
    """The check of one task a group and day rests on this count."""
    slots = [("g1", NOON), ("g1", replace(NOON, way="hand_send")), ("g2", replace(NOON, way="hand_send"))]

    assert tasks_by_group(slots) == {"g1": 1, "g2": 0}
    assert slot_ref(GROUP, NOON) == "g1/noon"
