"""
A month under each of the platform's quotas: what ``qunflow plan`` says will be refused is what the platform refuses.

Every planned mass task is made and confirmed at its hour, through the connector and against the sandbox, the refused
ones too; owners send by themselves before. What the sandbox then says of each recipient is the judge.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from qunflow.cli import main
from qunflow.connectors.wecom.client import WeCom
from qunflow.sandbox.options import Limits, Options
from qunflow.sandbox.running import running
from qunflow.settings.scaffold import write_workspace
from tests.crash.house import RecordProperty
from tests.crash.sandbox_process import Sandbox
from tests.crash.scoreboard import Score, kept

ZONE = ZoneInfo("Asia/Shanghai")
BEGINS = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 3, 2), date(2026, 3, 31)
MODES = ("month_days", "week_7", "day_1", "month_4")
SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
OVER_QUOTA, SENT = 3, 1
DISPATCHED = timedelta(seconds=3)


@dataclass
class Desk:
    """A workspace and its sandbox under one quota."""

    folder: Path
    sandbox: Sandbox
    wecom: WeCom
    groups: list[dict[str, Any]]

    def plan(self, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
        """The mass tasks of the month that ``qunflow plan --json`` tells, after a look at what was sent beside."""
        days = ["--from", FIRST.isoformat(), "--to", LAST.isoformat()]
        with pytest.raises(SystemExit):
            main(["plan", "--json", "--refresh", *days, "-w", str(self.folder)])
        told = json.loads(capsys.readouterr().out)
        mine = {group["chat_id"] for group in self.groups}
        tasks = [row for row in told if row["way"] == "mass_task" and row["chat_id"] in mine]
        return sorted(tasks, key=lambda row: (row["day"], row["hour"], row["chat_id"]))

    def send_own(self, times: int) -> None:
        """The owner of the first group sends so many messages of his own on the day before, and they are dispatched."""
        group = self.groups[0]
        for number in range(times):
            body = {"userid": group["owner"], "targets": [group["chat_id"]], "text": f"自己发的 {number}"}
            self.sandbox.tell("act", {"act": "send_own", **body})
        self.sandbox.tell("clock", {"set": datetime(2026, 3, 1, 13, 0, tzinfo=ZONE).isoformat()})

    def send(self, row: dict[str, Any]) -> int:
        """Make the task at its hour, let the owner confirm it; returns what the platform says of the chat."""
        hour = datetime.combine(date.fromisoformat(row["day"]), time.fromisoformat(row["hour"]), ZONE)
        if self.sandbox.now() < hour:
            self.sandbox.tell("clock", {"set": hour.isoformat()})
        made = self.wecom.add_msg_template(
            chat_type="group", sender=row["owner"], targets=[row["chat_id"]], text=row["text"], attachments=()
        )
        self.sandbox.tell("act", {"act": "confirm", "msgid": made[0], "userid": row["owner"]})
        self.sandbox.tell("clock", {"set": (self.sandbox.now() + DISPATCHED).isoformat()})
        [result] = self.wecom.groupmsg_send_result(made[0], row["owner"])
        return int(result.status)


@contextmanager
def a_desk(folder: Path, template: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A demo workspace under this quota, at noon of the day before the month."""
    for name in [name for name in os.environ if name.startswith("QUNFLOW_")]:
        monkeypatch.delenv(name)
    options = Options("ww1", "s3cret", populated=False, start=BEGINS, limits=Limits(quota_mode=mode))
    with running(options) as url:
        sandbox = Sandbox(url)
        world = sandbox.world()
        variables = {
            "QUNFLOW_WECOM_BASE_URL": url,
            "QUNFLOW_WECOM_CORP_ID": "ww1",
            "QUNFLOW_WECOM_SECRET": "s3cret",
            "QUNFLOW_WECOM_AGENT_ID": "1000002",
            "QUNFLOW_WEB_URL": "http://127.0.0.1:9",
            "QUNFLOW_CLOCK_URL": f"{url}/_sandbox/clock",
        }
        home = write_workspace(folder / "brand", world, FIRST, variables=variables)
        settings = (home / "qunflow.yaml").read_text(encoding="utf-8")
        assert "mode: month_days" in settings
        (home / "qunflow.yaml").write_text(settings.replace("mode: month_days", f"mode: {mode}"), encoding="utf-8")
        shutil.copy(template, home / "state" / "qunflow.sqlite3")
        wecom = WeCom(url, "ww1", "s3cret", 1_000_002, production=False)
        try:
            yield Desk(home, sandbox, wecom, world["groups"][: 8 if SOAK else 2])
        finally:
            wecom.close()


def told_wrong(rows: Sequence[dict[str, Any]], said: Sequence[int]) -> list[str]:
    """Slots of which the plan said otherwise than the platform."""
    return [
        f"{row['day']} {row['slot_key']} {row['group']}: told {row['refused'] or 'to go'}, got {status}"
        for row, status in zip(rows, said, strict=True)
        if status != (OVER_QUOTA if row["refused"] else SENT)
    ]


@pytest.mark.soak
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("own", [0, 3] if SOAK else [3])
def test_the_plan_names_exactly_what_the_platform_refuses(
    tmp_path: Path,
    sqlite_template: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    record_property: RecordProperty,
    mode: str,
    own: int,
) -> None:
    """A month of mass tasks: one owner has sent by himself before, nobody has beside the other."""
    with a_desk(tmp_path, sqlite_template, mode, monkeypatch) as desk:
        desk.send_own(own)
        rows = desk.plan(capsys)
        wrong = told_wrong(rows, [desk.send(row) for row in rows])
    refused = sum(bool(row["refused"]) for row in rows)
    score = Score(f"month, {mode}, {own} own", 1, len(rows), 0, 0, 0, 0, len(wrong), f"{refused} refused as planned")
    record_property(*kept(score))
    assert wrong == []
    assert len(rows) > 20
    assert (refused > 0) == (mode == "month_4")
    if mode == "month_4":
        # The platform lets each of the two chats have four; the first has had some of its owner's own.
        assert len(rows) - refused == 4 * len(desk.groups) - own
