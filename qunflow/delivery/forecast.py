"""
The days to come against the quota: what is left for each chat, and which mass task would be refused.

Pure; true as long as nobody sends beside Qunflow, which ``beside`` watches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TypeAlias

from qunflow.delivery.quota import Period, period_of, platform_day
from qunflow.settings.workspace import Quota

# Private ones eat the quota of persons, not of the chat.
CHAT_WAY = "mass_task"
Count: TypeAlias = Mapping[tuple[str, date], int]


@dataclass(frozen=True, slots=True)
class Ahead:
    """
    One slot of one group in the days to come.

    Args:
        slot_key: as it will be called in the outbox.
        group: the group's key; ``chat_id`` is what the platform calls it.
        owner: userid of the group's owner, ``sender`` of whoever has to do it.
        at: the instant it is due.
        day: the local day.
        text: what it says as far as it is known; names in 〔〕 are filled on the day.
        missing: those names.
        left: of the quota after it, None where it uses none.
        refused: why the platform or our reserve would refuse it, empty when it goes.
    """

    slot_key: str
    stage: str
    group: str
    chat_id: str
    owner: str
    sender: str
    day: date
    at: datetime
    way: str
    text: str
    missing: tuple[str, ...] = ()
    left: int | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """One chat in one period of the quota: used until now, planned in the days asked for, and what is left then."""

    group: str
    period: Period
    used: int
    planned: int

    @property
    def left(self) -> int:
        """What nobody has planned yet; negative when too much is planned."""
        return self.period.most - self.used - self.planned


def forecast(
    slots: Iterable[Ahead],
    quota: Quota,
    used: Mapping[tuple[str, date], int],
    converted: Mapping[tuple[str, date], int],
) -> tuple[Ahead, ...]:
    """
    Walk through the slots by time and count.

    Args:
        used: (group key, first day of a period) → mass messages that are out already, those sent beside included.
        converted: the same, of conversion only, which the reserve is for.

    Returns:
        The slots by time, each with what is left after it, or why it would be refused.
    """
    out: dict[tuple[str, date], int] = defaultdict(int, used)
    sold: dict[tuple[str, date], int] = defaultdict(int, converted)
    judged = []
    for slot in sorted(slots, key=lambda one: (one.at, one.group, one.slot_key)):
        if slot.way != CHAT_WAY:
            judged.append(slot)
            continue
        period = period_of(quota.mode, platform_day(slot.at))
        key = (slot.group, period.first)
        kept = 0 if slot.stage == "conversion" else max(quota.reserve - sold[key], 0)
        if out[key] + kept >= period.most:
            judged.append(replace(slot, left=max(period.most - out[key], 0), refused=_why(out[key], kept, period)))
            continue
        out[key] += 1
        sold[key] += slot.stage == "conversion"
        judged.append(replace(slot, left=period.most - out[key]))
    return tuple(judged)


def outlooks(slots: Sequence[Ahead], quota: Quota, used: Count) -> tuple[Outlook, ...]:
    """What each chat has used and planned in every period the slots touch."""
    planned: dict[tuple[str, Period], int] = defaultdict(int)
    for slot in slots:
        planned[slot.group, period_of(quota.mode, platform_day(slot.at))] += slot.way == CHAT_WAY
    return tuple(
        Outlook(group, period, used.get((group, period.first), 0), number)
        for (group, period), number in sorted(planned.items(), key=lambda item: (item[0][0], item[0][1].first))
    )


def _why(used: int, kept: int, period: Period) -> str:
    reserve = f", {kept} kept for conversion" if kept else ""
    return f"quota: {used} of {period.most} used from {period.first}{reserve}"
