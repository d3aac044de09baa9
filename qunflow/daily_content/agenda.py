"""
Which of a day's slots are content for a group, and which of them could never go out as they stand.

Which slots a day has, and which of them gets the one mass task (群发任务), is decided by
``qunflow.community.calendar``; what a slot says, by its template.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from qunflow.community.playbook import Slot
from qunflow.settings.workspace import Group, QuietHours

STAGE = "daily_content"


def slot_ref(group: Group, slot: Slot) -> str:
    """What a slot of a group is called in checks and previews."""
    return f"{group.key}/{slot.key}"


def is_for_the_group(slot: Slot) -> bool:
    """Whether everybody in the group hears it; a private message goes to people a person has to choose."""
    return slot.way != "private_task"


def is_wanted(group: Group, slot: Slot, groups: Collection[str], slots: Collection[str]) -> bool:
    """Whether a run that was asked for some groups and slots (empty: all) plans this one."""
    return (not groups or group.key in groups) and (not slots or slot.key in slots)


def sells_in_quiet_hours(slot: Slot, quiet: QuietHours) -> bool:
    """Whether the window of a marketing slot reaches into quiet hours; ending just as they begin is allowed."""
    if not slot.marketing or slot.way == "internal":
        return False
    return quiet.covers(slot.at) or (quiet.covers(slot.not_after) and slot.not_after != quiet.start)


def tasks_by_group(slots: Iterable[tuple[str, Slot]]) -> dict[str, int]:
    """Group key → mass tasks planned for it."""
    counts: dict[str, int] = {}
    for group, slot in slots:
        counts[group] = counts.get(group, 0) + (slot.way == "mass_task")
    return counts
