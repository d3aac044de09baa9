"""The retention flow: the day measured, dirt told, the same day twice nothing new, failures in words."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from flows.retention import retention
from qunflow import runtime
from qunflow.clock import FixedClock
from qunflow.errors import BadInput, CheckFailed, ConfigurationError, StoreBusy
from qunflow.retention.params import RetentionParams
from qunflow.runtime import Runtime, open_runtime
from qunflow.runtime.stage import StageRun
from qunflow.settings.scaffold import write_workspace
from qunflow.store import figure_changes, figures, members, runs
from qunflow.store.figures import Figure, Reason
from qunflow.store.importing.events import EventFile, import_events
from qunflow.store.importing.mapping import parse_kinds, parse_map
from qunflow.store.tables import check_results
from tasks.checks import check
from tasks.retention_publishing import require_grade

DAY = date(2026, 2, 2)
NOON = datetime(2026, 2, 2, 4, tzinfo=UTC)
MAP = "actor=who,event=what,at=when,group=group"
# Five join in the week of 5 January; one leaves after three days, one in the fourth week. Two more come later.
LOG = """who,what,when,group
a,join,2026-01-05 10:00,{first}
b,join,2026-01-05 10:00,{first}
c,join,2026-01-06 10:00,{first}
d,join,2026-01-07 10:00,{second}
e,join,2026-01-11 10:00,{second}
a,message,2026-01-06 11:00,{first}
b,checkin,2026-01-12 11:00,
c,leave,2026-01-09 11:00,{first}
d,leave,2026-01-30 11:00,{second}
f,join,2026-01-30 10:00,{first}
f,message,2026-01-31 10:00,{first}
g,join,2026-02-02 10:00,{first}
"""
DIRT = """who,what,when,group
a,join,2026-01-20 10:00,{first}
z,leave,2026-01-20 10:00,{first}
y,message,2026-01-20 10:00,{first}
y,message,2026-01-20 10:00,{first}
"""

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def here(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A workspace at noon of a Monday with a month of imported history, made the runtime of this process."""
    variables = {
        "QUNFLOW_WECOM_BASE_URL": "http://127.0.0.1:9",
        "QUNFLOW_WECOM_CORP_ID": "wwtest",
        "QUNFLOW_WECOM_SECRET": "test-secret",
        "QUNFLOW_WECOM_AGENT_ID": "1000002",
    }
    folder = write_workspace(tmp_path / "brand", None, date(2026, 1, 1), variables=variables)
    shutil.copy(sqlite_template, folder / "state" / "qunflow.sqlite3")
    monkeypatch.setenv("QUNFLOW_WORKSPACE", str(folder))
    opened = replace(open_runtime(folder), clock=FixedClock(NOON))
    opened.store.write(lambda conn: members.sync_groups(conn, opened.workspace))
    with runtime.using(opened):
        bring(opened, LOG)
        yield opened
    opened.close()


def bring(here: Runtime, text: str) -> None:
    community = here.workspace.communities[0]
    first, second = (group.name for group in community.groups[:2])
    path = here.directory / "log.csv"
    path.write_text(text.format(first=first, second=second), encoding="utf-8")
    file = EventFile(path, parse_map(MAP), parse_kinds(""), community.zone_info)
    import_events(here.store, here.vault, here.history, file, community, here.clock.now())


def measure(day: date = DAY, **params: Any) -> dict[str, Any]:
    return dict(retention(RetentionParams(day=day.isoformat(), **params)))


def kept(here: Runtime, name: str, day: date = DAY) -> list[Figure]:
    with here.store.reading() as conn:
        return figures.current(conn, here.workspace.communities[0].key, "retention", day, name=name)


def cells(here: Runtime, name: str) -> dict[tuple[str, str], tuple[int | None, int | None]]:
    return {(f.dimensions["cohort"], f.dimensions["day"]): (f.numerator, f.denominator) for f in kept(here, name)}


def verdicts(here: Runtime, run_id: int) -> dict[str, bool]:
    """Passed or not by expectation; of two of one name the failed one."""
    with here.store.reading() as conn:
        rows = conn.execute(select(check_results).where(check_results.c.run_id == run_id)).all()
    return {row.expectation: row.passed for row in sorted(rows, key=lambda row: row.passed, reverse=True)}


def test_a_day_is_measured(here: Runtime) -> None:
    """Stay and activity by cohort with blank immature cells, health and alarms of each group."""
    summary = measure()

    stay = cells(here, "stay_rate")
    assert [stay["2026-01-05", day] for day in ("1", "3", "7", "14")] == [(5, 5), (4, 5), (4, 5), (4, 5)]
    assert stay["2026-01-05", "30"] == (None, 5)
    assert stay["2026-02-02", "1"] == (None, 1)
    active = cells(here, "active_rate")
    assert (active["2026-01-05", "1"], active["2026-01-05", "7"]) == ((1, 5), (1, 5))
    first = here.workspace.communities[0].groups[0].key
    health = {figure.dimensions["group"]: figure.value for figure in kept(here, "group_health")}
    assert 0 < float(health[first] or 0) <= 100
    matrix = {(f.dimensions["cohort"], f.dimensions["offset"]): f.value for f in kept(here, "activity_matrix")}
    assert matrix == {("2026-01-05", "0"): 1, ("2026-01-12", "0"): 1, ("2026-01-26", "0"): 1}
    assert summary["rows_in"] == 12
    assert "parts_changed" not in summary
    assert summary["checks_total"] - summary["checks_passed"] == summary["warnings"] == 1


def test_an_unfinished_day_is_not_due(here: Runtime) -> None:
    """At noon of the day the cell of that day is blank; the day after it has its number."""
    bring(here, "who,what,when,group\nh,join,2026-02-01 10:00,{first}\n")
    measure(period="day")
    assert cells(here, "stay_rate")["2026-02-01", "1"] == (None, 1)

    here.clock.at = datetime(2026, 2, 3, 4, tzinfo=UTC)  # type: ignore[attr-defined]
    measure(period="day")

    assert cells(here, "stay_rate")["2026-02-01", "1"] == (1, 1)


def test_the_same_day_twice_changes_nothing(here: Runtime) -> None:
    """Measured again, every figure is the one recorded first; nothing is added."""
    first = measure()

    again = measure()

    assert (first["figures_changed"], again["figures_changed"]) == (first["rows_out"], 0)


def test_another_cohort_period_replaces_the_day(here: Runtime) -> None:
    """Cells of the old cohorts do not stay behind beside the new ones."""
    measure(period="week")

    measure(period="month")

    assert {figure.dimensions["cohort"] for figure in kept(here, "cohort_size")} == {"2026-01", "2026-02"}


def test_a_late_event_revises_a_figure(here: Runtime) -> None:
    """A leave that is learned of later changes the cell and keeps the old value as a revision."""
    measure()
    bring(here, "who,what,when,group\ne,leave,2026-01-12 10:00,{second}\n")

    measure()

    assert cells(here, "stay_rate")["2026-01-05", "3"] == (3, 5)
    key = here.workspace.communities[0].key
    with here.store.reading() as conn:
        known = [r for r in figures.revisions(conn, key, "stay_rate", DAY) if r.figure.dimensions["day"] == "3"]
    values = [r.figure.numerator for r in known if r.figure.dimensions["cohort"] == "2026-01-05"]
    assert values == [4, 3]


def test_dirt_is_reported_and_harmless(here: Runtime) -> None:
    """Joins while in, leaves without a join and speakers who never joined warn; the figures stay as they were."""
    measure()
    clean = cells(here, "stay_rate")
    bring(here, DIRT)

    summary = measure()

    assert cells(here, "stay_rate") == clean
    with here.store.reading() as conn:
        run = runs.latest(conn, here.workspace.communities[0].key, "retention")
    assert run is not None
    failed = {name for name, passed in verdicts(here, run.run_id).items() if not passed}
    assert failed == {
        f"column_max_to_be_between({column})"
        for column in (
            "joins_while_in",
            "leaves_without_join",
            "speakers_without_join",
            "duplicates",
            "days_without_events",
        )
    }
    assert summary["warnings"] == 5


def test_a_transient_failure_recovers(here: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is busy once does not fail the day."""
    record_day, calls = figures.record_day, []

    def busy_once(*given: Any, **named: Any) -> int:
        calls.append(given[2])
        if len(calls) == 1:
            raise StoreBusy("locked", "try again")
        return record_day(*given, **named)

    monkeypatch.setattr(figures, "record_day", busy_once)
    monkeypatch.setattr("tasks.retention.keep_figures", keep_at_once())

    measure()

    assert calls == ["retention", "retention", "retention_care", "retention_outlook"]
    assert kept(here, "stay_rate") != []


def keep_at_once() -> Any:
    """The task with its retries and without their waits."""
    from tasks.retention import keep_figures

    return keep_figures.with_options(retry_delay_seconds=0)


def test_a_permanent_failure_is_reported(here: Runtime) -> None:
    """A damaged history file fails the run once, with the file named in the runs table."""
    damaged = next((here.directory / "history").rglob("*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-10])

    with pytest.raises(BadInput, match="damaged"):
        measure()

    with here.store.reading() as conn:
        (run,) = runs.of_day(conn, here.workspace.communities[0].key, DAY)
    assert (run.state, damaged.name in run.problem) == ("failed", True)
    assert kept(here, "stay_rate") == []


def test_impossible_figures_are_not_kept(here: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A critical check stops the stage before its figures are recorded, and its verdict is stored."""
    from tasks import retention as measuring

    frame = measuring.figures_frame
    monkeypatch.setattr(measuring, "figures_frame", lambda found: frame(found).assign(value=-1.0))

    with pytest.raises(CheckFailed, match="retention_out"):
        measure()

    assert kept(here, "stay_rate") == []
    with here.store.reading() as conn:
        (run,) = runs.of_day(conn, here.workspace.communities[0].key, DAY)
    assert verdicts(here, run.run_id)["column_values_to_be_between(value)"] is False


def test_a_kind_that_does_not_exist_is_told(here: Runtime) -> None:
    """A slip in the form is answered with the likely word, not with an empty matrix."""
    with pytest.raises(ConfigurationError, match="did you mean 'message'"):
        measure(active_kinds=("messages",))


def test_the_first_day_has_nothing_to_measure(here: Runtime) -> None:
    """Before anybody joined the stage completes, with a warning and without cohorts."""
    summary = measure(date(2026, 1, 2))

    assert summary["rows_in"] == 0
    assert kept(here, "stay_rate", date(2026, 1, 2)) == []


def test_the_report_shows_pictures_and_dirt(here: Runtime) -> None:
    """The stage report in the Prefect UI has both heat-maps, the board of all groups and what is odd in the log."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
    from prefect.client.schemas.sorting import ArtifactSort

    bring(here, DIRT)
    measure()

    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=["report-retention"]))
    with get_client(sync_client=True) as client:
        [newest] = client.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC, limit=1)
    text = str(newest.data)
    pictures = [base64.b64decode(part).decode() for part in re.findall(r"svg\+xml;base64,([^)]+)", text)]
    assert len(pictures) == 3
    assert "未到期</title>" in pictures[0]
    assert all(group.name in pictures[2] for group in here.workspace.communities[0].groups)
    assert "没入群就退群（不计）: 1" in text
    assert "全量：读了 16 行，历史 16 行" in text


def graded(here: Runtime, letter: str, day: date) -> None:
    key = here.workspace.communities[0].key
    made = Figure(key, "acquisition", "completeness", day, letter, "text", "roster+callbacks+statistics")
    here.store.write(lambda conn: figures.record(conn, [made], here.clock.now()))


def with_setting(here: Runtime, **settings: Any) -> Any:
    """The runtime with other settings of retention, for the length of a block."""
    (community,) = here.workspace.communities
    changed = community.model_copy(update={"retention": community.retention.model_copy(update=settings)})
    return runtime.using(replace(here, workspace=here.workspace.model_copy(update={"communities": (changed,)})))


def test_cohorts_are_split_where_the_settings_ask_for_it(here: Runtime) -> None:
    """The parts of each cell add up to it, and are blank where it is."""
    key, owners = here.workspace.communities[0].key, [one.owner for one in here.workspace.communities[0].groups[:2]]
    with with_setting(here, split_by=("owner", "entry")):
        assert measure()["parts_changed"] > 0
    with here.store.reading() as conn:
        found = figures.current(conn, key, "retention_parts", DAY, name="part_stay_rate")

    week = [f for f in found if (f.dimensions["cohort"], f.dimensions["day"]) == ("2026-01-05", "3")]
    by_owner = {f.dimensions["owner"]: (f.numerator, f.denominator) for f in week if "owner" in f.dimensions}
    assert by_owner == {owners[0]: (2, 3), owners[1]: (2, 2)}
    assert sum(f.denominator or 0 for f in week if "how" in f.dimensions) == 5
    assert {f.value for f in found if f.dimensions["day"] == "30" and f.dimensions["cohort"] == "2026-01-26"} == {None}


def test_figures_are_withheld_while_the_data_are_worse_than_the_setting(here: Runtime) -> None:
    """Ungraded and D-graded data publish nothing and say why; graded B they are published, with their grade later."""
    with with_setting(here, publish_from_grade="B"):
        with pytest.raises(CheckFailed, match="no completeness grade") as ungraded:
            measure()
        graded(here, "D", DAY - timedelta(days=1))
        with pytest.raises(CheckFailed, match="2026-02-01 have completeness D, and publish_from_grade is B"):
            measure()
        assert kept(here, "stay_rate") == []
        graded(here, "B", DAY - timedelta(days=1))
        measure()
    assert "run acquisition" in ungraded.value.next_step
    assert kept(here, "stay_rate") != []
    with here.store.reading() as conn:
        last = runs.of_day(conn, here.workspace.communities[0].key, DAY)
    assert [run.state for run in last] == ["failed", "failed", "completed"]


def test_the_verdict_of_each_day_of_a_run_is_kept(here: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A past day that is withheld stays in the table of checks beside the day that passed."""
    before = DAY - timedelta(days=1)
    monkeypatch.setattr("tasks.retention_publishing.check", check.fn)
    graded(here, "A", DAY)
    graded(here, "D", before)
    with with_setting(here, publish_from_grade="B") as changed:
        run_id = here.store.write(lambda conn: runs.start(conn, "retention", "neighbours", DAY, False, NOON))
        community = changed.workspace.communities[0]
        run = StageRun("retention", changed, community, DAY, NOON, False, False, run_id=run_id or 0)
        require_grade(run, DAY)
        with pytest.raises(CheckFailed, match=f"of {before} are withheld"):
            require_grade(run, before)
    with here.store.reading() as conn:
        suites = conn.execute(
            select(check_results.c.suite, check_results.c.passed).where(
                check_results.c.run_id == run.run_id, check_results.c.expectation.contains("grade")
            )
        )
        assert {(row.suite, row.passed) for row in suites} >= {
            ("retention_publish", True),
            ("retention_publish_0201", False),
        }


def test_a_grade_never_holds_figures_back_unless_the_settings_say_so(here: Runtime) -> None:
    """By default a D is told beside the figures and stops nothing."""
    graded(here, "D", DAY)
    measure()
    assert {figure.grade for figure in kept(here, "stay_rate")} == {"D"}


def test_a_late_event_after_the_figure_is_final_stands_beside_it(here: Runtime) -> None:
    """A backfill a week later leaves the told figure, keeps the correction with its reason, and changes it only when
    the form says so."""
    measure()
    key = here.workspace.communities[0].key
    with runtime.using(replace(here, clock=FixedClock(NOON + timedelta(days=7)))):
        measure(backfill=True)
        told = cells(here, "stay_rate")["2026-01-05", "3"]
        bring(here, "who,what,when,group\ne,leave,2026-01-12 10:00,{second}\n")
        measure(backfill=True)
        assert cells(here, "stay_rate")["2026-01-05", "3"] == told
        with here.store.reading() as conn:
            late = [one for one in figure_changes.changes(conn, key, name="stay_rate") if not one.applied]
        assert {(one.reason, one.old_fraction, one.new_fraction) for one in late if one.dimensions["day"] == "3"} == {
            (Reason.BACKFILL, (4, 5), (3, 5))
        }
        measure(backfill=True, reopen=True)
    assert cells(here, "stay_rate")["2026-01-05", "3"] == (3, 5)


def test_what_is_done_about_it_follows_the_measurement(here: Runtime) -> None:
    """Each group has its stage in figures, and the run tells what was asked for; a rehearsal asks nobody."""
    summary = measure()

    assert {key: summary[key] for key in ("todos", "win_back", "ignored")} == {"todos": 0, "win_back": 0, "ignored": 0}
    with here.store.reading() as conn:
        found = figures.current(conn, here.workspace.communities[0].key, "retention_care", DAY, name="life_stage")
    assert {figure.value for figure in found} == {"dead", "talking"}
    assert len(found) == len(here.workspace.communities[0].groups)


def test_what_is_ahead_is_told_or_why_it_is_not(here: Runtime) -> None:
    """Seven people in a month are too few for a forecast and for risks: figures and the run's summary say so."""
    summary = measure()

    assert (summary["forecast"], summary["churn"]) == ("few_people", "few_weeks")
    assert (summary["outlook_changed"], measure()["outlook_changed"]) == (2, 0)
    with here.store.reading() as conn:
        found = figures.current(conn, here.workspace.communities[0].key, "retention_outlook", DAY)
    assert [(figure.name, figure.dimensions["state"], figure.value, figure.denominator) for figure in found] == [
        ("churn_state", "few_weeks", 1, 6),
        ("stay_forecast_state", "few_people", 5, 50),
    ]
