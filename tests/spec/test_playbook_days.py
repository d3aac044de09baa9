"""Definition: on which local days a slot falls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time

import pytest

from qunflow.community.playbook import Days, Playbook, Slot, Way, slots_of_day

OPENED = date(2026, 3, 2)  # a Monday


@dataclass(frozen=True)
class Campaign:
    warm_up_on: date = date(2026, 3, 5)
    offer_on: date = date(2026, 3, 7)
    closes_on: date = date(2026, 3, 8)


def slot(days: Days, *, key: str = "s", at: time = time(12), way: Way = "hand_send") -> Slot:
    return Slot(key, "节点", "daily_content", at, at, days, way, "admin", "daily_content/x.j2")


# rule, day of March 2026, falls
FALLS = [
    (Days(daily=True), 2, True),
    (Days(daily=True), 29, True),
    (Days(weekdays=(0, 4)), 2, True),
    (Days(weekdays=(0, 4)), 6, True),
    (Days(weekdays=(0, 4)), 7, False),
    (Days(since_opening=(0, 0)), 2, True),
    (Days(since_opening=(-1, -1)), 1, True),
    (Days(since_opening=(1, 7)), 2, False),
    (Days(since_opening=(1, 7)), 3, True),
    (Days(since_opening=(1, 7)), 9, True),
    (Days(since_opening=(1, 7)), 10, False),
    (Days(month_day=20), 20, True),
    (Days(month_day=20), 21, False),
    (Days(countdown=-2), 5, True),
    (Days(countdown=0), 7, True),
    (Days(countdown=1), 8, True),
    (Days(countdown=-1), 5, False),
]


@pytest.mark.parametrize(("days", "march", "falls"), FALLS)
def test_a_slot_falls_on_its_days(days: Days, march: int, falls: bool) -> None:
    """Each rule of the calendar, at and beside its edges."""
    playbook = Playbook("p", "P", (slot(days),))
    assert bool(slots_of_day(playbook, date(2026, 3, march), OPENED, Campaign())) is falls


# offset from the offer, way, campaign, falls
CAMPAIGNS = [
    (-2, "hand_send", Campaign(), True),
    (-2, "hand_send", Campaign(warm_up_on=date(2026, 3, 6)), False),
    (1, "hand_send", Campaign(closes_on=date(2026, 3, 7)), False),
    (2, "hand_send", Campaign(), False),
    (2, "internal", Campaign(), True),
    (0, "mass_task", None, False),
]


@pytest.mark.parametrize(("offset", "way", "campaign", "falls"), CAMPAIGNS)
def test_a_countdown_stays_inside_its_campaign(offset: int, way: Way, campaign: Campaign | None, falls: bool) -> None:
    """Nothing is said before the warm-up or after the close, except to ourselves; without a campaign nothing."""
    playbook = Playbook("p", "P", (slot(Days(countdown=offset), way=way),))
    day = date(2026, 3, 7 + offset)
    assert bool(slots_of_day(playbook, day, OPENED, campaign)) is falls


def test_the_slots_of_a_day_come_by_time() -> None:
    """Whatever the order in the file, the day runs from morning to evening."""
    late, early = (slot(Days(daily=True), key=key, at=time(hour)) for key, hour in (("late", 20), ("early", 8)))
    found = slots_of_day(Playbook("p", "P", (late, early)), OPENED, OPENED)
    assert [one.key for one in found] == ["early", "late"]
