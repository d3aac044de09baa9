"""
Leave alarms: which group needs a person's eye today.

Leaving is normal within reason; a steady trickle is worse than one bad day, so the run of days with leavers is a
rule of its own. Limits are settings of the community.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from qunflow.retention.groups import MONTH_DAYS
from qunflow.retention.health import GroupCounts

# Named as the settings that limit them.
NEW_GROUP_D7 = "leave_alarm_new_group_d7"
OLD_GROUP_MONTH = "leave_alarm_old_group_month"
LEAVE_STREAK = "leave_streak_days"
RULES = (NEW_GROUP_D7, OLD_GROUP_MONTH, LEAVE_STREAK)


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the alarms go off: two shares (0 to 1, exclusive) and a number of days (inclusive)."""

    new_group_d7: float
    old_group_month: float
    leave_streak_days: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """One rule held against one group: ``people`` of ``among``; ``fires`` is None while it cannot be judged."""

    group_id: int
    rule: str
    fires: bool | None
    people: int
    among: int


def alarms_of(counts: GroupCounts, opened_on: date | None, through: date, limits: Limits) -> tuple[Alarm, Alarm]:
    """
    The two rules that apply to a group: leaving by its age, and the run of days with leavers.

    A group is new in its first 30 days. New: joiners gone by their seventh day ÷ joiners whose seventh day is over.
    Old: people who left in 30 days ÷ members at their start. Source: community operations practice, articles S1–S4.
    """
    is_new = opened_on is not None and (through - opened_on).days < MONTH_DAYS
    leaving = (
        _share(counts.group_id, NEW_GROUP_D7, counts.gone_by_d7, counts.settled, limits.new_group_d7)
        if is_new
        else _share(
            counts.group_id, OLD_GROUP_MONTH, counts.leavers_month, counts.members_before, limits.old_group_month
        )
    )
    run = counts.leave_streak_days
    streak = Alarm(counts.group_id, LEAVE_STREAK, run >= limits.leave_streak_days, run, limits.leave_streak_days)
    return leaving, streak


def _share(group_id: int, rule: str, people: int, among: int, limit: float) -> Alarm:
    return Alarm(group_id, rule, people / among > limit if among else None, people, among)
