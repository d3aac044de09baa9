"""
Cohorts split by what the settings name (``retention.split_by``), as figures.

``part_stay_rate`` {dimension, cohort, day}: the dimension's name is its key, its value the part, "" where it is not
known. Entry is ``how``, as in acquisition's figures. They are read from the whole history, so nothing is split unless
somebody asks for it; they have a stage of their own, whose days are not measured again.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Connection

from data_checks.retention_parts import PARTS
from qunflow import runtime
from qunflow.retention.parts import PartCell
from qunflow.retention.plan import DayMeasure, Plan
from qunflow.runtime.retention_parts import cells_by_part
from qunflow.runtime.stage import StageRun
from qunflow.runtime.telling import terms_of
from qunflow.store import figures
from qunflow.store.figures import Figure
from tasks.checks import check
from tasks.step import step

STAGE, SOURCE = "retention_parts", "history"
# What a dimension is called in figures, where others call it otherwise already.
KEYS = {"entry": "how", "group_kind": "kind"}


@step("留存:分开看", timeout_s=1800)
def split_cohorts(plan: Plan, dimension: str) -> tuple[PartCell, ...]:
    """The stay rate of the newest cohorts by one dimension."""
    here = runtime.current()
    return cells_by_part(here, here.workspace.community(plan.scope.community), plan, dimension)


@step("留存:记分开看", timeout_s=300)
def keep_parts(run: StageRun, found: Sequence[Figure]) -> int:
    """Record the day's figures; the same again changes nothing. Returns how many are new or revised."""

    def record(conn: Connection) -> int:
        terms = terms_of(conn, run)
        return figures.record_day(conn, run.community.key, STAGE, run.day, found, run.now, terms=terms)

    return run.runtime.store.write(record)


def look_at_parts(run: StageRun, day: DayMeasure) -> dict[str, int]:
    """
    Split the cohorts of a run's day by everything the settings name.

    Returns:
        For the run's summary: ``parts_changed`` figures; nothing where nothing is asked for.

    Raises:
        CheckFailed: a figure cannot be right; none of them is kept.
    """
    wanted = run.community.retention.split_by
    if not wanted:
        return {}
    cells = {dimension: split_cohorts(day.plan, dimension) for dimension in wanted}
    found = [figure_of(day.plan, dimension, one) for dimension, of in cells.items() for one in of]
    lost = sum(people_lost(of, day) for of in cells.values())
    check(parts_frame(found, lost), PARTS, run.run_id)
    return {"parts_changed": keep_parts(run, found)}


def people_lost(found: Sequence[PartCell], day: DayMeasure) -> int:
    """How many people of the cohorts split are in no part, or in more than one."""
    parts: dict[str, int] = {}
    first_day = min(day.plan.days)
    for one in found:
        if one.cell.day == first_day:
            parts[one.cell.cohort] = parts.get(one.cell.cohort, 0) + one.cell.size
    whole = {cell.cohort: cell.size for cell in day.cohort.stay}
    return sum(abs(size - whole.get(cohort, 0)) for cohort, size in parts.items())


def parts_frame(found: Sequence[Figure], lost: int) -> pd.DataFrame:
    """What the check looks at: one row a figure, and one that counts who got lost."""
    rows = [(f.name, str(sorted(f.dimensions.items())), f.value, f.numerator, f.denominator) for f in found]
    columns = ["name", "dimensions", "value", "numerator", "denominator"]
    frame = pd.DataFrame([*rows, ("people_lost", "", lost, None, None)], columns=columns)
    return frame.astype({"value": "float64", "numerator": "float64", "denominator": "float64"})


def figure_of(plan: Plan, dimension: str, one: PartCell) -> Figure:
    """One cell as a figure."""
    cell = one.cell
    return Figure(
        community=plan.scope.community,
        stage=STAGE,
        name="part_stay_rate",
        as_of=plan.scope.day,
        value=cell.rate,
        unit="rate",
        source=SOURCE,
        dimensions={KEYS.get(dimension, dimension): one.part, "cohort": cell.cohort, "day": str(cell.day)},
        numerator=cell.people,
        denominator=cell.size,
    )
