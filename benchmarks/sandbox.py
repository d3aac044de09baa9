"""
How many simple calls a second the WeCom sandbox answers on one core, over real HTTP.

The limit is a bare application under the same server on the same core in the same run: what HTTP alone costs. Where the
state is a file, the other limit is the disk: commits a second of one row with synchronous FULL. One caller alone waits
for each of them; several share them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.loopback import Load, cores, free_port, load, on_one_core, request

WANTED_PER_S = 1_000
CALLS = 6_000
CALLERS = 8
CORP, SECRET = "wwbench", "bench"
ENVIRONMENT = {"QUNFLOW_WECOM_CORP_ID": CORP, "QUNFLOW_WECOM_SECRET": SECRET, "QUNFLOW_WECOM_AGENT_ID": "1000002"}
# The clock stands still, so a minute's and a day's limits would end the measurement.
LIMITS = ("calls_per_min=100000000", "calls_per_hour=100000000", "accounts=1000000")


def main(arguments: list[str]) -> int:
    """Measure and print; ``arguments`` may hold the number of calls of each kind."""
    calls = int(arguments[0]) if arguments else CALLS
    core = _share_cores()
    print(f"{CALLERS} callers at once; the server on core {core}, the callers on another")
    print(f"{'state':<8} {'call':<32} {'calls/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'of bare':>8} {'of 1000':>8}")
    bare = _bare(core, calls)
    _show("-", "bare uvicorn, constant JSON", bare, bare)
    found = _sandbox(core, calls, ":memory:", bare)
    with tempfile.TemporaryDirectory() as folder:
        found += _sandbox(core, calls, str(Path(folder) / "box.sqlite3"), bare)
        disk, durable = _commits_per_s(Path(folder)), found[-1]
        print(f"disk: {disk:,.0f} commits/s of one row, synchronous FULL; {CALLERS} callers get {durable / disk:.1f} ×")
    slowest = min(found)
    print(f"slowest of several callers: {slowest:,.0f}/s, {slowest / WANTED_PER_S:.2f} × the {WANTED_PER_S:,} wanted")
    return 0


def _share_cores() -> int | None:
    """The server's core; the client keeps to the others when there are any."""
    free = cores()
    if len(free) > 1:
        os.sched_setaffinity(0, free[1:])
    return free[0] if free else None


def _bare(core: int | None, calls: int) -> Load:
    port = free_port()
    with on_one_core([sys.executable, "-m", "benchmarks.bare_server", str(port)], port, core):
        return _measured(port, [request("POST", "/", b"{}")] * calls, CALLERS)


def _sandbox(core: int | None, calls: int, db: str, bare: Load) -> list[float]:
    port = free_port()
    limits = [word for limit in LIMITS for word in ("--limit", limit)]
    command = [sys.executable, "-m", "qunflow.cli", "sandbox", "--port", str(port), "--db", db, *limits]
    state, found = "memory" if db == ":memory:" else "file", []
    with on_one_core(command, port, core, ENVIRONMENT):
        for name, requests, callers in _kinds(port, calls):
            done = _measured(port, requests, callers)
            if json.loads(done.body).get("errcode") != 0:
                raise RuntimeError(f"{name} was refused: {done.body[:200]!r}")
            _show(state, name, done, bare)
            if callers > 1:
                found.append(done.per_second)
    return found


def _kinds(port: int, calls: int) -> list[tuple[str, list[bytes], int]]:
    """The simple calls, their requests, and how many callers share them; what is written differs from call to call."""
    credentials = f"corpid={CORP}&corpsecret={SECRET}"
    token = _asked(port, "GET", f"/cgi-bin/gettoken?{credentials}")["access_token"]
    chat = _asked(port, "GET", "/_sandbox/world")["groups"][0]["chat_id"]
    roster = _asked(port, "POST", _call("externalcontact/groupchat/get", token), chat_id=chat)["group_chat"]
    friends = _asked(port, "GET", f"{_call('externalcontact/list', token)}&userid=helper_xm")["external_userid"]
    asks = [_call("externalcontact/get", token) + f"&external_userid={who}" for who in friends]
    rosters = _posts(_call("externalcontact/groupchat/get", token), [{"chat_id": chat}] * calls)
    cards = _posts(_call("message/send", token), [_card(nth) for nth in range(calls)])
    tasks = _posts(_call("externalcontact/add_msg_template", token), [_task(nth, chat) for nth in range(calls)])
    return [
        ("user/list_id", _posts(_call("user/list_id", token), [{"limit": 100}] * calls), CALLERS),
        ("externalcontact/get", [request("GET", asks[nth % len(asks)]) for nth in range(calls)], CALLERS),
        (f"groupchat/get, {len(roster['member_list'])} members", rosters, CALLERS),
        ("message/send, durable", cards, CALLERS),
        ("add_msg_template, durable", tasks, CALLERS),
        ("add_msg_template, one caller", tasks[: calls // 4], 1),
    ]


def _card(nth: int) -> dict[str, Any]:
    return {"touser": "admin_lin", "msgtype": "text", "agentid": 1_000_002, "text": {"content": f"待办 {nth}"}}


def _task(nth: int, chat: str) -> dict[str, Any]:
    return {"chat_type": "group", "sender": "owner_zhou", "chat_id_list": [chat], "text": {"content": f"早安 {nth}"}}


def _call(path: str, token: str) -> str:
    return f"/cgi-bin/{path}?access_token={token}"


def _posts(target: str, bodies: Sequence[dict[str, Any]]) -> list[bytes]:
    return [request("POST", target, json.dumps(body).encode()) for body in bodies]


def _asked(port: int, method: str, target: str, **body: Any) -> Any:
    one = request(method, target, json.dumps(body).encode() if method == "POST" else b"")
    return json.loads(asyncio.run(load(port, [one], connections=1)).body)


def _measured(port: int, requests: Sequence[bytes], callers: int) -> Load:
    asyncio.run(load(port, requests[: max(len(requests) // 20, 1)], connections=callers))
    return asyncio.run(load(port, requests, connections=callers))


def _commits_per_s(folder: Path, commits: int = 500) -> float:
    db = sqlite3.connect(folder / "disk.sqlite3", isolation_level=None)
    db.executescript("PRAGMA synchronous = FULL; PRAGMA journal_mode = PERSIST; CREATE TABLE log (line TEXT);")
    began = time.perf_counter()
    for nth in range(commits):
        db.execute("INSERT INTO log VALUES (?)", (f"line {nth}",))
    seconds = time.perf_counter() - began
    db.close()
    return commits / seconds


def _show(state: str, name: str, done: Load, bare: Load) -> None:
    figures = f"{done.per_second:>8,.0f} {done.wait_ms(0.5):>8.2f} {done.wait_ms(0.99):>8.2f}"
    of_bare, of_wanted = done.per_second / bare.per_second, done.per_second / WANTED_PER_S
    print(f"{state:<8} {name:<32} {figures} {of_bare:>8.2f} {of_wanted:>8.2f}", flush=True)
