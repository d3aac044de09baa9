"""
The days to come, slot by slot: what each group will hear, as far as it is known, and whether the quota lasts.

What is refused is judged by ``delivery.forecast``; showing it is left to the command line and the upkeep flow.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from qunflow.clock import instant_of
from qunflow.community.calendar import Occurrence, group_day, playbooks_needed
from qunflow.community.holidays import unknown_years
from qunflow.community.wording import slot_variables
from qunflow.delivery.facts import quota_uses
from qunflow.delivery.forecast import Ahead, Outlook, forecast, outlooks
from qunflow.delivery.quota import period_of, platform_day
from qunflow.errors import BadInput, ConfigurationError
from qunflow.runtime import Runtime
from qunflow.settings.workspace import Community, Group
from qunflow.store import members

MOST_DAYS = 100
_VARIABLE = re.compile(r"\{\{-?\s*([\w.]+).*?\}\}")
_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PlanAhead:
    """A community's slots by time, what each chat has left, and the years whose holidays nobody knows."""

    slots: tuple[Ahead, ...]
    outlooks: tuple[Outlook, ...]
    unknown_years: tuple[int, ...]

    @property
    def refused(self) -> tuple[Ahead, ...]:
        """The slots that would not go out as planned."""
        return tuple(one for one in self.slots if one.refused)


def plan_ahead(here: Runtime, community: Community, first: date, last: date) -> PlanAhead:
    """
    Lay out the days from ``first`` to ``last``, both included, local days of the community.

    Raises:
        BadInput: the days are the wrong way round, or more than a hundred.
        ConfigurationError: a playbook cannot be read.
    """
    if not first <= last < first + timedelta(days=MOST_DAYS):
        raise BadInput(f"{first} to {last} cannot be planned", f"give 1 to {MOST_DAYS} days, the first one first")
    used, converted = here.store.write(partial(_used, here=here, community=community, first=first, last=last))
    slots = forecast(list(_slots(here, community, first, last)), community.quota, used, converted)
    years = unknown_years(first, last) if community.quiet_hours.rest_day_end else ()
    return PlanAhead(slots, outlooks(slots, community.quota, used), years)


def _slots(here: Runtime, community: Community, first: date, last: date) -> Iterator[Ahead]:
    playbooks = {name: here.templates.playbook(name, with_copy=False) for name in playbooks_needed(community)}
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        for group in community.groups_on(day):
            for occurrence in group_day(community, group, playbooks, day):
                yield _ahead(here, community, group, occurrence, day)


def _ahead(here: Runtime, community: Community, group: Group, occurrence: Occurrence, day: date) -> Ahead:
    slot = occurrence.slot
    text, missing = _text(here, community, group, occurrence, day)
    by_owner = slot.way == "mass_task" or slot.speaker == "owner"
    return Ahead(
        slot_key=occurrence.name,
        stage=slot.stage,
        group=group.key,
        chat_id=group.chat_id,
        owner=group.owner,
        sender=group.owner if by_owner else group.admin,
        day=day,
        at=instant_of(day, slot.at, community.zone_info) - timedelta(minutes=slot.lead_minutes),
        way="staff_notice" if slot.way == "internal" else slot.way,
        text=text,
        missing=missing,
    )


def _text(
    here: Runtime, community: Community, group: Group, occurrence: Occurrence, day: date
) -> tuple[str, tuple[str, ...]]:
    slot = occurrence.slot
    needed = here.templates.variables(slot.template)
    settled = slot_variables(here.workspace.brand, community, group, slot, day, occurrence.campaign)
    known = {name: value for name, value in settled.items() if name in needed and value not in (None, "")}
    missing = tuple(sorted(needed - known.keys()))
    if not missing:
        return here.templates.render(slot.template, known), ()
    try:
        return here.templates.render(slot.template, {**known, **{name: f"〔{name}〕" for name in missing}}), missing
    except ConfigurationError:
        # A part of something that is not known yet, such as tomorrow's price: the copy as it is written.
        return _as_written(here.templates.find(slot.template).read_text("utf-8"), known), missing


def _as_written(copy: str, known: Mapping[str, Any]) -> str:
    filled = _VARIABLE.sub(lambda found: str(known.get(found[1], f"〔{found[1]}〕")), _TAG.sub("", copy))
    return filled.strip()


Count = dict[tuple[str, date], int]


def _used(conn: Connection, here: Runtime, community: Community, first: date, last: date) -> tuple[Count, Count]:
    """(group key, first day of the period) → mass messages out already, and those of conversion."""
    numbers = members.sync_groups(conn, here.workspace)
    key_of = {number: group for (place, group), number in numbers.items() if place == community.key}
    start, _ = period_of(community.quota.mode, first).instants
    _, end = period_of(community.quota.mode, last).instants
    used: Count = defaultdict(int)
    converted: Count = defaultdict(int)
    for ref, stage, at in quota_uses(conn, "chat", list(key_of), start, end):
        key = (key_of[ref], period_of(community.quota.mode, platform_day(at)).first)
        used[key] += 1
        converted[key] += stage == "conversion"
    return dict(used), dict(converted)
