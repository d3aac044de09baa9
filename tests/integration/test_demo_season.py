"""The demo as a new user runs it: one command, five stages, a report; then the sandbox is gone and a stage says so."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = {"acquisition", "daily_content", "weekly_activity", "retention", "conversion"}
SECTIONS = ("拉新", "留存", "群看板", "推送完成", "每周活动", "转化", "数据质量")


def command(*words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("QUNFLOW_", "PREFECT_"))}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env={**clean, "COLUMNS": "200"}, capture_output=True, text=True, timeout=300
    )


def figures_of(folder: Path) -> dict[tuple[str, str, str], tuple[object, object, object]]:
    """Every figure of a season's report, without when it was recorded."""
    told = command("-m", "qunflow.cli", "report", "--json", "-w", str(folder))
    assert told.returncode == 0, told.stderr
    return {
        (one["name"], json.dumps(one["dimensions"], sort_keys=True), one["as_of"]): (
            one["value"],
            one["numerator"],
            one["denominator"],
        )
        for one in json.loads(told.stdout)
    }


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A season of one lived day."""
    folder = tmp_path_factory.mktemp("demo") / "season"
    done = command("-m", "flows", "demo", "--days", "1", "--out", str(folder))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert str(folder / "report.html") in done.stdout
    return folder


def test_every_stage_completed_in_prefects_database(season: Path) -> None:
    """What the table shows is what Prefect keeps."""
    with sqlite3.connect(season / "prefect" / "prefect.db") as database:
        runs = database.execute(
            "SELECT flow.name, flow_run.state_type FROM flow_run JOIN flow ON flow.id = flow_run.flow_id"
        ).fetchall()

    assert {name for name, _ in runs} == STAGES
    assert {state for _, state in runs} == {"COMPLETED"}


def test_the_report_is_one_small_file_with_every_section(season: Path) -> None:
    """It opens on a phone without a network."""
    page = (season / "report.html").read_text(encoding="utf-8")

    assert len(page.encode()) < 500_000
    assert [section for section in SECTIONS if section not in page] == []
    assert 'src="http' not in page and 'href="http' not in page and "@import" not in page


def test_nothing_is_left_running(season: Path) -> None:
    """The demo takes its processes with it."""
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout

    assert str(season) not in lines


def test_a_stage_says_why_when_the_sandbox_is_gone(season: Path) -> None:
    """No network to the channel: the exit code is not 0 and the message names the thing and the next step."""
    done = command("-m", "flows", "stage", "acquisition", "-w", str(season))

    assert done.returncode != 0
    assert "does not answer" in done.stderr
    assert "→" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.soak_only
def test_a_seed_gives_the_same_figures_and_another_seed_others(tmp_path: Path) -> None:
    """Chance is named, not drawn: parallel calls and random codes change no figure."""
    seeds = {"first": 1, "again": 1, "other": 2}
    for name, seed in seeds.items():
        done = command("-m", "flows", "demo", "--days", "7", "--seed", str(seed), "--out", str(tmp_path / name))
        assert done.returncode == 0, done.stderr[-2000:]
    figures = {name: figures_of(tmp_path / name) for name in seeds}

    assert figures["first"] == figures["again"]
    assert figures["first"] != figures["other"]
