"""``qunflow absence`` and ``qunflow todo``: what they write, what they refuse, and that twice the same is one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from qunflow.cli import main
from qunflow.settings.scaffold import write_workspace

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command in the demo's workspace."""
    for name in [name for name in os.environ if name.startswith("QUNFLOW_")]:
        monkeypatch.delenv(name)
    for name, value in (
        ("WECOM_BASE_URL", "http://127.0.0.1:9"),
        ("WECOM_CORP_ID", "ww1"),
        ("WECOM_SECRET", "s3cret"),
        ("WECOM_AGENT_ID", "1000002"),
        ("WEB_URL", "https://go.example.com"),
    ):
        monkeypatch.setenv(f"QUNFLOW_{name}", value)
    folder = tmp_path / "brand"
    write_workspace(folder, None, date(2026, 3, 2))
    shutil.copy(sqlite_template, folder / "state" / "qunflow.sqlite3")

    def run_words(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([*words, "-w", str(folder)])
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return run_words


def test_an_absence_is_noted_once_listed_and_cancelled(run: Run) -> None:
    """Both days are included, in the community's zone."""
    words = ("absence", "add", "admin_lin", "--from", "2099-03-06", "--until", "2099-03-07", "--stand-in", "ops_li")
    assert [run(*words)[0] for _ in range(2)] == [0, 0]
    (found,) = json.loads(run("absence", "list", "--json")[1])
    assert (found["userid"], found["stand_in_userid"]) == ("admin_lin", "ops_li")
    assert (found["from_at"], found["until_at"]) == ("2099-03-05T16:00:00+00:00", "2099-03-07T16:00:00+00:00")
    assert "admin_lin  03-06 00:00 → 03-08 00:00  ops_li" in run("absence", "list")[1]
    assert (run("absence", "cancel", "1")[0], run("absence", "cancel", "1")[0]) == (0, 1)
    assert "没有人请假" in run("absence", "list")[1]


@pytest.mark.parametrize(
    "words",
    [
        ("absence", "add", "nobody", "--from", "2099-03-06", "--until", "2099-03-07"),
        ("absence", "add", "admin_lin", "--from", "2099-03-06", "--until", "2099-03-07", "--stand-in", "admin_lin"),
        ("absence", "add", "admin_lin", "--from", "2099-03-06", "--until", "2099-03-01"),
        ("todo", "add", "red_packet", "nobody"),
        ("todo", "add", "red_packet", "admin_lin", "--group", "g99"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_next_step(run: Run, words: tuple[str, ...]) -> None:
    """Strangers, oneself as stand-in, an end before the beginning, a group that is none."""
    code, _, told = run(*words)
    assert (code > 0, "→" in told) == (True, True)


def test_a_to_do_is_made_once_and_closed_once(run: Run) -> None:
    """With its group, its time in the community's zone, and what to post."""
    words = (
        "todo",
        "add",
        "announcement",
        "admin_lin",
        "--group",
        "g1",
        "--due",
        "2099-03-06T20:00:00",
        "--key",
        "rules",
    )
    assert "加了一条待办" in run(*words, "--text", "群规：不发广告")[1]
    assert "已经有了" in run(*words, "--text", "群规：不发广告")[1]
    (found,) = json.loads(run("todo", "list", "--json")[1])
    assert (found["kind"], found["assignee"], found["due_at"]) == (
        "announcement",
        "admin_lin",
        "2099-03-06T12:00:00+00:00",
    )
    assert (found["details"], found["group"]) == ({"text": "群规：不发广告"}, found["group"])
    assert "贴群公告" in run("todo", "list", "--who", "admin_lin")[1]
    assert "没有待办" in run("todo", "list", "--who", "ops_li")[1]
    assert [run("todo", "done", "1")[0], run("todo", "done", "1")[0], run("todo", "skip", "9")[0]] == [0, 1, 1]
    assert "没有待办" in run("todo", "list")[1]
