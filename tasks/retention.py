"""
How retention is measured in a run: the rules of ``qunflow.retention`` executed over the history, figures kept.

Each task opens its own view of the history; what travels between them are frozen values.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow import runtime
from qunflow.clock import day_bounds
from qunflow.community.finality import Reason
from qunflow.errors import ConfigurationError
from qunflow.retention import alarms, cohorts, groups, health
from qunflow.retention.cells import cells_of, weighted_means
from qunflow.retention.dirt import Dirt, dirt
from qunflow.retention.events import Scope, counted
from qunflow.retention.params import RetentionParams
from qunflow.retention.periods import label_of
from qunflow.retention.plan import CohortMeasure, GroupMeasure, MatrixCell, MeasuredGroup, Plan
from qunflow.runtime import telling
from qunflow.runtime.stage import StageRun
from qunflow.settings.words import did_you_mean
from qunflow.store import figures, members
from qunflow.store.events import KINDS
from tasks.checks import publish
from tasks.retention_figures import figures_of
from tasks.retention_report import stage_report
from tasks.step import step

STREAK_LOOKBACK_DAYS = 60


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
            settings.leave_alarm_new_group_d7, settings.leave_alarm_old_group_month, settings.leave_streak_days
        ),
        groups=tuple(MeasuredGroup(group.group_id, group.group_key, group.name, group.opened_on) for group in known),
    )


@step("留存:看历史", timeout_s=600)
def look_at_history(plan: Plan) -> Dirt:
    """Count what is odd in the community's history, in one pass."""
    row = dirt(runtime.current().history.table(), plan.scope).to_pandas().iloc[0]
    return Dirt(**{field.name: int(row[field.name]) for field in fields(Dirt)})


@step("留存:算各批", timeout_s=1800)
def measure_cohorts(plan: Plan) -> CohortMeasure:
    """Stay and activity by cohort of joining, and the activity matrix by first act."""
    events = counted(runtime.current().history.table(), plan.scope)
    stayed = _rows(cohorts.stay_counts(events, plan.period, plan.days))
    acted = _rows(cohorts.active_counts(events, plan.kinds, plan.period, plan.days))
    stay = cells_of(stayed, plan.period, plan.days, plan.complete_through)
    active = cells_of(acted, plan.period, plan.days, plan.complete_through)
    matrix = _rows(cohorts.activity_matrix(events, plan.kinds, plan.period))
    sizes = {row["cohort"]: int(row["people"]) for row in matrix if row["distance"] == 0}
    return CohortMeasure(
        stay=stay,
        active=active,
        mean_stay=weighted_means(stay, plan.days),
        mean_active=weighted_means(active, plan.days),
        matrix=tuple(
            MatrixCell(
                label_of(row["cohort"].date(), plan.period),
                int(row["distance"]),
                int(row["people"]),
                sizes[row["cohort"]],
            )
            for row in matrix
        ),
    )


@step("留存:算各群", timeout_s=1800)
def measure_groups(plan: Plan) -> tuple[GroupMeasure, ...]:
    """Health and alarms of each group of the board, as of the last day that is over."""
    through = plan.complete_through
    events = counted(runtime.current().history.table(), plan.scope)
    rows = {row["group_id"]: row for row in _rows(groups.group_counts(events, plan.kinds, through))}
    days = _days_by_group(_rows(groups.leave_days(events, through - timedelta(days=STREAK_LOOKBACK_DAYS), through)))
    return tuple(_measured(group, rows.get(group.group_id, {}), days, plan) for group in plan.groups)


@step("留存:记数字", timeout_s=300)
def keep_figures(run: StageRun, plan: Plan, found: list[figures.Figure]) -> int:
    """Record the figures of the day; the same figures again change nothing. Returns how many are new or revised."""
    key, day, at = plan.scope.community, plan.scope.day, run.runtime.clock.now()
    usual = (run.community.retention.period, run.community.retention.active_kinds)
    reason = None if (plan.period, plan.kinds) == usual else Reason.SETTINGS_CHANGED

    def record(conn: Connection) -> int:
        return figures.record_day(conn, key, "retention", day, found, at, terms=telling.terms_of(conn, run, reason))

    return run.runtime.store.write(record)


@step("留存:出报告", timeout_s=120)
def publish_report(plan: Plan, seen: Dirt, cohort: CohortMeasure, board: tuple[GroupMeasure, ...]) -> None:
    """Show the stage report, with its pictures, in the Prefect UI."""
    here = runtime.current()
    words, graded = here.language, telling.graded(here, plan.scope.community, plan.scope.day)
    publish("report-retention", stage_report(plan, seen, cohort, board, graded, words), words.text("retention.title"))


def dirt_frame(seen: Dirt) -> pd.DataFrame:
    """What the input check looks at: one row of counts."""
    return pd.DataFrame([asdict(seen)])


def figures_frame(found: list[figures.Figure]) -> pd.DataFrame:
    """What the output check looks at: one row a figure."""
    rows = [(f.name, str(sorted(f.dimensions.items())), f.value, f.numerator, f.denominator) for f in found]
    frame = pd.DataFrame(rows, columns=["name", "dimensions", "value", "numerator", "denominator"])
    return frame.astype({"value": "float64", "numerator": "float64", "denominator": "float64"})


def all_figures(plan: Plan, cohort: CohortMeasure, board: tuple[GroupMeasure, ...]) -> list[figures.Figure]:
    """Every figure of the stage for the plan's day."""
    return figures_of(plan, cohort, board)


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


def _measured(group: MeasuredGroup, row: dict[str, Any], days: dict[int, set[date]], plan: Plan) -> GroupMeasure:
    through = plan.complete_through
    streak = health.streak_of(days.get(group.group_id, set()), through)
    numbers = {name: int(value) for name, value in row.items() if name != "group_id"}
    counts = health.GroupCounts(group.group_id, **numbers, leave_streak_days=streak)
    rung = alarms.alarms_of(counts, group.opened_on, through, plan.limits)
    return GroupMeasure(group, counts, health.health_of(counts), rung)
