"""``qunflow plan``: the days to come, the quota that is left, and what staff sent beside Qunflow."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from qunflow.cli import main
from qunflow.sandbox.options import Options
from qunflow.sandbox.running import running
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace

MONDAY_NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MONDAY = date(2026, 3, 2)


@dataclass
class Desk:
    """A workspace on a sandbox, where an owner can also send by himself."""

    folder: Path
    sandbox_url: str
    capsys: pytest.CaptureFixture[str]

    def plan(self, *words: str) -> tuple[int, str]:
        """Exit code and what ``qunflow plan`` said."""
        with pytest.raises(SystemExit) as end:
            main(["plan", *words, "-w", str(self.folder)])
        said = self.capsys.readouterr()
        assert not said.err
        return int(end.value.code or 0), said.out

    def rows(self, *words: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.plan("--json", *words)[1])
        return found

    def tasks(self, *words: str) -> list[dict[str, Any]]:
        """Mass tasks of the first group."""
        first = load_workspace(self.folder).communities[0].groups[0].key
        return [row for row in self.rows(*words) if row["way"] == "mass_task" and row["group"] == first]

    def set(self, old: str, new: str) -> None:
        file = self.folder / "qunflow.yaml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def tell(self, path: str, **body: Any) -> None:
        httpx.post(f"{self.sandbox_url}/_sandbox/{path}", json=body, trust_env=False).raise_for_status()


@pytest.fixture
def desk(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """A demo workspace whose clock is the sandbox's: noon of a Monday."""
    for name in [name for name in os.environ if name.startswith("QUNFLOW_")]:
        monkeypatch.delenv(name)
    with running(Options("ww1", "s3cret", populated=False, start=MONDAY_NOON)) as url:
        variables = {
            "QUNFLOW_WECOM_BASE_URL": url,
            "QUNFLOW_WECOM_CORP_ID": "ww1",
            "QUNFLOW_WECOM_SECRET": "s3cret",
            "QUNFLOW_WECOM_AGENT_ID": "1000002",
            "QUNFLOW_WEB_URL": "http://127.0.0.1:9",
            "QUNFLOW_CLOCK_URL": f"{url}/_sandbox/clock",
        }
        folder = tmp_path / "brand"
        write_workspace(folder, httpx.get(f"{url}/_sandbox/world", trust_env=False).json(), MONDAY, variables=variables)
        shutil.copy(sqlite_template, folder / "state" / "qunflow.sqlite3")
        yield Desk(folder, url, capsys)


WEEK = ("--from", "2026-03-03", "--to", "2026-03-09")


def test_a_week_is_laid_out_with_what_is_left(desk: Desk) -> None:
    """Each slot names its chat, owner, day, hour and way; March lets a chat have 31 mass tasks."""
    rows = desk.rows(*WEEK)
    assert {row["day"] for row in rows} == {f"2026-03-0{day}" for day in range(3, 10)}
    assert all(row["slot_key"] and row["owner"] and row["hour"] and row["text"] for row in rows)
    tasks = desk.tasks(*WEEK)
    assert [row["left"] for row in tasks] == list(range(30, 30 - len(tasks), -1))
    assert len({row["day"] for row in tasks}) == len(tasks), "more than one mass task on a day"


def test_what_cannot_go_out_is_named_and_fails(desk: Desk) -> None:
    """With four messages a month the fifth mass task is refused, and the exit code says so."""
    desk.set("mode: month_days", "mode: month_4")
    month = ("--from", "2026-03-03", "--to", "2026-03-31")
    code, told = desk.plan(*month)
    refused = [row for row in desk.tasks(*month) if row["refused"]]
    assert code == 1
    assert refused[0]["refused"] == "quota: 4 of 4 used from 2026-03-01"
    assert "发不出去" in told


def test_a_quota_that_lasts_is_said_in_one_sentence(desk: Desk) -> None:
    """Nothing refused: exit code 0 and the condition under which that holds."""
    code, told = desk.plan(*WEEK)
    assert (code, "只要没人在系统外群发" in told) == (0, True)


def test_what_an_owner_sent_by_himself_is_counted(desk: Desk) -> None:
    """After asking the platform the first task of the week has one less left."""
    group = load_workspace(desk.folder).communities[0].groups[0]
    before = desk.tasks(*WEEK)[0]["left"]
    desk.tell("act", act="send_own", userid=group.owner, targets=[group.chat_id], text="自己发的")
    assert desk.plan(*WEEK, "--refresh")[0] == 0, "a task that is being dispatched stops the look"
    desk.tell("clock", advance_s=600)
    assert desk.tasks(*WEEK)[0]["left"] == before
    assert desk.tasks(*WEEK, "--refresh")[0]["left"] == before - 1
    assert desk.tasks(*WEEK, "--refresh")[0]["left"] == before - 1, "counted twice"


@pytest.mark.parametrize("days", [("2026-03-09", "2026-03-03"), ("2026-03-01", "2026-12-31")])
def test_days_that_make_no_plan_are_refused(
    desk: Desk, days: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The wrong way round, or too many."""
    with pytest.raises(SystemExit) as end:
        main(["plan", "--from", days[0], "--to", days[1], "-w", str(desk.folder)])
    assert end.value.code != 0
    assert "1 to 100 days" in capsys.readouterr().err
