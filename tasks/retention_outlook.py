"""
What is ahead, in a run: the stay rate drawn on and the risk to leave, worked out from the history, as figures.

``stay_forecast``, ``stay_forecast_low``, ``stay_forecast_high`` {day}: of how many people is the denominator ·
``stay_reached`` {day}: what the same cohorts have shown · ``stay_forecast_state`` {state}: told, or why there is no
forecast · ``churn_risk`` {band}: members, of whom numerator are expected to leave in a week; only where risks may be
shown · ``churn_state`` {state}: shown, or why not · ``churn_brier``, ``churn_brier_base``, ``churn_auc`` of the
held-out weeks · ``churn_told``, ``churn_left`` {bin}.
Who may leave is in none of them. They are what was expected on their day: what arrives later does not change them, so
they have a stage of their own, whose days are not measured again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial

import pandas as pd
from sqlalchemy import Connection

from data_checks.retention_outlook import OUTLOOK
from qunflow import runtime
from qunflow.retention.outlook import churn
from qunflow.retention.outlook.forecast import Forecast, TooLittle, courses_of, forecast
from qunflow.retention.periods import first_day
from qunflow.retention.plan import CohortMeasure, DayMeasure, Plan
from qunflow.runtime.leaving import churn_outlook
from qunflow.runtime.stage import StageRun
from qunflow.runtime.telling import terms_of
from qunflow.store import figures
from qunflow.store.figures import Figure
from tasks.checks import check, publish
from tasks.retention_figures import figure
from tasks.retention_outlook_page import engineers_page
from tasks.step import step

STAGE = "retention_outlook"
AHEAD_DAYS = (14, 30, 60, 90)
# Older cohorts joined another community: its offers, its people and its habits were others.
POOLED_DAYS = 120
_figure = partial(figure, stage=STAGE)


@step("留存:往后估", timeout_s=300)
def foresee_stay(plan: Plan, cohort: CohortMeasure) -> Forecast | TooLittle:
    """The stay rate of the last months' cohorts drawn on; the same cells on the same day give the same figures."""
    recent = plan.scope.day - timedelta(days=POOLED_DAYS)
    cells = [cell for cell in cohort.stay if first_day(cell.cohort) >= recent]
    return forecast(courses_of(cells), AHEAD_DAYS, seed=plan.scope.day.toordinal())


@step("留存:谁可能走", timeout_s=1800)
def weigh_churn(plan: Plan) -> churn.ChurnOutlook:
    """Learn from the weeks behind who leaves, and hold it against today's members."""
    here = runtime.current()
    community = here.workspace.community(plan.scope.community)
    return churn_outlook(here, community, plan.scope, plan.kinds, plan.complete_through)


@step("留存:记往后看", timeout_s=300)
def keep_outlook(run: StageRun, found: Sequence[Figure]) -> int:
    """Record the day's figures; the same again changes nothing. Returns how many are new or revised."""

    def record(conn: Connection) -> int:
        terms = terms_of(conn, run)
        return figures.record_day(conn, run.community.key, STAGE, run.day, found, run.now, terms=terms)

    return run.runtime.store.write(record)


def look_ahead(run: StageRun, day: DayMeasure) -> dict[str, int | str]:
    """
    Everything about the days ahead, step by step.

    Returns:
        For the run's summary: ``outlook_changed`` figures, and ``forecast`` and ``churn``: told, shown, or why not.

    Raises:
        CheckFailed: a figure cannot be right; none of them is kept.
    """
    stay, leaving = foresee_stay(day.plan, day.cohort), weigh_churn(day.plan)
    found = [*forecast_figures(day.plan, stay), *churn_figures(day.plan, leaving)]
    check(outlook_frame(found), OUTLOOK, run.run_id)
    changed = keep_outlook(run, found)
    publish_outlook(day.plan, stay, leaving)
    told = stay.reason if isinstance(stay, TooLittle) else "told"
    return {"outlook_changed": changed, "forecast": told, "churn": leaving.state}


def outlook_frame(found: Sequence[Figure]) -> pd.DataFrame:
    """What the check looks at: one row a figure, and one that counts the expectations outside their own range."""
    rows = [(f.name, str(sorted(f.dimensions.items())), f.value, f.numerator, f.denominator) for f in found]
    parts = ("stay_forecast_low", "stay_forecast", "stay_forecast_high")
    ranges = [{f.dimensions["day"]: float(f.value or 0) for f in found if f.name == part} for part in parts]
    low, middle, high = ranges
    odd = sum(not low[day] <= share <= high[day] for day, share in middle.items())
    frame = pd.DataFrame(
        [*rows, ("ranges_out_of_order", "", odd, None, None)],
        columns=["name", "dimensions", "value", "numerator", "denominator"],
    )
    return frame.astype({"value": "float64", "numerator": "float64", "denominator": "float64"})


@step("留存:往后看的数据页", timeout_s=120)
def publish_outlook(plan: Plan, stay: Forecast | TooLittle, leaving: churn.ChurnOutlook) -> None:
    """Show the engineer's page in the Prefect UI: fits, ranges, calibration."""
    words = runtime.current().language
    publish("report-retention-outlook", engineers_page(stay, leaving, words), words.text("outlook.engineer.title"))


def forecast_figures(plan: Plan, stay: Forecast | TooLittle) -> list[Figure]:
    """The figures of a forecast, or of why there is none."""
    if isinstance(stay, TooLittle):
        made_of = (stay.found, stay.needed)
        return [_figure(plan, "stay_forecast_state", stay.found, "count", {"state": stay.reason}, made_of)]
    told = [_figure(plan, "stay_forecast_state", stay.people, "count", {"state": "told"})]
    for seen in stay.reached:
        made_of = (round(seen.people), round(seen.size))
        told.append(_figure(plan, "stay_reached", seen.share, "rate", {"day": str(seen.day)}, made_of))
    for point in stay.ahead:
        shares = {"stay_forecast": point.share, "stay_forecast_low": point.low, "stay_forecast_high": point.high}
        day = {"day": str(point.day)}
        told += [_figure(plan, name, share, "rate", day, (None, stay.people)) for name, share in shares.items()]
    return told


def churn_figures(plan: Plan, leaving: churn.ChurnOutlook) -> list[Figure]:
    """The figures of the risk to leave, or of why it is not shown."""
    past, state = leaving.judged, {"state": str(leaving.state)}
    if isinstance(past, churn.NoRisk):
        return [_figure(plan, "churn_state", past.found, "count", state, (past.found, past.needed))]
    return [
        _figure(plan, "churn_state", leaving.members, "count", state),
        *_check_figures(plan, past.check),
        *(
            _figure(plan, "churn_risk", one.people, "count", {"band": one.band}, (round(one.expected), one.people))
            for one in leaving.bands
        ),
    ]


def _check_figures(plan: Plan, check: churn.Check) -> Iterable[Figure]:
    for name, value in (("brier", check.brier), ("brier_base", check.brier_base), ("auc", check.auc)):
        yield _figure(plan, f"churn_{name}", value, "rate", {})
    for number, one in enumerate(check.bins, start=1):
        place = {"bin": f"{number:02}"}
        yield _figure(plan, "churn_told", one.told, "rate", place)
        yield _figure(plan, "churn_left", one.leavers / one.people, "rate", place, (one.leavers, one.people))
