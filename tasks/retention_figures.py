"""
The figures retention writes: names, dimensions and what each is made of.

``stay_rate``, ``active_rate`` {cohort, day} · ``mean_…`` {day} over the cells that are due · ``cohort_size`` {cohort} ·
``activity_matrix`` {cohort, offset}: cells without people have no figure · ``group_health``, ``group_health_part``
{group, part}, ``leave_rate``, ``leave_streak_days`` {group} · ``alarm`` {group, rule}: 1 rings, 0 does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from qunflow.retention.cells import Cell
from qunflow.retention.plan import CohortMeasure, GroupMeasure, Plan
from qunflow.store.figures import Figure, Unit, Value

SOURCE = "history"


def figures_of(plan: Plan, cohort: CohortMeasure, board: Iterable[GroupMeasure]) -> list[Figure]:
    """Every figure of the stage for the plan's day."""
    return [*_cohort_figures(plan, cohort), *(one for line in board for one in _group_figures(plan, line))]


def _cohort_figures(plan: Plan, cohort: CohortMeasure) -> list[Figure]:
    sizes = {cell.cohort: cell.size for cell in cohort.stay}
    return [
        *(_rate(plan, "stay_rate", cell, cohort=cell.cohort) for cell in cohort.stay),
        *(_rate(plan, "active_rate", cell, cohort=cell.cohort) for cell in cohort.active),
        *(_rate(plan, "mean_stay_rate", cell) for cell in cohort.mean_stay),
        *(_rate(plan, "mean_active_rate", cell) for cell in cohort.mean_active),
        *(figure(plan, "cohort_size", size, "count", {"cohort": name}) for name, size in sizes.items()),
        *(
            figure(
                plan,
                "activity_matrix",
                cell.people,
                "count",
                {"cohort": cell.cohort, "offset": str(cell.distance)},
                (cell.people, cell.size),
            )
            for cell in cohort.matrix
        ),
    ]


def _group_figures(plan: Plan, line: GroupMeasure) -> list[Figure]:
    group, counts = {"group": line.group.key}, line.counts
    leavers, before = counts.leavers_month, counts.members_before
    parts = asdict(line.health) if line.health else {}
    return [
        figure(plan, "group_health", line.health.score if line.health else None, "count", group),
        *(
            figure(plan, "group_health_part", round(points, 1), "count", {**group, "part": part})
            for part, points in parts.items()
        ),
        figure(plan, "leave_rate", leavers / before if before else None, "rate", group, (leavers, before)),
        figure(plan, "leave_streak_days", counts.leave_streak_days, "days", group),
        *(
            figure(
                plan,
                "alarm",
                None if alarm.fires is None else int(alarm.fires),
                "count",
                {**group, "rule": alarm.rule},
                (alarm.people, alarm.among),
            )
            for alarm in line.alarms
        ),
    ]


def _rate(plan: Plan, name: str, cell: Cell, **dimensions: str) -> Figure:
    made_of = (cell.people, cell.size)
    return figure(plan, name, cell.rate, "rate", {**dimensions, "day": str(cell.day)}, made_of)


def figure(
    plan: Plan,
    name: str,
    value: Value,
    unit: Unit,
    dimensions: dict[str, str],
    made_of: tuple[int | None, int | None] = (None, None),
    *,
    stage: str = "retention",
) -> Figure:
    """A figure of the plan's community and day, worked out of the history; ``made_of`` numerator and denominator."""
    return Figure(
        community=plan.scope.community,
        stage=stage,
        name=name,
        as_of=plan.scope.day,
        value=value,
        unit=unit,
        source=SOURCE,
        dimensions=dimensions,
        numerator=made_of[0],
        denominator=made_of[1],
    )
