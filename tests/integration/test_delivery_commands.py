"""``qunflow deliver`` and ``qunflow outbox``: what an operator sees and does, with exit codes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from qunflow.cli import main
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import check, plan
from qunflow.sandbox.options import Options
from qunflow.sandbox.running import running
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace
from qunflow.store import members
from qunflow.store.engine import Store
from qunflow.store.tables import audit_log, targets

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)


@dataclass
class Desk:
    """A workspace on a sandbox, with one checked message."""

    folder: Path
    sandbox_url: str

    def accepted(self) -> list[str]:
        log = httpx.get(f"{self.sandbox_url}/_sandbox/log", trust_env=False).text
        return [json.loads(line)["path"] for line in log.splitlines()]


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A demo workspace whose clock is the sandbox's: noon of the second of March."""
    for name in [name for name in os.environ if name.startswith("QUNFLOW_")]:
        monkeypatch.delenv(name)
    with running(Options("ww1", "s3cret", populated=False, start=NOON)) as url:
        folder = tmp_path / "brand"
        variables = {
            "QUNFLOW_WECOM_BASE_URL": url,
            "QUNFLOW_WECOM_CORP_ID": "ww1",
            "QUNFLOW_WECOM_SECRET": "s3cret",
            "QUNFLOW_WECOM_AGENT_ID": "1000002",
            "QUNFLOW_WEB_URL": "http://127.0.0.1:9",
            "QUNFLOW_CLOCK_URL": f"{url}/_sandbox/clock",
        }
        world = httpx.get(f"{url}/_sandbox/world", trust_env=False).json()
        write_workspace(folder, world, DAY, variables=variables)
        shutil.copy(sqlite_template, folder / "state" / "qunflow.sqlite3")
        queue_up(folder)
        yield Desk(folder, url)


def queue_up(folder: Path) -> None:
    """One checked mass task, due now."""
    workspace = load_workspace(folder)
    store = Store.open(f"sqlite:///{folder / 'state' / 'qunflow.sqlite3'}")
    with store.writing() as conn:
        numbers = members.sync_groups(conn, workspace)
        community = workspace.community()
        group = community.groups[0]
        one = Planned(
            community=community.key,
            stage="daily_content",
            campaign="",
            slot_key="noon-sale",
            day=DAY,
            way="mass_task",
            sender_userid=group.owner,
            target_kind="chat",
            target_ref=numbers[community.key, group.key],
            content=Content("砂糖橘 29.9 元"),
            due_at=NOON,
            not_after=NOON + timedelta(minutes=30),
            marketing=True,
        )
        check(conn, plan(conn, [one], NOON).ids)
    store.close()


def run(desk: Desk, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([*words, "-w", str(desk.folder)])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def approve(desk: Desk, capsys: pytest.CaptureFixture[str]) -> str:
    """Approve the slot with a one-time code of the demo's operator; what the command said."""
    code = run(desk, capsys, "team", "code", "ops_li")[1].strip()
    return run(desk, capsys, "outbox", "approve", "--slot", "noon-sale", "--code", code)[1]


@pytest.mark.parametrize(
    ("code", "told"), [((), "nobody has said who approves"), (("--code", "222222222"), "not valid")]
)
def test_nobody_approves_without_being_known(
    desk: Desk, capsys: pytest.CaptureFixture[str], code: tuple[str, ...], told: str
) -> None:
    """No code, or one that nobody gave out."""
    ended, _, err = run(desk, capsys, "outbox", "approve", "--slot", "noon-sale", *code)
    assert (ended != 0, told in err) == (True, True)
    assert "待审核" in run(desk, capsys, "outbox", "list")[1]


def test_nothing_leaves_before_somebody_approves(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """List, deliver, approve, deliver: only the second round sends."""
    code, out, _ = run(desk, capsys, "outbox", "list")
    assert (code, "待审核" in out, "noon-sale" in out) == (0, True, True)
    assert run(desk, capsys, "deliver", "--once")[0] == 0
    assert desk.accepted() == []
    assert "1" in approve(desk, capsys)
    code, out, _ = run(desk, capsys, "deliver", "--once")
    assert (code, "发出 1" in out) == (0, True)
    assert desk.accepted() == ["/cgi-bin/externalcontact/add_msg_template"]
    assert "任务已建" in run(desk, capsys, "outbox", "list")[1]


def test_one_message_is_shown_in_full_and_the_list_as_json_without_words(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list for machines carries no text; one message does."""
    rows = json.loads(run(desk, capsys, "outbox", "list", "--day", "2026-03-02", "--json")[1])
    assert [(row["slot"], row["state"], "text" in row) for row in rows] == [("noon-sale", "checked", False)]
    number = str(rows[0]["target_id"])
    assert "砂糖橘 29.9 元" in run(desk, capsys, "outbox", "show", number)[1]
    assert json.loads(run(desk, capsys, "outbox", "show", number, "--json")[1])["text"] == "砂糖橘 29.9 元"


def test_an_unknown_message_is_told_with_the_next_step(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 4 and where to look."""
    code, _, err = run(desk, capsys, "outbox", "show", "4711")
    assert (code, "qunflow outbox list" in err) == (4, True)


def make_dead(desk: Desk) -> int:
    """The message, as a lost answer that nobody can ask about any more leaves it."""
    store = Store.open(f"sqlite:///{desk.folder / 'state' / 'qunflow.sqlite3'}")
    with store.writing() as conn:
        conn.execute(update(targets).values(state="dead", reason="it may or may not have arrived: look there"))
        number: int = conn.execute(select(targets.c.target_id)).scalar_one()
    store.close()
    return number


def test_a_dead_letter_is_sent_again_only_by_who_takes_the_risk(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked, no means no; yes puts it back into the queue, from where it leaves."""
    approve(desk, capsys)
    number = str(make_dead(desk))
    monkeypatch.setattr("builtins.input", lambda _question: "no")
    code, out, _ = run(desk, capsys, "outbox", "retry", number)
    assert (code, "可能收到两条" in out) == (1, True)
    [row] = json.loads(run(desk, capsys, "outbox", "list", "--problems", "--json")[1])
    assert (row["slot_key"], row["target"].startswith("chat/"), row["state"]) == ("noon-sale", True, "dead")
    monkeypatch.setattr("builtins.input", lambda _question: "yes")
    assert "已放回待发：1 条" in run(desk, capsys, "outbox", "retry", number)[1]
    run(desk, capsys, "deliver", "--once")
    assert desk.accepted() == ["/cgi-bin/externalcontact/add_msg_template"]


def test_a_dropped_dead_letter_never_leaves_and_says_who_dropped_it(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no problem any more, and the audit log has the name."""
    approve(desk, capsys)
    number = str(make_dead(desk))
    assert "不再发：1 条" in run(desk, capsys, "outbox", "drop", number, "--by", "wang")[1]
    run(desk, capsys, "deliver", "--once")
    assert desk.accepted() == []
    code, _, err = run(desk, capsys, "outbox", "retry", number, "--yes")
    assert (code, "--problems" in err) == (4, True)
    store = Store.open(f"sqlite:///{desk.folder / 'state' / 'qunflow.sqlite3'}")
    with store.reading() as conn:
        named = select(audit_log.c.actor).where(audit_log.c.action == "delivery.settle_dropped")
        assert conn.execute(named).scalars().all() == ["wang"]
    store.close()


def test_the_kill_switch_works_from_the_command_line(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Stopped, nothing leaves; resumed, it does."""
    approve(desk, capsys)
    assert "all" in run(desk, capsys, "outbox", "stop", "all")[1]
    run(desk, capsys, "deliver", "--once")
    assert desk.accepted() == []
    run(desk, capsys, "outbox", "resume", "all")
    run(desk, capsys, "deliver", "--once")
    assert len(desk.accepted()) == 1


def test_without_a_platform_one_round_fails_and_says_why(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, the path that was tried, and that nothing was sent."""
    approve(desk, capsys)
    monkeypatch.setenv("QUNFLOW_WECOM_BASE_URL", "http://127.0.0.1:9")
    code, _, err = run(desk, capsys, "deliver", "--once")
    assert (code, "cannot be reached" in err, "s3cret" in err) == (1, True, False)
    monkeypatch.delenv("QUNFLOW_WECOM_BASE_URL")
    assert "发出 1" in run(desk, capsys, "deliver", "--once")[1]


def test_the_resident_sender_sends_and_stops_when_told(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """A process of its own sends within seconds and ends cleanly on SIGTERM."""
    approve(desk, capsys)
    command = [sys.executable, "-m", "qunflow.cli", "deliver", "-w", str(desk.folder), "--every-s", "0.1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert _soon(lambda: len(desk.accepted()) == 1)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    assert (process.returncode, "发出 1" in out) == (0, True)
    assert list((desk.folder / "state" / "workers").iterdir()) == []


def _soon(condition: Any) -> bool:
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.1)
    return False
