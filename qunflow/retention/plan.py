"""
What one measurement is about, and what it found: frozen values that travel between tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from qunflow.retention.care.alarms import Alarm, Limits
from qunflow.retention.cells import Cell
from qunflow.retention.dirt import Dirt
from qunflow.retention.events import Scope
from qunflow.retention.health import GroupCounts, Health
from qunflow.retention.periods import Period
from qunflow.retention.tally.cells import DAYS


@dataclass(frozen=True, slots=True)
class MeasuredGroup:
    """A group of the community as the settings name it."""

    group_id: int
    key: str
    name: str
    opened_on: date | None


@dataclass(frozen=True, slots=True)
class Plan:
    """
    One measurement.

    Args:
        scope: whose events, up to which day and instant.
        complete_through: the last local day that is over; the scope's day itself may still be running.
        period: how people are put into cohorts.
        kinds: what counts as active.
        limits: where alarms go off.
        groups: the groups of the community's board.
        days: the days after joining that are looked at.
    """

    scope: Scope
    complete_through: date
    period: Period
    kinds: tuple[str, ...]
    limits: Limits
    groups: tuple[MeasuredGroup, ...]
    days: tuple[int, ...] = DAYS


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """People who acted ``distance`` periods after their first act in the period ``cohort``, of ``size`` people."""

    cohort: str
    distance: int
    people: int
    size: int


@dataclass(frozen=True, slots=True)
class CohortMeasure:
    """Stay and activity cells by cohort, their means over what has come due, and the activity matrix."""

    stay: tuple[Cell, ...]
    active: tuple[Cell, ...]
    mean_stay: tuple[Cell, ...]
    mean_active: tuple[Cell, ...]
    matrix: tuple[MatrixCell, ...]


@dataclass(frozen=True, slots=True)
class GroupMeasure:
    """One line of the group board; ``health`` is None when nobody is in the group."""

    group: MeasuredGroup
    counts: GroupCounts
    health: Health | None
    alarms: tuple[Alarm, ...]

    @property
    def ringing(self) -> tuple[Alarm, ...]:
        """The alarms that went off."""
        return tuple(alarm for alarm in self.alarms if alarm.fires)


@dataclass(frozen=True, slots=True)
class DayMeasure:
    """What was found as of the day of a plan."""

    plan: Plan
    seen: Dirt
    cohort: CohortMeasure
    board: tuple[GroupMeasure, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """
    How a measurement came by its counts.

    Args:
        rows_read: events read, of ``rows_in_history``.
        seconds: how long that and the counting took.
        whole: why the whole history was read; empty when only what was new was.
        reopened: past days that changed since they were measured.
    """

    rows_read: int
    rows_in_history: int
    seconds: float
    whole: str = ""
    reopened: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Measurement:
    """The day that was asked for, past days measured again because they changed, and how it was read."""

    day: DayMeasure
    again: tuple[DayMeasure, ...]
    reading: Reading
