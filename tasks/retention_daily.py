"""
The daily measurement: the community's tally carried on by what is new, and what it says as of the day.

Past days that are still open are measured again when something late touched them. The rules are in
``qunflow.retention.tally.tally``, where the tally lies in ``qunflow.store.retention_state``.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from qunflow.clock import local_day
from qunflow.community.finality import is_final
from qunflow.retention.plan import DayMeasure, Measurement, Plan, Reading
from qunflow.retention.shaping import board_of, cohorts_of
from qunflow.retention.tally.reading import (
    cohort_rows,
    day_of_number,
    dirt_of,
    group_rows,
    leave_streaks,
    matrix_rows,
    number_of,
)
from qunflow.retention.tally.tally import Tally
from qunflow.runtime.stage import StageRun
from qunflow.store import figures
from qunflow.store.retention_state import Carried, Source, carry_on, settle
from tasks.step import step

STREAK_LOOKBACK_DAYS = 60


def is_usual(run: StageRun, plan: Plan) -> bool:
    """Whether the tally is made for what a plan counts as active."""
    return sorted(plan.kinds) == sorted(run.community.retention.active_kinds)


@step("留存:算增量", timeout_s=1800)
def measure_new(run: StageRun, plan: Plan) -> Measurement:
    """Cohorts, matrix, groups and dirt as of the plan's day, and as of open days that changed."""
    started = time.perf_counter()
    found = carry_on(_folder(run), _source(run, plan), partial(_asked, run, plan))
    return replace(found, reading=replace(found.reading, seconds=time.perf_counter() - started))


def settle_reopened(run: StageRun, reading: Reading) -> None:
    """Note that what changed in the past is in the figures now."""
    if reading.reopened and not run.backfill:
        settle(_folder(run), [number_of(day) for day in reading.reopened])


def _folder(run: StageRun) -> Path:
    return run.runtime.directory / "state" / "retention" / run.community.key


def _source(run: StageRun, plan: Plan) -> Source:
    return Source(run.runtime.history, run.runtime.store, plan.scope, plan.kinds, run.zone)


def _asked(run: StageRun, plan: Plan, tally: Tally, carried: Carried) -> Measurement:
    reopened = tuple(day_of_number(day) for day in carried.reopened)
    days = _open(run, plan, reopened)
    again = [replace(plan, scope=replace(plan.scope, day=day), complete_through=day) for day in days]
    return Measurement(
        _as_of(tally, plan, carried),
        tuple(_as_of(tally, one, carried) for one in again),
        Reading(carried.rows_read, carried.rows_in_history, carried.seconds, carried.rebuilt, reopened),
    )


def _as_of(tally: Tally, plan: Plan, carried: Carried) -> DayMeasure:
    through = plan.complete_through
    stayed, acted, _ = cohort_rows(tally, plan.period, plan.scope.day)
    streaks = leave_streaks(tally, through - timedelta(days=STREAK_LOOKBACK_DAYS), through)
    return DayMeasure(
        plan,
        dirt_of(tally, plan.scope.day, carried.in_the_future),
        cohorts_of(plan, stayed, acted, matrix_rows(tally, plan.period, plan.scope.day)),
        board_of(plan, group_rows(tally, through), streaks),
    )


def _open(run: StageRun, plan: Plan, reopened: tuple[date, ...]) -> list[date]:
    """Days before the run's that were measured, are not final, and are not before everything that changed."""
    if not reopened or run.backfill or plan.period != run.community.retention.period:
        return []
    after, today = run.community.figures.final_after_days, local_day(run.now, run.zone)
    days = [run.day - timedelta(days=number) for number in range(after, 0, -1)]
    with run.runtime.store.reading() as conn:
        return [
            day
            for day in days
            if not is_final(day, today, after)
            and min(reopened) <= day
            and figures.current(conn, run.community.key, "retention", day)
        ]
