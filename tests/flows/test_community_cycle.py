"""The whole chain of one day: five stages, each failure told and kept to itself, a repetition without a trace."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from flows.community_cycle import CHAIN, community_cycle
from qunflow.errors import PermanentError
from qunflow.runtime import Runtime
from qunflow.settings.params import StageParams
from qunflow.store import runs, tables

pytestmark = pytest.mark.usefixtures("prefect_server")

MONDAY = date(2026, 3, 2)
WARM_UP = date(2026, 3, 4)
KEY = "neighbours"
LIVE = StageParams(dry_run=False)
STAGES = tuple(CHAIN)
# What a repetition adds to on purpose: it is a run of its own, and says so.
OF_THE_RUN = {"runs", "check_results", "audit_log"}


def override(here: Runtime, name: str, text: str) -> None:
    """An operator's own copy in the workspace."""
    path = here.directory / "templates" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def drop_leads(house: Any) -> None:
    folder = house.runtime.directory / "leads"
    folder.mkdir(exist_ok=True)
    (folder / "leads.csv").write_text(house.ask("export/leads.csv"), encoding="utf-8")


def befriend(house: Any) -> None:
    house.tell("act", {"act": "add_contact", "state": "poster-a"})


def state_of(here: Runtime) -> dict[str, list[Any]]:
    """Every row of every table, but for what belongs to the run itself and when a figure was written."""
    with here.store.reading() as conn:
        return {
            table.name: sorted(
                conn.execute(select(*(column for column in table.columns if column.name != "recorded_at"))).all(),
                key=repr,
            )
            for table in tables.metadata.sorted_tables
            if table.name not in OF_THE_RUN
        }


def messages(here: Runtime) -> dict[str, int]:
    """How many messages each stage has in the outbox."""
    query = select(tables.targets.c.stage, func.count()).group_by(tables.targets.c.stage)
    with here.store.reading() as conn:
        return dict(row._tuple() for row in conn.execute(query))


def outcomes(here: Runtime, day: date) -> dict[str, runs.Run]:
    """The last run of each stage on a day."""
    with here.store.reading() as conn:
        return {run.stage: run for run in runs.of_day(conn, KEY, day)}


def test_a_day_lived_twice_is_lived_once(house: Any) -> None:
    """All five stages complete and send; the same day again changes no row of state and reaches nobody."""
    drop_leads(house)
    befriend(house)
    house.move_to(MONDAY, time(10, 30))

    first = community_cycle(LIVE)
    before, sent = state_of(house.runtime), house.ask("log")
    again = community_cycle(LIVE)

    assert [stage["stage"] for stage in first["stages"]] == list(STAGES)
    assert all(stage["checks_total"] > 0 for stage in first["stages"])
    assert [stage["checks_total"] - stage["checks_passed"] - stage["warnings"] for stage in first["stages"]] == [0] * 5
    assert {run.state for run in outcomes(house.runtime, MONDAY).values()} == {"completed"}
    assert messages(house.runtime).keys() >= {"acquisition", "daily_content", "weekly_activity"}
    assert sent
    assert state_of(house.runtime) == before
    assert house.ask("log") == sent
    assert [stage["rows_out"] for stage in again["stages"]][:3] == [0, 0, 0]


@pytest.mark.parametrize(
    ("stage", "copy", "text", "place"),
    [
        ("acquisition", "acquisition/reinvite_a.j2", "你好\n{{ brand }", "reinvite_a.j2:2"),
        ("daily_content", "daily_content/topic.j2", "{{ weekday }}{{ coupn }}", "topic.j2:1"),
        ("weekly_activity", "weekly_activity/week_opening.j2", "打卡\n\n{% if %}", "week_opening.j2:3"),
        ("conversion", "conversion/warmup_story.j2", "说说\n{{ itme }}", "warmup_story.j2:2"),
    ],
)
def test_broken_copy_in_one_stage_leaves_the_others_completing(
    house: Any, stage: str, copy: str, text: str, place: str
) -> None:
    """The stage with the broken copy is told with file and line; the other four complete, their words are queued."""
    day = WARM_UP if stage == "conversion" else MONDAY
    house.move_to(day, time(8, 0))
    override(house.runtime, copy, text)

    with pytest.raises(PermanentError) as told:
        community_cycle(LIVE)

    done = outcomes(house.runtime, day)
    assert str(told.value).startswith(f"{stage}: ")
    assert place in str(told.value)
    assert {name: run.state for name, run in done.items()} == {
        name: "failed" if name == stage else "completed" for name in STAGES
    }
    assert place in done[stage].problem
    assert messages(house.runtime).keys() >= {"daily_content"}


def test_a_channel_that_is_down_stops_only_what_needs_it(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a roster nobody is counted; the three other stages complete, and the next run does the rest."""
    from tasks import acquisition as steps

    monkeypatch.setattr(steps, "keep_contacts", steps.keep_contacts.with_options(retry_delay_seconds=0))
    house.tell("faults", [{"path": "externalcontact/batch/get_by_user", "mode": "http_502"}])

    with pytest.raises(PermanentError) as told:
        community_cycle(LIVE)
    halted = outcomes(house.runtime, MONDAY)
    house.tell("faults", [])
    community_cycle(LIVE)

    first, second = str(told.value).splitlines()[0], str(told.value)
    assert first.startswith("acquisition: ")
    assert "retention: not started: it needs acquisition" in second
    assert {name: run.state for name, run in halted.items()} == {
        "acquisition": "failed",
        "daily_content": "completed",
        "weekly_activity": "completed",
        "conversion": "completed",
    }
    assert {run.state for run in outcomes(house.runtime, MONDAY).values()} == {"completed"}


def test_a_backfill_never_sends(house: Any) -> None:
    """Not even what stands approved and due in the outbox leaves, whatever the form says about sending."""
    community_cycle(LIVE)
    house.move_to(MONDAY, time(12, 1))
    sent, queued = house.ask("log"), messages(house.runtime)

    done = community_cycle(StageParams(day=(MONDAY - timedelta(days=1)).isoformat(), dry_run=False, backfill=True))
    community_cycle(StageParams(day=MONDAY.isoformat(), dry_run=False, backfill=True))

    assert [stage["dry_run"] for stage in done["stages"]] == [True] * 5
    assert house.ask("log") == sent
    assert messages(house.runtime) == queued
