"""
Leave alarms: which group needs a person's eye today.

Leaving is normal within reason; a steady trickle is worse than one bad day, so the run of days with leavers is a
rule of its own. A large group has somebody leaving on most days: a run counts only when a group that loses no more
than the limits allow would hardly ever show one. Limits are settings of the community. After which push people left
is looked at in ``push_windows``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib import import_module
from math import exp
from typing import Any

from qunflow.retention.groups import MONTH_DAYS, SETTLING_DAYS
from qunflow.retention.health import GroupCounts

# Named as the settings that limit them.
NEW_GROUP_D7 = "leave_alarm_new_group_d7"
OLD_GROUP_MONTH = "leave_alarm_old_group_month"
LEAVE_STREAK = "leave_streak_days"
# So rare a number of leavers on one day adds nothing to a chance that is held against a hundredth.
_NEVER = 1e-30
RULES = (NEW_GROUP_D7, OLD_GROUP_MONTH, LEAVE_STREAK)


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Where the alarms go off.

    Two shares (0 to 1, exclusive), a number of days (inclusive), and the chance (0 to 1, inclusive) up to which a run
    of days is no chance any more; 1 lets every run of that length ring, whatever the size of the group.
    """

    new_group_d7: float
    old_group_month: float
    leave_streak_days: int
    leave_streak_chance: float = 0.01


@dataclass(frozen=True, slots=True)
class Alarm:
    """
    One rule held against one group: ``people`` of ``among``; ``fires`` is None while it cannot be judged.

    Of the run of days ``people`` counts days and ``among`` the limit in days. ``chance`` is how likely so many, or such
    a run, would be in a group that loses just what the limit allows: a ringing alarm with a high one may be luck.
    """

    group_id: int
    rule: str
    fires: bool | None
    people: int
    among: int
    chance: float | None = None


def alarms_of(counts: GroupCounts, opened_on: date | None, through: date, limits: Limits) -> tuple[Alarm, Alarm]:
    """
    The two rules that apply to a group: leaving by its age, and the run of days with leavers.

    A group is new in its first 30 days. New: joiners gone by their seventh day ÷ joiners whose seventh day is over.
    Old: of the members 30 days ago, those who left since ÷ those members. Who joined meanwhile is in neither number:
    counted among the leavers only, newcomers make every growing group ring. Where only all leavers are known, they are
    taken. Run: days in a row with a leaver, ringing from the limit on when ``chance_of_run`` at ``allowed_pace`` is
    small. Source: community operations practice, articles S1–S4; the two shares: a published rule of thumb.
    """
    is_new = opened_on is not None and (through - opened_on).days < MONTH_DAYS
    gone = counts.leavers_month if counts.leavers_of_before is None else counts.leavers_of_before
    leaving = (
        _share(counts.group_id, NEW_GROUP_D7, counts.gone_by_d7, counts.settled, limits.new_group_d7)
        if is_new
        else _share(counts.group_id, OLD_GROUP_MONTH, gone, counts.members_before, limits.old_group_month)
    )
    return leaving, _run(counts, limits)


def allowed_pace(counts: GroupCounts, limits: Limits) -> float:
    """
    Leavers a day that the limits allow a group of this size.

    Formula: (members − joiners of 7 days) × monthly limit ÷ 30 + joiners of 7 days × 7-day limit ÷ 7.
    """
    fresh = min(counts.joiners_week, counts.members)
    settled = (counts.members - fresh) * limits.old_group_month / MONTH_DAYS
    return settled + fresh * limits.new_group_d7 / SETTLING_DAYS


def chance_of_run(days: int, leavers: int, pace: float) -> float:
    """
    How likely ``days`` given days each have a leaver and together at least ``leavers``, at ``pace`` leavers a day.

    Formula: Σ over total ≥ leavers of P(X₁ + … + X_days = total, every Xᵢ ≥ 1), Xᵢ independent Poisson(pace); for
    leavers = days it is (1 − e^−pace)^days. Exact; 1 for a run of no days.
    """
    import numpy as np

    if days < 1:
        return 1.0
    if pace <= 0:
        return 0.0
    fewest = max(leavers, days)
    one, term = [0.0], exp(-pace)
    for people in range(1, fewest):
        term *= pace / people
        if people > pace and term < _NEVER:
            break
        one.append(term)
    below = np.ones(1)
    for _ in range(days):
        below = np.convolve(below, one)[:fewest]
    return max(0.0, float((1 - exp(-pace)) ** days - below.sum()))


def _run(counts: GroupCounts, limits: Limits) -> Alarm:
    days, most = counts.leave_streak_days, limits.leave_streak_days
    chance = chance_of_run(days, max(counts.leavers_in_streak, days), allowed_pace(counts, limits))
    fires = days >= most and chance <= limits.leave_streak_chance
    return Alarm(counts.group_id, LEAVE_STREAK, fires, days, most, chance)


def _share(group_id: int, rule: str, people: int, among: int, limit: float) -> Alarm:
    """Rings above the limit; its chance is P(Binomial(among, limit) ≥ people)."""
    if not among:
        return Alarm(group_id, rule, None, people, among)
    # scipy has no types of its own.
    binom: Any = import_module("scipy.stats").binom
    chance = float(binom.sf(people - 1, among, limit))
    return Alarm(group_id, rule, people / among > limit, people, among, chance)
