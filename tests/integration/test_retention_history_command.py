"""``qunflow retention --history``: the workspace's own events, split by what the store knows of each join."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from openpyxl import load_workbook
from sqlalchemy import insert, select

from qunflow.cli import main
from qunflow.settings.environment import load_environment
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace
from qunflow.store import audit
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.members import sync_groups
from qunflow.store.tables import groups, memberships, persons, runs

MONDAY = datetime(2026, 1, 5, 2, tzinfo=UTC)
LOOKED = datetime(2026, 1, 14, 4, tzinfo=UTC)
# Who, how the roster says they came, whether they leave on the second day; the fifth has no membership on file.
PEOPLE: tuple[tuple[int, dict[str, Any] | None, bool], ...] = (
    (1, {"channel": "poster-a"}, False),
    (2, {"channel": "poster-a"}, True),
    (3, {"pulled_in": True, "inviter_userid": "owner_zhou", "join_scene": 1}, False),
    (4, {"channel": "store-b"}, False),
    # Imported: no roster ever showed this one, and no callback told how they came.
    (6, {}, True),
    (5, None, True),
)


def event(kind: str, person: int, group: int, at: datetime, **more: str) -> dict[str, Any]:
    about = {"kind": kind, "person_id": person, "group_id": group, "happened_at": at, "recorded_at": LOOKED, **more}
    return {"event_key": f"{kind}:{person}:{at}", "local_day": (at + timedelta(hours=8)).date(), **about}


@pytest.fixture(autouse=True)
def own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the workspace, whatever the shell says."""
    monkeypatch.delenv("QUNFLOW_DATABASE_URL", raising=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A workspace whose first week saw six people join its first group, three of whom left on the second day."""
    folder = write_workspace(tmp_path_factory.mktemp("history") / "brand", None, date(2026, 1, 1))
    (folder / "state").mkdir(exist_ok=True)
    shutil.copy(sqlite_template, folder / "state" / "qunflow.sqlite3")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("QUNFLOW_DATABASE_URL", raising=False)
        environment = load_environment(folder)
    store, workspace = Store.open(environment.database_url), load_workspace(folder)
    community = workspace.communities[0]
    events = []
    with store.writing() as conn:
        sync_groups(conn, workspace)
        ids = {row.group_key: row.group_id for row in conn.execute(select(groups))}
        group = ids[community.groups[0].key]
        conn.execute(insert(persons), [{"person_id": person, "created_at": MONDAY} for person, _, _ in PEOPLE])
        for person, how, leaves in PEOPLE:
            at = MONDAY + timedelta(minutes=person)
            told = {} if how == {} else {"props": '{"pulled_in": false}'}
            events.append(event("join", person, group, at, **told))
            if leaves:
                events.append(event("leave", person, group, at + timedelta(days=1)))
            if how is not None:
                stay = {"group_id": group, "person_id": person, "joined_at": at, "last_seen_at": LOOKED}
                conn.execute(insert(memberships), stay | how)
        frame = pd.DataFrame(events).fillna({"props": "{}"})
        History(environment.history_dir, store).append(conn, "test", "test", frame)
        run = {"community": community.key, "stage": "retention", "day": LOOKED.date(), "state": "completed"}
        conn.execute(insert(runs), {**run, "dry_run": False, "started_at": LOOKED, "finished_at": LOOKED})
    store.close()
    return folder


def asked(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    with pytest.raises(SystemExit) as left:
        main(["retention", "--history", *map(str, words), "--format", "json"])
    assert int(left.value.code or 0) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_own_history_is_measured_as_far_as_a_stage_looked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Days of the community, stay and activity of first joins; what lies after the last look has not come due."""
    found = asked(capsys, "-w", home)

    assert found["labels"] == ["2026-01-05"]
    assert found["counts"] == [[6, 3, None, None, None, None, 0, None, None, None, None]]
    assert found["definition"]["timezone"] == "Asia/Shanghai"
    assert found["as_of"] == "2026-01-14T12:00:00+08:00"


@pytest.mark.parametrize(
    ("dimension", "parts"),
    [
        ("channel", {"": (3, 1), "poster-a": (2, 1), "store-b": (1, 1)}),
        ("inviter", {"": (5, 2), "owner_zhou": (1, 1)}),
        ("entry", {"": (1, 0), "pulled_in": (1, 1), "self_joined": (4, 2)}),
        ("campaign", {"spring-orange": (6, 3)}),
        ("group_kind", {"benefit_group": (6, 3)}),
        ("owner", {"owner_zhou": (6, 3)}),
    ],
)
def test_each_dimension_splits_without_losing_anybody(
    dimension: str, parts: dict[str, tuple[int, int]], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The roster's word goes before the event's; who was on no roster is a part of their own."""
    found = asked(capsys, "-w", home, "--split-by", dimension)

    seen = {part: tuple(cells[:2]) for part, cells in zip(found["splits"], found["counts"], strict=True)}
    assert seen == parts
    assert sum(size for size, _ in seen.values()) == 6
    assert found["means"][0] | {"interval": None} == found["means"][0] | {"interval": None, "size": 6, "cohorts": 1}


def test_a_query_of_ones_own_keeps_its_fields(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also with a dimension named inside it, and on another engine."""
    query: dict[str, Any] = {
        "period": "day",
        "target_event": "join",
        "cohort_rule": "first_time",
        "split_by": "channel",
    }
    query |= {"definitions": ["stay"], "days": [1], "total_intervals": 1, "date_to": "2026-01-05"}
    path = tmp_path / "query.json"
    path.write_text(json.dumps({**query, "as_of": "2026-01-07"}), encoding="utf-8")

    duck = asked(capsys, "-w", home, "--query", path)
    polars = asked(capsys, "-w", home, "--query", path, "--engine", "polars")

    assert duck["counts"] == polars["counts"] == [[3, 1], [2, 1], [1, 1]]
    assert duck["splits"] == polars["splits"] == ["", "poster-a", "store-b"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--split-by", "chanel"), "did you mean 'channel'"),
        (("--kinds", "join"), "leave out --kinds"),
        (("--community", "nobody"), "nobody"),
    ],
)
def test_what_does_not_fit_the_history_is_refused(
    words: tuple[str, ...], said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words, with what would do."""
    with pytest.raises(SystemExit) as left:
        main(["retention", "--history", "-w", str(home), *words])
    assert int(left.value.code or 0) != 0
    assert said in capsys.readouterr().err


def test_who_was_on_no_roster_is_told_beside_the_parts(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They mostly left early, so that the named parts look better than they are; the kind of group all have."""
    for dimension, told in (("channel", "不明的有 3 人"), ("entry", "不明的有 1 人"), ("group_kind", "")):
        with pytest.raises(SystemExit):
            main(["retention", "--history", "-w", str(home), "--split-by", dimension])
        said = capsys.readouterr().out
        assert told in said
        assert bool(told) == ("不明的有" in said)


def test_the_workbook_of_the_community_is_handed_out_and_noted(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file for the figures that were recorded, and a line in the audit log; other endings are refused."""
    book = tmp_path / "留存.xlsx"
    with pytest.raises(SystemExit) as left:
        main(["export", "retention", "-w", str(home), "--out", str(book), "--by", "owner_zhou", "--until=2026-01-14"])
    assert int(left.value.code or 0) == 0
    assert load_workbook(book).sheetnames[:2] == ["说明", "热力图"]
    store = Store.open(load_environment(home).database_url)
    with store.reading() as conn:
        (entry,) = audit.entries(conn)
    store.close()
    assert (entry.actor, entry.action, entry.subject) == ("owner_zhou", "export", "retention")

    with pytest.raises(SystemExit) as left:
        main(["export", "retention", "-w", str(home), "--out", str(tmp_path / "a.csv")])
    assert int(left.value.code or 0) != 0
    assert "ends in .xlsx" in capsys.readouterr().err
