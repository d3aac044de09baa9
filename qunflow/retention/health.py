"""
Group health 群健康度: one number from 0 to 100 with the four parts it is made of.

It works without the paid chat archive: whoever spoke, checked in, clicked, ordered or answered counts as active, as
far as it can be seen. The weights are a convention to compare groups of one community, not a measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

STAY_POINTS, ACTIVITY_POINTS, CALM_POINTS, GROWTH_POINTS = 40, 30, 15, 15
WORST_MONTHLY_LEAVE_RATE = 0.20
BEST_WEEKLY_ACTIVE_SHARE = 0.30


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """
    What ``groups.group_counts`` says of one group, plus the run of days with leavers; see there for each count.

    ``leavers_in_streak`` are the people of that run. ``leavers_of_before`` are those of ``members_before`` who left
    since, in people; None where only ``leavers_month`` is known, in which newcomers are counted too.
    """

    group_id: int
    members: int = 0
    members_before: int = 0
    leavers_month: int = 0
    leavers_week: int = 0
    joiners_week: int = 0
    leave_days_week: int = 0
    active_week: int = 0
    settled: int = 0
    gone_by_d7: int = 0
    leave_streak_days: int = 0
    leavers_in_streak: int = 0
    leavers_of_before: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Points of each part; their sum, rounded, is the health."""

    stay: float
    activity: float
    calm: float
    growth: float

    @property
    def score(self) -> int:
        """0 (dying) to 100."""
        return round(self.stay + self.activity + self.calm + self.growth)


def health_of(counts: GroupCounts) -> Health | None:
    """
    The health of a group on the last day counted, None when nobody is in it.

    Formula: 40 × (1 − leavers of 30 days ÷ members then or now, whichever is more ÷ 20 %)
    + 30 × (members active in 7 days ÷ members ÷ 30 %) + 15 × (days of the last 7 without leavers ÷ 7)
    + 15 × (joiners of 7 days ÷ leavers of 7 days), each fraction kept between 0 and 1.
    """
    if counts.members == 0:
        return None
    leave_rate = counts.leavers_month / max(counts.members, counts.members_before)
    active_share = counts.active_week / counts.members
    growth = counts.joiners_week / counts.leavers_week if counts.leavers_week else 1.0
    return Health(
        stay=STAY_POINTS * _within(1 - leave_rate / WORST_MONTHLY_LEAVE_RATE),
        activity=ACTIVITY_POINTS * _within(active_share / BEST_WEEKLY_ACTIVE_SHARE),
        calm=CALM_POINTS * _within(1 - counts.leave_days_week / 7),
        growth=GROWTH_POINTS * _within(growth),
    )


def streak_of(days: set[date], through: date) -> int:
    """How many days in a row, ending with ``through``, are among ``days``."""
    length = 0
    while through - timedelta(days=length) in days:
        length += 1
    return length


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))
