"""The daily measurement in the flow: what is new is read, late days are measured again, both ways say the same."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from qunflow.retention.params import RetentionParams
from qunflow.retention.plan import DayMeasure
from qunflow.runtime import Runtime
from qunflow.runtime.stage import StageRun
from qunflow.store import figures
from qunflow.store.tables import figure_changes as changes_table
from tests.flows import test_retention_flow as brand
from tests.flows.test_retention_flow import DAY, DIRT, NOON, bring, kept, measure

here = brand.here
pytestmark = pytest.mark.usefixtures("prefect_server")
LATE = "who,what,when,group\ne,leave,2026-01-12 10:00,{second}\nb,message,2026-02-01 12:00,{first}\n"


def everything(here: Runtime, day: date = DAY) -> list[tuple[str, Any, Any, Any, Any]]:
    """Every current figure of a day."""
    with here.store.reading() as conn:
        found = figures.current(conn, here.workspace.communities[0].key, "retention", day)
    return [(f.name, f.dimensions, f.value, f.numerator, f.denominator) for f in found]


def noted(here: Runtime, summary: dict[str, Any]) -> tuple[Any, ...]:
    """How the run read the history."""
    return tuple(summary[name] for name in ("rows_read", "rows_in_history", "read_whole", "reopened"))


def test_a_day_reads_what_is_new(here: Runtime) -> None:
    """The first run reads the history, the next ones only what came since, and both say so."""
    assert noted(here, measure()) == (12, 12, "new", [])
    bring(here, LATE)

    assert noted(here, measure()) == (2, 14, "", ["2026-01-12", "2026-02-01"])
    assert noted(here, measure()) == (0, 14, "", [])


def test_old_files_are_not_needed(here: Runtime) -> None:
    """With every file that was read moved away, today's measure succeeds and says what a full count says."""
    measure()
    expected = everything(here)
    history = here.directory / "history"
    history.rename(here.directory / "elsewhere")
    history.mkdir()

    assert measure()["read_whole"] == ""

    assert everything(here) == expected


def test_both_ways_say_the_same(here: Runtime) -> None:
    """The figures of what was carried on are those of the public engine over the whole history."""
    from tasks import retention as measuring

    bring(here, DIRT)
    measure(date(2026, 2, 1))
    bring(here, LATE)
    measure()
    run = StageRun("retention", here, here.workspace.communities[0], DAY, NOON, False, False)
    plan = measuring.plan_measurement.fn(run, RetentionParams())
    whole = DayMeasure(
        plan,
        measuring.look_at_history.fn(plan),
        measuring.measure_cohorts.fn(plan, run.zone.key),
        measuring.measure_groups.fn(plan),
    )

    carried = measuring.daily.measure_new.fn(run, plan)

    assert (carried.reading.whole, carried.reading.rows_read) == ("", 0)
    assert carried.day.board == whole.board
    assert measuring.all_figures(carried.day) == measuring.all_figures(whole)
    assert replace(carried.day.seen, duplicates=0) == replace(whole.seen, duplicates=0)


def test_an_open_day_is_measured_again_when_something_late_touches_it(here: Runtime) -> None:
    """Yesterday's figures are revised with the reason; a day that is final, or was never measured, stays."""
    yesterday, final = date(2026, 2, 1), date(2026, 1, 29)
    measure(final)
    measure(yesterday)
    before = everything(here, final)
    measure()
    bring(here, LATE)

    summary = measure()

    assert summary["measured_again"] == [yesterday.isoformat()]
    stay = {(f.dimensions["cohort"], f.dimensions["day"]): f.numerator for f in kept(here, "stay_rate", yesterday)}
    assert stay["2026-01-05", "3"] == 3
    assert everything(here, final) == before
    with here.store.reading() as conn:
        reasons = conn.execute(select(changes_table.c.reason).where(changes_table.c.as_of == yesterday)).scalars()
        assert set(reasons) == {"late_events"}


@pytest.mark.soak
def test_days_made_up_leave_identical_figures(here: Runtime) -> None:
    """Measured day after day, or all at once afterwards: every figure of every day is the same."""
    days = [DAY - timedelta(days=number) for number in range(30 if os.environ.get("QUNFLOW_SOAK") else 2, -1, -1)]
    for day in days:
        here.clock.at = datetime(day.year, day.month, day.day, 23, tzinfo=UTC)  # type: ignore[attr-defined]
        measure(day)
    lived = [everything(here, day) for day in days]
    shutil.rmtree(here.directory / "state" / "retention")

    changed = [measure(day, backfill=True)["figures_changed"] for day in days]

    assert [everything(here, day) for day in days] == lived
    assert sum(changed) == 0


def test_a_run_that_dies_before_its_figures_is_made_up(here: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is kept, what was not told is told by the next run."""

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as cut:
        cut.setattr(figures, "record_day", die)
        with pytest.raises(RuntimeError):
            measure()

    summary = measure()

    assert (summary["rows_read"], summary["figures_changed"]) == (0, summary["rows_out"])
