"""``qunflow figures`` tells value, grade, state and every change, as a table and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qunflow.cli.figures import list_, revisions, show
from qunflow.community.finality import Reason
from qunflow.errors import BadInput
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace
from qunflow.store import figures
from qunflow.store.engine import Store
from qunflow.store.figures import Figure, Terms
from qunflow.store.migrate import upgrade

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in which one cell was revised, one came too late, and one never changed."""
    folder = write_workspace(tmp_path / "demo", None, DAY)
    monkeypatch.delenv("QUNFLOW_DATABASE_URL", raising=False)
    monkeypatch.setenv("COLUMNS", "250")
    url = f"sqlite:///{folder / 'state' / 'qunflow.sqlite3'}"
    (folder / "state").mkdir(exist_ok=True)
    upgrade(url)
    store = Store.open(url)
    key = load_workspace(folder).communities[0].key

    def rate(people: int, day: str) -> Figure:
        of = {"cohort": "2026-02-23", "day": day}
        return Figure(key, "retention", "stay_rate", DAY, people / 10, "rate", "history", of, people, 10)

    grade = Figure(key, "acquisition", "completeness", DAY, "B", "text", "roster")
    with store.writing() as conn:
        figures.record(conn, [grade, rate(9, "1"), rate(8, "7"), rate(7, "14")], NOON + timedelta(days=1))
        figures.record(conn, [rate(6, "7")], NOON + timedelta(days=2), Terms(reason=Reason.LATE_EVENTS))
        figures.record(conn, [rate(5, "14")], NOON + timedelta(days=9), Terms(reason=Reason.BACKFILL))
    store.close()
    return folder


def as_json(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_each_cell_is_shown_with_grade_state_and_revisions(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The value that holds, its letter, that it is final, how often it changed and what came too late."""
    assert show("stay_rate", workspace=home, json=True) == 0
    found = {row["dimensions"]["day"]: row for row in as_json(capsys)}
    assert {day: (row["value"], row["grade"], row["state"], row["revisions"]) for day, row in found.items()} == {
        "1": (0.9, "B", "final", 0),
        "7": (0.6, "B", "final", 1),
        "14": (0.7, "B", "final", 0),
    }
    assert found["7"]["came_too_late"] is None
    assert (found["14"]["came_too_late"]["new"], found["14"]["came_too_late"]["reason"]) == (0.5, "backfill")


def test_the_list_of_a_day_is_a_table_for_people(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names in words, the letter with its meaning, and a remark where a correction stands."""
    assert list_(workspace=home) == 0
    told = capsys.readouterr().out
    assert "在群率 stay_rate [cohort=2026-02-23, day=14]" in told
    assert "B 三处相差不超过百分之一的人" in told
    assert "已定稿 · 来晚了" in told
    assert list_(workspace=home, day=DAY - timedelta(days=1)) == 0
    assert capsys.readouterr().out.strip() == "还没有数字。"


def test_revisions_tell_before_now_why_and_when(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Applied and late ones in the order they were told; ``--late`` leaves those that changed nothing."""
    assert revisions("stay_rate", workspace=home, json=True) == 0
    assert [(row["old"], row["new"], row["reason"], row["applied"]) for row in as_json(capsys)] == [
        (0.8, 0.6, "late_events", True),
        (0.7, 0.5, "backfill", False),
    ]
    assert revisions(workspace=home, late=True) == 0
    told = capsys.readouterr().out
    assert "70% → 50%" in told and "80%" not in told and "补跑" in told and "2026-03-10 12:00" in told
    assert revisions(workspace=home, from_=DAY + timedelta(days=1)) == 0
    assert capsys.readouterr().out.strip() == "没有变过。"


def test_a_name_that_does_not_exist_is_told_with_the_nearest(home: Path) -> None:
    """A typing mistake is answered with what there is."""
    with pytest.raises(BadInput, match="no figure called 'stay_rat'") as refused:
        show("stay_rat", workspace=home)
    assert "stay_rate" in refused.value.next_step
