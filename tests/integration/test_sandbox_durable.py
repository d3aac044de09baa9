"""What the sandbox promises about its log, its faults and its restarts."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from qunflow.sandbox.options import Limits, Options
from qunflow.sandbox.running import running

ADD = "/cgi-bin/externalcontact/add_msg_template"
LIST = "/cgi-bin/externalcontact/groupchat/list"


class Box:
    """A sandbox seen through plain HTTP."""

    def __init__(self, base: str) -> None:
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=10)

    def ask(self, path: str, **body: Any) -> httpx.Response:
        """A call with a token."""
        credentials = {"corpid": "wwtest", "corpsecret": "secret"}
        token = self.http.get("/cgi-bin/gettoken", params=credentials).json()["access_token"]
        return self.http.post(path, params={"access_token": token}, json=body)

    def task(self, text: str = "早") -> httpx.Response:
        """Create a mass task."""
        return self.ask(ADD, chat_type="group", sender="owner_zhou", text={"content": text})

    def log(self) -> list[dict[str, Any]]:
        """The acceptance log."""
        return [json.loads(line) for line in self.http.get("/_sandbox/log").text.splitlines()]

    def fault(self, **rule: Any) -> None:
        """Put one fault in force."""
        self.http.post("/_sandbox/faults", json=[rule]).raise_for_status()


@pytest.fixture
def box() -> Iterator[Box]:
    """A sandbox in memory."""
    with running(Options("wwtest", "secret", populated=False, limits=Limits(parallel_calls=2))) as base:
        box = Box(base)
        yield box
        box.http.close()


def test_the_log_holds_accepted_effects_only(box: Box) -> None:
    """Reads and refused calls leave no line; an accepted one has its sender, targets, body and msgid."""
    msgid = box.task("你好").json()["msgid"]
    box.ask(LIST, limit=5)
    box.ask(ADD, chat_type="group", sender="nobody", text={"content": "x"})
    (line,) = box.log()
    assert (line["seq"], line["path"], line["sender"], line["msgid"]) == (1, ADD, "owner_zhou", msgid)
    assert line["targets"] == [box.http.get("/_sandbox/world").json()["groups"][0]["chat_id"]]
    assert line["body"]["text"] == {"content": "你好"}
    assert "access_token" not in json.dumps(line)
    assert box.http.get("/_sandbox/log?since=1").text == ""


def test_a_line_is_on_disk_before_the_reply(tmp_path: Path) -> None:
    """Another process's view of the file has the line as soon as the answer is there."""
    path = tmp_path / "box.sqlite3"
    with running(Options("wwtest", "secret", db=str(path), populated=False)) as base:
        msgid = Box(base).task().json()["msgid"]
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as other:
            (line,) = other.execute("SELECT line FROM log").fetchone()
        assert json.loads(line)["msgid"] == msgid


def test_a_restart_keeps_everything(tmp_path: Path) -> None:
    """Clock, token, groups, tasks, log and what was going to happen are the same in the next process."""
    options = Options("wwtest", "secret", seed=3, db=str(tmp_path / "box.sqlite3"))
    with running(options) as base:
        box = Box(base)
        box.http.post("/_sandbox/clock", json={"advance_s": 9 * 3_600}).raise_for_status()
        msgid = box.task().json()["msgid"]
        before = _state(box)
    with running(options) as base:
        box = Box(base)
        assert _state(box) == before
        box.http.post("/_sandbox/clock", json={"advance_s": 3_600}).raise_for_status()
        report = box.ask("/cgi-bin/externalcontact/get_groupmsg_task", msgid=msgid).json()
        assert report["task_list"][0]["status"] == 2
    with running(options) as base:
        assert Box(base).task().json()["msgid"] != msgid


def test_stopping_in_between_does_not_change_the_future(tmp_path: Path) -> None:
    """Two days lived in one go and two days with a restart between them end in the same truth."""
    truths = []
    for name, stops in (("a", False), ("b", True)):
        options = Options("wwtest", "secret", seed=4, db=str(tmp_path / name))
        for steps in ((24,), (24,)) if stops else ((24, 24),):
            with running(options) as base:
                box = Box(base)
                for hours in steps:
                    box.http.post("/_sandbox/clock", json={"advance_s": hours * 3_600}).raise_for_status()
                truth = box.http.get("/_sandbox/truth").json()
        truths.append(truth)
    assert truths[0] == truths[1]


def test_a_killed_process_keeps_what_it_accepted(tmp_path: Path) -> None:
    """After kill -9 every msgid that was answered is in the log of the next start."""
    path, port = tmp_path / "box.sqlite3", _free_port()
    command = [sys.executable, "-m", "qunflow.cli", "sandbox", "--port", str(port), "--db", str(path), "--empty"]
    environment = {**os.environ, "QUNFLOW_WECOM_CORP_ID": "wwtest", "QUNFLOW_WECOM_SECRET": "secret"}
    process = subprocess.Popen(command, env=environment)
    try:
        box = Box(f"http://127.0.0.1:{port}")
        _wait_for(box)
        answered = [box.task(str(place)).json()["msgid"] for place in range(5)]
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with running(Options("wwtest", "secret", db=str(path), populated=False)) as base:
        assert [line["msgid"] for line in Box(base).log()] == answered


def test_errcode_and_502_and_html_mean_nothing_happened(box: Box) -> None:
    """The caller sees the broken answer, the log stays empty, the next call works."""
    box.fault(path="externalcontact/add_msg_template", mode="errcode", code=45009, times=1)
    assert box.task().json()["errcode"] == 45009
    box.fault(path=ADD, mode="http_502", times=1)
    answer = box.task()
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=UTF-8")
    box.fault(path="*", mode="html", nth=2)
    assert box.task().status_code == 200
    assert box.log() == []
    assert box.task().json()["errcode"] == 0
    assert box.http.get("/_sandbox/faults").json()["plan"][0]["struck"] == 1


@pytest.mark.parametrize(("mode", "happened"), [("reply_lost", 1), ("truncated", 1), ("dropped", 0)])
def test_a_broken_connection_may_or_may_not_mean_it_happened(box: Box, mode: str, happened: int) -> None:
    """The caller cannot tell; the log can."""
    box.fault(path=ADD, mode=mode, times=1)
    with pytest.raises(httpx.TransportError):
        box.task()
    assert len(box.log()) == happened
    assert box.task().json()["errcode"] == 0


def test_a_late_call_arrives_after_the_caller_gave_up(box: Box) -> None:
    """The connection breaks at once, the effect comes a little later."""
    box.fault(path=ADD, mode="late", seconds=0.1, times=1)
    with pytest.raises(httpx.TransportError):
        box.task()
    assert box.log() == []
    for _ in range(100):
        if box.log():
            break
        time.sleep(0.02)
    assert len(box.log()) == 1


def test_too_many_calls_at_once_are_45033(box: Box) -> None:
    """Of four calls that meet, two are taken and two are refused; afterwards there is room again."""
    credentials = {"corpid": "wwtest", "corpsecret": "secret"}
    token = box.http.get("/cgi-bin/gettoken", params=credentials).json()["access_token"]

    def code(_: int) -> int:
        return int(box.http.post(LIST, params={"access_token": token}, json={"limit": 1}).json()["errcode"])

    box.fault(path=LIST, mode="slow", seconds=0.2)
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(code, range(4))) == [0, 0, 45033, 45033]
    assert code(0) == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {"advance_s": -5}),
        ("clock", {"advance_to": "2026-03-09T00:00:00"}),
        ("clock", {}),
        ("faults", [{"path": "x"}]),
        ("act", {"act": "fly"}),
        ("act", {"act": "leave", "chat_id": "x", "external_userid": "y"}),
        ("act", {"act": "scan"}),
    ],
)
def test_a_mistaken_order_is_told_in_words(box: Box, path: str, body: Any) -> None:
    """HTTP 400 with a sentence; the clock never goes back."""
    answer = box.http.post(f"/_sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert len(answer.json()["problem"]) > 8
    assert box.http.get("/_sandbox/nothing").status_code == 404


def _state(box: Box) -> dict[str, Any]:
    """Everything an outsider can see."""
    return {
        "clock": box.http.get("/_sandbox/clock").json(),
        "world": box.http.get("/_sandbox/world").json(),
        "truth": box.http.get("/_sandbox/truth").json(),
        "events": box.http.get("/_sandbox/export/events.csv").text,
        "log": box.log(),
        "groups": box.ask(LIST, limit=100).json(),
    }


def _free_port() -> int:
    from qunflow.sandbox.running import _listen

    with _listen(0) as listening:
        return int(listening.getsockname()[1])


def _wait_for(box: Box) -> None:
    for _ in range(300):
        try:
            box.http.get("/_sandbox/clock").raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the sandbox did not start")
