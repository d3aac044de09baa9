"""
What each group is due today: the daily content of its SOPs as windows, ways and senders.

Which slots a day has, and which of them gets the one mass task (群发任务), is decided by
``qunflow.community.calendar``; what a slot says, by its template.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from qunflow.clock import instant_of
from qunflow.community.calendar import Occurrence
from qunflow.community.playbook import Slot
from qunflow.settings.workspace import Group, QuietHours

STAGE = "daily_content"
# Known only while the day goes on: how many were sold, how many are left, what the week brought.
LIVE_VARIABLES = frozenset({"sold", "left", "week"})


@dataclass(frozen=True, slots=True)
class DueSlot:
    """
    One slot of one group on one local day.

    Args:
        sender: userid of whoever confirms the task, sends by hand or gets the note.
        due_at: first instant (UTC) it may go out; a mass task is made earlier than people see it.
        not_after: last instant (UTC) it is worth sending.
        in_quiet_hours: whether its window reaches into the community's quiet hours.
    """

    group: Group
    slot: Slot
    day: date
    sender: str
    due_at: datetime
    not_after: datetime
    in_quiet_hours: bool

    @property
    def ref(self) -> str:
        """What the slot is called in checks and previews: group and slot."""
        return f"{self.group.key}/{self.slot.key}"

    @property
    def waits_for_figures(self) -> bool:
        """Whether its copy speaks of the day's own figures."""
        return bool(LIVE_VARIABLES & {name.partition(".")[0] for name in self.slot.variables})


def due_slots(
    group: Group,
    occurrences: Iterable[Occurrence],
    day: date,
    *,
    zone: ZoneInfo,
    quiet_hours: QuietHours,
    only: Collection[str] = (),
) -> tuple[DueSlot, ...]:
    """
    The daily content of one group on a local day, in order of time.

    Args:
        occurrences: the group's whole day, of all stages.
        only: keys of the slots wanted; empty means all.
    """
    slots = (one.slot for one in occurrences if one.slot.stage == STAGE)
    due = [_due(group, slot, day, zone, quiet_hours) for slot in slots if not only or slot.key in only]
    return tuple(sorted(due, key=lambda one: (one.due_at, one.slot.key)))


def _due(group: Group, slot: Slot, day: date, zone: ZoneInfo, quiet_hours: QuietHours) -> DueSlot:
    shown_at, not_after = instant_of(day, slot.at, zone), instant_of(day, slot.not_after, zone)
    by_owner = slot.way == "mass_task" or slot.speaker == "owner"
    return DueSlot(
        group=group,
        slot=slot,
        day=day,
        sender=group.owner if by_owner else group.admin,
        due_at=shown_at - timedelta(minutes=slot.lead_minutes),
        # A window that is written across midnight ends on the next day.
        not_after=not_after if not_after >= shown_at else instant_of(day + timedelta(days=1), slot.not_after, zone),
        in_quiet_hours=slot.marketing and slot.way != "internal" and _touches(quiet_hours, slot.at, slot.not_after),
    )


def _touches(quiet: QuietHours, begin: time, end: time) -> bool:
    return quiet.covers(begin) or (quiet.covers(end) and end != quiet.start)
