"""The day's slots become windows with a sender; nothing of another stage slips in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from qunflow.community.calendar import Occurrence
from qunflow.community.playbook import Days, Slot
from qunflow.daily_content.agenda import DueSlot, due_slots
from qunflow.settings.workspace import Group, QuietHours

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 2)
GROUP = Group(
    key="g1", name="1群", kind="benefit_group", chat_id="wr1", owner="zhou", admin="lin", sop="s", opened_on=DAY
)
NOON = Slot(
    "noon", "秒杀", "daily_content", time(12), time(12, 10), Days(daily=True), "mass_task", "owner", "x.j2",
    lead_minutes=40,
)  # fmt: skip
MORNING = replace(
    NOON, key="morning", at=time(8, 15), not_after=time(9), way="hand_send", speaker="admin", lead_minutes=0
)


def due(*slots: Slot, only: tuple[str, ...] = ()) -> tuple[DueSlot, ...]:
    occurrences = [Occurrence(slot, "benefit-daily") for slot in slots]
    return due_slots(GROUP, occurrences, DAY, zone=SHANGHAI, quiet_hours=QuietHours(), only=only)


def test_slots_come_in_order_of_time_with_their_sender() -> None:
    """A mass task goes out in the owner's name and is made early enough to be confirmed; a card goes to the admin."""
    found = [(one.ref, one.sender, one.due_at, one.not_after) for one in due(NOON, MORNING)]

    assert found == [
        ("g1/morning", "lin", datetime(2026, 3, 2, 0, 15, tzinfo=UTC), datetime(2026, 3, 2, 1, 0, tzinfo=UTC)),
        ("g1/noon", "zhou", datetime(2026, 3, 2, 3, 20, tzinfo=UTC), datetime(2026, 3, 2, 4, 10, tzinfo=UTC)),
    ]


def test_slots_of_other_stages_are_left_to_them() -> None:
    """Weekly activities and offers of a campaign are planned by their own stages."""
    assert due(replace(NOON, stage="conversion"), replace(NOON, stage="weekly_activity")) == ()


def test_only_the_wanted_slots_are_planned() -> None:
    """A run that names slots plans those and no others."""
    assert [one.slot.key for one in due(NOON, MORNING, only=("noon",))] == ["noon"]


def test_a_window_across_midnight_ends_the_next_day() -> None:
    """A window never ends before it begins."""
    late = due(replace(NOON, at=time(23, 50), not_after=time(0, 10), lead_minutes=0))[0]

    assert late.not_after == datetime(2026, 3, 2, 16, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "not_after", "marketing", "quiet"),
    [
        (time(20, 40), time(20, 50), True, False),
        (time(20, 50), time(21, 0), True, False),
        (time(20, 50), time(21, 10), True, True),
        (time(7, 50), time(8, 10), True, True),
        (time(22, 0), time(22, 10), False, False),
    ],
)
def test_marketing_that_reaches_into_quiet_hours_is_marked(
    at: time, not_after: time, marketing: bool, quiet: bool
) -> None:
    """From 21:00 to 08:00 nothing may sell; service messages may come."""
    assert due(replace(NOON, at=at, not_after=not_after, marketing=marketing))[0].in_quiet_hours is quiet


@pytest.mark.parametrize(
    ("variables", "waits"), [(("item", "price"), False), (("sold",), True), (("week.orders",), True)]
)
def test_copy_about_the_day_s_sales_waits_for_them(variables: tuple[str, ...], waits: bool) -> None:
    """A progress report cannot be written in the morning."""
    assert due(replace(NOON, variables=variables))[0].waits_for_figures is waits
