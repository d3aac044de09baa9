"""
How retention is measured in a run, and its figures kept: by the tally (``retention_daily``), or over the whole history.

Both ways say the same. What travels between tasks are frozen values.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from data_checks.retention import OUTPUT
from qunflow import runtime
from qunflow.clock import day_bounds
from qunflow.community.finality import Reason
from qunflow.errors import CheckFailed, ConfigurationError, PermanentError
from qunflow.retention import groups, health, whole
from qunflow.retention.care import alarms
from qunflow.retention.dirt import Dirt, dirt
from qunflow.retention.events import Scope, counted
from qunflow.retention.params import RetentionParams
from qunflow.retention.plan import (
    CohortMeasure,
    DayMeasure,
    GroupMeasure,
    MeasuredGroup,
    Measurement,
    Plan,
    Reading,
)
from qunflow.retention.shaping import board_of, cohorts_of
from qunflow.runtime import telling
from qunflow.runtime.stage import StageRun
from qunflow.settings.words import did_you_mean
from qunflow.store import figures, members
from qunflow.store.events import KINDS
from tasks import retention_daily as daily
from tasks.checks import check, publish
from tasks.retention_figures import figures_of
from tasks.retention_publishing import require_grade
from tasks.retention_report import stage_report
from tasks.step import step


@step("留存:定口径", timeout_s=120)
def plan_measurement(run: StageRun, params: RetentionParams) -> Plan:
    """
    What this run measures: the community's settings, with what the form overrides.

    Raises:
        ConfigurationError: the form names a kind of event that does not exist.
    """
    settings = run.community.retention
    with run.runtime.store.reading() as conn:
        known = members.groups_of(conn, run.community.key)
    over = run.now >= day_bounds(run.day, run.zone)[1]
    return Plan(
        scope=Scope(
            community=run.community.key,
            group_ids=tuple(group.group_id for group in known),
            alone=len(run.runtime.workspace.communities) == 1,
            day=run.day,
            now=run.now,
        ),
        complete_through=run.day if over else run.day - timedelta(days=1),
        period=params.period or settings.period,
        kinds=_known_kinds(params.active_kinds) or settings.active_kinds,
        limits=alarms.Limits(
            settings.leave_alarm_new_group_d7,
            settings.leave_alarm_old_group_month,
            settings.leave_streak_days,
            settings.leave_streak_chance,
        ),
        groups=tuple(MeasuredGroup(group.group_id, group.group_key, group.name, group.opened_on) for group in known),
    )


def measure(run: StageRun, plan: Plan) -> Measurement:
    """What is new carried on; everything counted where the tally cannot answer: other kinds, or no room to keep it."""
    if not daily.is_usual(run, plan):
        return _measured_whole(run, plan, "other_kinds")
    try:
        return daily.measure_new(run, plan)
    except PermanentError:
        return _measured_whole(run, plan, "unwritable")


@step("留存:看历史", timeout_s=600)
def look_at_history(plan: Plan) -> Dirt:
    """Count what is odd in the community's history, in one pass."""
    row = dirt(runtime.current().history.table(), plan.scope).to_pandas().iloc[0]
    return Dirt(**{field.name: int(row[field.name]) for field in fields(Dirt)})


@step("留存:算各批", timeout_s=1800)
def measure_cohorts(plan: Plan, zone: str) -> CohortMeasure:
    """Stay and activity by cohort of joining, and the activity matrix by first act, over the whole history."""
    events = counted(runtime.current().history.table(), plan.scope)
    day = plan.scope.day
    stayed, acted = whole.cohort_rows(events, plan.kinds, plan.period, day, zone, plan.days)
    return cohorts_of(plan, stayed, acted, whole.matrix_rows(events, plan.kinds, plan.period, day, zone))


@step("留存:算各群", timeout_s=1800)
def measure_groups(plan: Plan) -> tuple[GroupMeasure, ...]:
    """Health and alarms of each group of the board, as of the last day that is over, over the whole history."""
    through = plan.complete_through
    events = counted(runtime.current().history.table(), plan.scope)
    rows = {int(row.pop("group_id")): row for row in _rows(groups.group_counts(events, plan.kinds, through))}
    since = through - timedelta(days=daily.STREAK_LOOKBACK_DAYS)
    days = _days_by_group(_rows(groups.leave_days(events, since, through)))
    return board_of(plan, rows, {group: health.streak_of(found, through) for group, found in days.items()})


@step("留存:记数字", timeout_s=300)
def keep_figures(run: StageRun, plan: Plan, found: list[figures.Figure], reason: Reason | None = None) -> int:
    """
    Record the figures of the day; the same figures again change nothing. Returns how many are new or revised.

    Args:
        reason: why they differ from those told before, where the caller knows.
    """
    key, day, at = plan.scope.community, plan.scope.day, run.runtime.clock.now()
    usual = (run.community.retention.period, run.community.retention.active_kinds)
    why = reason if (plan.period, plan.kinds) == usual else Reason.SETTINGS_CHANGED

    def record(conn: Connection) -> int:
        return figures.record_day(conn, key, "retention", day, found, at, terms=telling.terms_of(conn, run, why))

    return run.runtime.store.write(record)


def keep_again(run: StageRun, found: Measurement) -> list[date]:
    """
    Record the figures of open days that something late touched; returns those that were withheld.

    A day that is withheld is measured again by the next run.
    """
    withheld = []
    for day in found.again:
        rows = all_figures(day)
        check(figures_frame(rows), OUTPUT, run.run_id)
        try:
            require_grade(run, day.plan.scope.day)
        except CheckFailed:
            withheld.append(day.plan.scope.day)
            continue
        keep_figures(run, day.plan, rows, _why_again(run))
    if not withheld:
        daily.settle_reopened(run, found.reading)
    return withheld


@step("留存:出报告", timeout_s=120)
def publish_report(found: Measurement) -> None:
    """Show the stage report, with its pictures, in the Prefect UI."""
    here, scope = runtime.current(), found.day.plan.scope
    words, graded = here.language, telling.graded(here, scope.community, scope.day)
    publish("report-retention", stage_report(found, graded, words), words.text("retention.title"))


def dirt_frame(seen: Dirt) -> pd.DataFrame:
    """What the input check looks at: one row of counts."""
    return pd.DataFrame([asdict(seen)])


def figures_frame(found: list[figures.Figure]) -> pd.DataFrame:
    """What the output check looks at: one row a figure."""
    rows = [(f.name, str(sorted(f.dimensions.items())), f.value, f.numerator, f.denominator) for f in found]
    frame = pd.DataFrame(rows, columns=["name", "dimensions", "value", "numerator", "denominator"])
    return frame.astype({"value": "float64", "numerator": "float64", "denominator": "float64"})


def all_figures(day: DayMeasure) -> list[figures.Figure]:
    """Every figure of the stage for a day."""
    return figures_of(day.plan, day.cohort, day.board)


def notes_of(found: Measurement, changed: int, withheld: Sequence[date]) -> dict[str, object]:
    """What the row of the run says of it."""
    reading = found.reading
    return {
        "figures_changed": changed,
        "alarms": sum(len(line.ringing) for line in found.day.board),
        "rows_read": reading.rows_read,
        "rows_in_history": reading.rows_in_history,
        "read_whole": reading.whole,
        "reopened": [day.isoformat() for day in reading.reopened],
        "measured_again": [day.plan.scope.day.isoformat() for day in found.again],
        **({"withheld": [day.isoformat() for day in withheld]} if withheld else {}),
    }


def _measured_whole(run: StageRun, plan: Plan, why: str) -> Measurement:
    started = time.perf_counter()
    seen = look_at_history(plan)
    day = DayMeasure(plan, seen, measure_cohorts(plan, run.zone.key), measure_groups(plan))
    return Measurement(day, (), Reading(seen.events, seen.events, time.perf_counter() - started, why))


def _why_again(run: StageRun) -> Reason:
    with run.runtime.store.reading() as conn:
        known = telling.reason_of(conn, run)
    return Reason.LATE_EVENTS if known is Reason.RERUN else known


def _known_kinds(kinds: tuple[str, ...]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigurationError(
                f"active_kinds names {kind!r}, which is no kind of event", did_you_mean(kind, KINDS)
            )
    return kinds


def _rows(expression: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = expression.to_pandas().to_dict("records")
    return rows


def _days_by_group(rows: list[dict[str, Any]]) -> dict[int, set[date]]:
    days: dict[int, set[date]] = {}
    for row in rows:
        days.setdefault(int(row["group_id"]), set()).add(row["left_on"].date())
    return days
