"""
A playbook (SOP) and the slots (节点) a local day has in it.

How a playbook is written in YAML belongs to ``qunflow.rendering.playbooks``; which playbooks a group follows on a day,
and what gives way when two of them want the same day's mass task, to ``qunflow.community.calendar``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Literal, Protocol

Stage = Literal["daily_content", "weekly_activity", "conversion"]
Way = Literal["mass_task", "hand_send", "private_task", "internal"]
Speaker = Literal["owner", "admin"]
CatchUp = Literal["send", "ask", "skip"]
Link = Literal["offer", "checkin"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class CampaignDays(Protocol):
    """The three days of a campaign a countdown is counted from; ``settings.workspace.Campaign`` is one."""

    @property
    def warm_up_on(self) -> date: ...
    @property
    def offer_on(self) -> date: ...
    @property
    def closes_on(self) -> date: ...


@dataclass(frozen=True, slots=True)
class Days:
    """
    On which days a slot falls; exactly one of the five is given.

    ``weekdays`` holds 0 (Monday) to 6; ``countdown`` days after a campaign's offer (negative before);
    ``since_opening`` first and last day counted from the group's opening (0); ``month_day`` 1 to 28.
    """

    daily: bool = False
    weekdays: tuple[int, ...] = ()
    countdown: int | None = None
    since_opening: tuple[int, int] | None = None
    month_day: int | None = None

    def fall_on(self, day: date, opened_on: date, offer_on: date | None) -> bool:
        """Whether a local day is one of them."""
        if self.countdown is not None:
            return offer_on is not None and (day - offer_on).days == self.countdown
        if self.since_opening is not None:
            first, last = self.since_opening
            return first <= (day - opened_on).days <= last
        if self.month_day is not None:
            return day.day == self.month_day
        return self.daily or day.weekday() in self.weekdays


@dataclass(frozen=True, slots=True)
class Slot:
    """
    One planned piece of the SOP.

    ``at`` and ``not_after`` are wall-clock times of the community's zone; a mass task is made ``lead_minutes`` before
    ``at``, so that the owner can confirm in time. ``goes_with`` names the slot without which this one makes no sense;
    ``reword`` is the template of its second wording, with the same variables; ``test_first`` sends it to the
    community's test group before the others.
    """

    key: str
    title: str
    stage: Stage
    at: time
    not_after: time
    days: Days
    way: Way
    speaker: Speaker
    template: str
    variables: tuple[str, ...] = ()
    marketing: bool = True
    catch_up: CatchUp = "skip"
    essential: bool = False
    link: Link | None = None
    lead_minutes: int = 0
    goes_with: str | None = None
    reword: str | None = None
    role: str = ""
    purpose: str = ""
    test_first: bool = False


@dataclass(frozen=True, slots=True)
class Playbook:
    """
    The plan of a kind of group, by its name.

    For the first ``alone_days`` days since a group's opening no other playbook speaks in it (the opening ceremony).
    """

    name: str
    title: str
    slots: tuple[Slot, ...]
    alone_days: int = 0

    def slot(self, key: str) -> Slot | None:
        """The slot with this key, or None."""
        return next((slot for slot in self.slots if slot.key == key), None)


def slots_of_day(
    playbook: Playbook, day: date, opened_on: date, campaign: CampaignDays | None = None
) -> tuple[Slot, ...]:
    """
    The slots of a playbook that fall on a local day, by time.

    Args:
        opened_on: the local day the group was opened, day 0 of ``since_opening``.
        campaign: what a countdown counts to; without one countdown slots do not fall on any day. Outside its warm-up
            and close only internal slots (the review afterwards) are left.
    """
    offer_on = campaign.offer_on if campaign else None
    falling = (slot for slot in playbook.slots if slot.days.fall_on(day, opened_on, offer_on))
    return tuple(sorted((slot for slot in falling if _in_campaign(slot, day, campaign)), key=lambda slot: slot.at))


def _in_campaign(slot: Slot, day: date, campaign: CampaignDays | None) -> bool:
    if slot.days.countdown is None or campaign is None or slot.way == "internal":
        return True
    return campaign.warm_up_on <= day <= campaign.closes_on
