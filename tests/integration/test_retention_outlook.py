"""What is ahead, from a history on the disk to figures and the engineer's page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data_checks.gate import gate
from data_checks.retention_outlook import OUTLOOK
from qunflow import runtime
from qunflow.cli import main
from qunflow.clock import FixedClock
from qunflow.errors import PermanentError
from qunflow.language import catalogue
from qunflow.retention.care.alarms import Limits
from qunflow.retention.cells import cells_of
from qunflow.retention.events import Scope, counted
from qunflow.retention.outlook.churn import ChurnOutlook
from qunflow.retention.outlook.churn_days import acts_of, member_days, seen_since, spans_of
from qunflow.retention.outlook.churn_tally import known_of
from qunflow.retention.outlook.forecast import Forecast, TooLittle
from qunflow.retention.plan import CohortMeasure, Plan
from qunflow.runtime import Runtime, open_runtime
from qunflow.settings.scaffold import write_workspace
from qunflow.store import figures
from qunflow.store.figures import Figure
from qunflow.store.retention_state import Source, carry_on
from tasks.retention_outlook import STAGE, churn_figures, forecast_figures, foresee_stay, outlook_frame, weigh_churn
from tasks.retention_outlook_page import engineers_page

FIRST, DAYS, PEOPLE = date(2026, 1, 5), 120, 600
THROUGH = FIRST + timedelta(days=DAYS - 1)


def season() -> pd.DataFrame:
    """Four months of one group: who falls silent leaves soon after."""
    chance = np.random.default_rng(4)
    rows: list[tuple[int, str, int, int]] = []
    for person in range(1, PEOPLE + 1):
        joined = int(chance.integers(0, 60))
        silent_from = joined + int(chance.integers(5, 150))
        rows.append((person, "join", joined, 9))
        for day in range(joined + 1, DAYS):
            if day >= silent_from + 3 and chance.random() < 0.06:
                rows.append((person, "leave", day, 20))
                break
            if day < silent_from and chance.random() < 0.25:
                rows.append((person, "message", day, 12))
    frame = pd.DataFrame(rows, columns=["person_id", "kind", "day", "hour"])
    start = pd.Timestamp(FIRST, tz="Asia/Shanghai")
    at = start + pd.to_timedelta(frame.day, unit="D") + pd.to_timedelta(frame.hour, unit="h")
    keys = [str(number) for number in range(len(frame))]
    frame = frame.assign(event_key=keys, happened_at=at.dt.tz_convert(UTC), local_day=at.dt.date, group_id=1)
    return frame.assign(recorded_at=frame.happened_at).drop(columns=["day", "hour"])


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Runtime]:
    """A workspace the morning after four months of one group."""
    variables = {
        "QUNFLOW_WECOM_BASE_URL": "http://127.0.0.1:9",
        "QUNFLOW_WECOM_CORP_ID": "wwtest",
        "QUNFLOW_WECOM_SECRET": "test-secret",
        "QUNFLOW_WECOM_AGENT_ID": "1000002",
    }
    root = tmp_path_factory.mktemp("outlook")
    folder = write_workspace(root / "brand", None, FIRST, variables=variables)
    shutil.copy(sqlite_template, folder / "state" / "qunflow.sqlite3")
    morning = datetime.combine(THROUGH + timedelta(days=1), datetime.min.time(), UTC)
    opened = replace(open_runtime(folder), clock=FixedClock(morning))
    opened.store.write(lambda conn: opened.history.append(conn, "test", "season", season()))
    with runtime.using(opened):
        yield opened
    opened.close()


def plan_of(here: Runtime, through: date = THROUGH) -> Plan:
    scope = Scope(here.workspace.communities[0].key, (), True, through, here.clock.now())
    return Plan(scope, through, "week", here.workspace.communities[0].retention.active_kinds, Limits(0.15, 0.1, 3), ())


def measured(plan: Plan) -> CohortMeasure:
    """The stay cells of a plan, counted by hand: here everybody joins once and leaves at most once."""
    log = season()[lambda rows: rows.local_day <= plan.scope.day]
    people = log[log.kind == "join"].set_index("person_id").local_day.to_frame("joined")
    people["left"] = log[log.kind == "leave"].set_index("person_id").local_day
    people["cohort"] = [day - timedelta(days=day.weekday()) for day in people.joined]
    rows = []
    for cohort, members in people.groupby("cohort"):
        on = {f"on_{k}": sum(_there(one, k) for one in members.itertuples()) for k in plan.days}
        rows.append({"cohort": cohort, "size": len(members), **on})
    return CohortMeasure(cells_of(rows, plan.period, plan.days, plan.complete_through), (), (), (), ())


def _there(member: Any, k: int) -> bool:
    return pd.isna(member.left) or member.left > member.joined + timedelta(days=k)


def stay_ahead(plan: Plan) -> Forecast | TooLittle:
    return foresee_stay.fn(plan, measured(plan))


def named(found: list[Figure], name: str) -> dict[str, Figure]:
    """The figures of a name by their one dimension."""
    return {"".join(figure.dimensions.values()): figure for figure in found if figure.name == name}


@pytest.fixture(scope="module")
def leaving(here: Runtime) -> ChurnOutlook:
    return weigh_churn.fn(plan_of(here))


def test_a_forecast_made_early_holds_what_came_later(here: Runtime) -> None:
    """Told from what day 66 knew, the share there on day 30 is within 2 points of its range when day 120 knows it."""
    early = stay_ahead(plan_of(here, FIRST + timedelta(days=65)))
    late = measured(plan_of(here)).stay

    assert isinstance(early, Forecast)
    told = {point.day: point for point in early.ahead}
    cohorts = {cell.cohort for cell in measured(plan_of(here, FIRST + timedelta(days=65))).stay if cell.people}
    on_30 = [cell for cell in late if cell.day == 30 and cell.cohort in cohorts]
    came = sum(cell.people or 0 for cell in on_30) / sum(cell.size for cell in on_30)
    assert told[30].low - 0.02 <= came <= told[30].high + 0.02


def test_the_forecast_is_kept_as_figures(here: Runtime) -> None:
    """A rate, its bounds and the people behind it for each day ahead; kept and read back equal, and again the same."""
    plan = plan_of(here, FIRST + timedelta(days=65))

    found = forecast_figures(plan, stay_ahead(plan))

    middle, low, high = (named(found, f"stay_forecast{part}") for part in ("", "_low", "_high"))
    assert set(middle) == set(low) == set(high) == {"14", "30", "60", "90"}
    for day, figure in middle.items():
        assert float(low[day].value or 0) < float(figure.value or 0) < float(high[day].value or 0)
        assert (figure.denominator or 0) > 300
    reached = named(found, "stay_reached")
    assert set(reached) == {"1", "3", "7", "14", "30"}
    assert all(
        figure.value == pytest.approx((figure.numerator or 0) / (figure.denominator or 1), abs=0.002)
        for figure in reached.values()
    )
    assert named(found, "stay_forecast_state").keys() == {"told"}
    assert forecast_figures(plan, stay_ahead(plan)) == found
    key, at = plan.scope.community, here.clock.now()
    assert here.store.write(lambda conn: figures.record(conn, found, at)) == len(found)
    assert here.store.write(lambda conn: figures.record(conn, found, at)) == 0
    with here.store.reading() as conn:
        kept = figures.current(conn, key, STAGE, plan.scope.day, name="stay_forecast")
    assert {figure.dimensions["day"]: figure.value for figure in kept} == {d: f.value for d, f in middle.items()}


def test_the_risk_is_learnt_from_the_history_and_holds(here: Runtime, leaving: ChurnOutlook) -> None:
    """Silence tells: better than the base rate on weeks not seen, bands add up to the members, the rest is expected."""
    found = churn_figures(plan_of(here), leaving)

    bands = named(found, "churn_risk")
    assert leaving.state == "shown"
    assert set(bands) == {"high", "middle", "low"}
    assert sum(int(figure.value or 0) for figure in bands.values()) == leaving.members
    assert int(bands["high"].value or 0) > 0
    assert bands["high"].numerator == round(leaving.bands[0].expected) <= int(bands["high"].value or 0)
    measures = {figure.name: float(figure.value or 0) for figure in found if not figure.dimensions}
    assert measures["churn_brier"] < measures["churn_brier_base"]
    assert measures["churn_auc"] > 0.7
    told, left = named(found, "churn_told"), named(found, "churn_left")
    assert told.keys() == left.keys()
    assert sum(figure.denominator or 0 for figure in left.values()) == leaving.judged.check.people  # type: ignore[union-attr]


def test_the_members_of_today_are_those_of_the_history(here: Runtime, leaving: ChurnOutlook) -> None:
    """Everybody who joined and has not left, counted by other means."""
    joined = here.history.query("SELECT count(DISTINCT person_id) AS n FROM events WHERE kind = 'join'").n[0]
    left = here.history.query("SELECT count(DISTINCT person_id) AS n FROM events WHERE kind = 'leave'").n[0]

    assert leaving.members == joined - left


def test_the_engineer_reads_how_true_it_is(here: Runtime, leaving: ChurnOutlook) -> None:
    """Fits with AIC, ranges, Brier scores and ten bins, in both languages; no person in it."""
    stay = stay_ahead(plan_of(here, FIRST + timedelta(days=65)))

    for lang in ("zh", "en"):
        page = engineers_page(stay, leaving, catalogue(lang))
        tables = [block for block in page.split("\n\n") if block.startswith("|")]
        assert [len({line.count("|") for line in block.splitlines()}) for block in tables] == [1] * 5
        assert "AIC" in tables[0]
        assert "](data:image/svg+xml;base64," in page
        assert re.search(r"\| 0\.0\d{4} \| 0\.0\d{4} \| \+0\.\d{5} \| 0\.\d{3} \|", tables[2])
        assert len(tables[3].splitlines()) == 2 + len(leaving.judged.check.bins)  # type: ignore[union-attr]
    assert "p1" not in page


def test_a_young_community_gets_reasons(here: Runtime) -> None:
    """After three days there is neither forecast nor risk, and figures and page say what is missing."""
    plan = plan_of(here, FIRST + timedelta(days=3))
    stay, young = stay_ahead(plan), weigh_churn.fn(plan)

    found = [*forecast_figures(plan, stay), *churn_figures(plan, young)]

    assert [(f.name, f.dimensions["state"], f.denominator) for f in found] == [
        ("stay_forecast_state", "few_people", 50),
        ("churn_state", "few_weeks", 6),
    ]
    page = engineers_page(stay, young, catalogue("zh"))
    assert "现在还估不出" in page
    assert "现在还学不出来" in page


def test_nothing_at_all_is_no_failure(here: Runtime) -> None:
    """Before the first event: reasons, not errors."""
    plan = plan_of(here, FIRST - timedelta(days=3))

    found = [*forecast_figures(plan, stay_ahead(plan)), *churn_figures(plan, weigh_churn.fn(plan))]

    assert [figure.value for figure in found] == [0, 0]


def printed(here: Runtime, capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    with pytest.raises(SystemExit) as left:
        main(["people", "leaving", "-w", str(here.directory), *map(str, words)])
    assert not left.value.code
    return capsys.readouterr().out.splitlines()


def test_who_may_leave_is_told_by_number_with_reasons(
    here: Runtime, leaving: ChurnOutlook, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many members as the high band counts, the likeliest first, each with what speaks for it in plain words."""
    high = leaving.bands[0]

    head, *lines = printed(here, capsys, "--day", THROUGH, "--limit", 1000)

    assert f"{high.people} 位成员这周可能离开" in head
    told = [re.fullmatch(r"(\d+) 号：(\d+)%，(.+)", line) for line in lines]
    assert len(told) == high.people
    risks = [int(match[2]) for match in told if match]
    assert risks == sorted(risks, reverse=True)
    assert sum(risks) / 100 == pytest.approx(high.expected, abs=0.005 * high.people + 0.01)
    quiet = [match for match in told if match and re.search(r"\d+ 天没有动静", match[3])]
    assert len(quiet) > 0.8 * len(told)


def test_a_long_list_says_how_many_are_left_out(here: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    """Two are listed and the rest is counted."""
    lines = printed(here, capsys, "--day", THROUGH, "--limit", 2)

    assert len(lines) == 4
    assert re.fullmatch(r"还有 \d+ 位没有列出", lines[-1])


def test_nobody_is_listed_where_no_risk_may_be_shown(here: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    """In the first weeks the command says what is missing, and that is all."""
    [line] = printed(here, capsys, "--day", FIRST + timedelta(days=20))

    assert "现在还学不出来" in line


def test_a_day_needs_nothing_of_the_old_history(here: Runtime, leaving: ChurnOutlook) -> None:
    """With every file of the history moved away the next day is told from the tally, and is equal."""
    away = here.history.directory.with_name("moved-away")
    here.history.directory.rename(away)
    try:
        assert weigh_churn.fn(plan_of(here)) == leaving
    finally:
        away.rename(here.history.directory)


def test_tally_and_history_say_the_same_of_every_member(here: Runtime) -> None:
    """Read from the tally or from the events: the same members, values and classes, on past days too."""
    plan = plan_of(here, THROUGH - timedelta(days=9))
    days = (THROUGH - timedelta(days=30), plan.complete_through)
    events = counted(here.history.table(), plan.scope).filter(lambda t: t.local_day <= plan.complete_through)
    since = seen_since(days)
    source = Source(here.history, here.store, plan.scope, plan.kinds, here.workspace.communities[0].zone_info)
    folder = here.directory / "state" / "retention" / plan.scope.community

    known = carry_on(folder, source, lambda tally, _: known_of(tally, plan.complete_through, since))

    one, other = (
        member_days(spans, acts, None, days).order_by(["day", "person_id"]).to_pandas()
        for spans, acts in ((known.spans(), known.acts()), (spans_of(events), acts_of(events, plan.kinds, since)))
    )
    assert len(one) > 500
    pd.testing.assert_frame_equal(one, other)


def test_figures_that_cannot_be_right_are_stopped(here: Runtime, leaving: ChurnOutlook) -> None:
    """The check passes what a day told, and stops a share over 1, a range beside its middle and a name nobody knows."""
    plan = plan_of(here, FIRST + timedelta(days=65))
    found = [*forecast_figures(plan, stay_ahead(plan)), *churn_figures(plan, leaving)]
    middle = named(found, "stay_forecast")["60"]
    rest = [figure for figure in found if figure != middle]

    assert gate(outlook_frame(found), OUTLOOK).blocking == ()
    for wrong in (replace(middle, value=1.2), replace(middle, value=0.001), replace(middle, name="hope")):
        assert gate(outlook_frame([*rest, wrong]), OUTLOOK).blocking, wrong


def test_no_room_for_the_tally_is_no_failure(
    here: Runtime, leaving: ChurnOutlook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the tally cannot be kept everything is read, and says the same."""

    def full(*_: object) -> None:
        raise PermanentError("the disk is full", "make room")

    monkeypatch.setattr("qunflow.runtime.leaving.carry_on", full)

    assert weigh_churn.fn(plan_of(here)) == leaving
