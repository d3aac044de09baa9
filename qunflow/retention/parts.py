"""
Cohorts that fall apart: stay retention by how people came in, over the whole history by the public engine.

Which cells have come due is decided as everywhere (``cells``); where the dimension comes from is the callers' matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import ibis.expr.types as ir

from qunflow.retention import measure
from qunflow.retention.cells import Cell, cells_of
from qunflow.retention.measuring.query import Query
from qunflow.retention.periods import first_day
from qunflow.retention.plan import Plan
from qunflow.retention.whole import HISTORY

# So many of the newest cohorts; older ones came by channels of another time.
COHORTS = 12


@dataclass(frozen=True, slots=True)
class PartCell:
    """A cell of one part of a cohort; the part is "" where it is not known."""

    part: str
    cell: Cell


def part_cells(events: ir.Table, dimension: str, plan: Plan, zone: str) -> tuple[PartCell, ...]:
    """
    Stay retention of first joins, each cohort split by the value of ``dimension`` at the first join.

    Args:
        events: columns of the history with a text column of that name, none after the plan's day.
        zone: IANA name of the community's zone.
    """
    day = plan.scope.day
    query = Query(
        period=plan.period,
        total_intervals=COHORTS,
        date_to=day.isoformat(),
        timezone=zone,
        target_event=("join",),
        cohort_rule="first_time",
        definitions=("stay",),
        days=plan.days,
        split_by=dimension,
        # Late enough for every cell to be counted: whether it may be shown is decided below.
        as_of=(day + timedelta(days=max(plan.days) + 33)).isoformat(),
    )
    counted: dict[str, list[dict[str, object]]] = {}
    for row in measure(events, query, columns=HISTORY, notes=False).rows:
        if row.counts[0]:
            on = {f"on_{k}": row.counts[place] for place, k in enumerate(plan.days, start=1)}
            counted.setdefault(row.split, []).append({"cohort": first_day(row.label), "size": row.counts[0], **on})
    return tuple(
        PartCell(part, cell)
        for part, rows in sorted(counted.items())
        for cell in cells_of(rows, plan.period, plan.days, plan.complete_through)
    )
