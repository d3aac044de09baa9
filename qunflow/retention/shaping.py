"""From counted rows to what a measurement says: cells with what has come due, means, health and alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qunflow.retention import health
from qunflow.retention.care import alarms
from qunflow.retention.cells import cells_of, weighted_means
from qunflow.retention.periods import label_of
from qunflow.retention.plan import CohortMeasure, GroupMeasure, MatrixCell, MeasuredGroup, Plan

Rows = Sequence[Mapping[str, Any]]


def cohorts_of(plan: Plan, stayed: Rows, acted: Rows, matrix: Rows) -> CohortMeasure:
    """Rows as ``whole`` and ``tally.reading`` give them."""
    stay = cells_of(stayed, plan.period, plan.days, plan.complete_through)
    active = cells_of(acted, plan.period, plan.days, plan.complete_through)
    sizes = {row["cohort"]: row["people"] for row in matrix if row["distance"] == 0}
    return CohortMeasure(
        stay=stay,
        active=active,
        mean_stay=weighted_means(stay, plan.days),
        mean_active=weighted_means(active, plan.days),
        matrix=tuple(
            MatrixCell(label_of(row["cohort"], plan.period), row["distance"], row["people"], sizes[row["cohort"]])
            for row in matrix
        ),
    )


def board_of(plan: Plan, rows: Mapping[int, Mapping[str, int]], streaks: Mapping[int, int]) -> tuple[GroupMeasure, ...]:
    """
    Health and alarms of each group of the plan.

    Args:
        rows: the counts of ``groups.group_counts`` by group.
        streaks: by group the days in a row with leavers, up to the last that is over.
    """
    return tuple(
        _line(plan, group, rows.get(group.group_id, {}), streaks.get(group.group_id, 0)) for group in plan.groups
    )


def _line(plan: Plan, group: MeasuredGroup, row: Mapping[str, int], streak: int) -> GroupMeasure:
    through = plan.complete_through
    counts = health.GroupCounts(group.group_id, **row, leave_streak_days=streak)
    rung = alarms.alarms_of(counts, group.opened_on, through, plan.limits)
    return GroupMeasure(group, counts, health.health_of(counts), rung)
