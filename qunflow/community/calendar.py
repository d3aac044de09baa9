"""
What one group hears on one day: all its playbooks together, with at most one mass task.

The platform lets a group have about one mass task a day, so the playbooks give way to each other here: an offer of a
campaign before a weekly activity, that before the daily SOP. Pure; sending is delivery's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from qunflow.community.playbook import Playbook, Slot, slots_of_day
from qunflow.settings.workspace import Campaign, Community, Group

OPENING = "opening-ceremony"

_RANK = {"conversion": 0, "weekly_activity": 1, "daily_content": 2}


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A slot on a day, with the playbook it comes from and the campaign it counts down to, if any."""

    slot: Slot
    playbook: str
    campaign: Campaign | None = None

    @property
    def name(self) -> str:
        """What the slot is called in the outbox: its campaign or playbook, and its key."""
        return f"{self.campaign.key if self.campaign else self.playbook}/{self.slot.key}"


def group_day(
    community: Community, group: Group, playbooks: Mapping[str, Playbook], day: date
) -> tuple[Occurrence, ...]:
    """
    Everything planned for a group on a local day, by time, at most one of it a mass task.

    Args:
        playbooks: by name; those the group follows must be among them.
    """
    alone = _alone(group, playbooks, day)
    if alone:
        return one_mass_task(_occurrences(alone, group, day))
    found = [*_occurrences(playbooks[group.sop], group, day)]
    found.extend(_occurrences(playbooks[community.weekly_activity.sop], group, day))
    for campaign in community.campaigns:
        found.extend(_occurrences(playbooks[campaign.sop], group, day, campaign))
    return one_mass_task(found)


def playbooks_needed(community: Community) -> tuple[str, ...]:
    """The names of every playbook a community's groups follow."""
    names = [group.sop for group in community.groups]
    names += [campaign.sop for campaign in community.campaigns]
    return tuple(dict.fromkeys([*names, community.weekly_activity.sop, OPENING]))


def one_mass_task(occurrences: Iterable[Occurrence]) -> tuple[Occurrence, ...]:
    """
    Keep the most important mass task of a day; another one that sells is replaced by it, one that informs is sent by
    hand. What only goes with a replaced slot falls away too.
    """
    ordered = sorted(occurrences, key=lambda occurrence: (occurrence.slot.at, _RANK[occurrence.slot.stage]))
    winner = _winner(ordered)
    replaced = {
        (occurrence.playbook, occurrence.slot.key)
        for occurrence in ordered
        if occurrence.slot.way == "mass_task" and occurrence is not winner and occurrence.slot.marketing
    }
    return tuple(
        occurrence if occurrence is winner else _by_hand(occurrence)
        for occurrence in ordered
        if not _falls_away(occurrence, replaced)
    )


def _winner(occurrences: Sequence[Occurrence]) -> Occurrence | None:
    tasks = [occurrence for occurrence in occurrences if occurrence.slot.way == "mass_task"]
    return min(tasks, key=lambda occurrence: _RANK[occurrence.slot.stage], default=None)


def _falls_away(occurrence: Occurrence, replaced: set[tuple[str, str]]) -> bool:
    slot = occurrence.slot
    names = {(occurrence.playbook, slot.key), (occurrence.playbook, slot.goes_with or "")}
    return bool(names & replaced)


def _by_hand(occurrence: Occurrence) -> Occurrence:
    if occurrence.slot.way != "mass_task":
        return occurrence
    return replace(occurrence, slot=replace(occurrence.slot, way="hand_send", speaker="admin", lead_minutes=0))


def _alone(group: Group, playbooks: Mapping[str, Playbook], day: date) -> Playbook | None:
    """The ceremony in a group's first days; a camp has its own opening in its playbook."""
    opening = playbooks.get(OPENING)
    if opening is None or group.kind == "camp_group":
        return None
    return opening if 0 <= (day - group.opened_on).days < opening.alone_days else None


def _occurrences(playbook: Playbook, group: Group, day: date, campaign: Campaign | None = None) -> Iterable[Occurrence]:
    slots = slots_of_day(playbook, day, group.opened_on, campaign)
    return [Occurrence(slot, playbook.name, campaign) for slot in slots]
