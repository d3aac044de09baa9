"""
``./run bench ingress [SECONDS [RATE]]``: signed callbacks at a fixed rate against a real ``qunflow web`` process.

The client is open-loop: a request is due at its instant whether or not the ones before were answered, and its waiting
time counts from then. The peer is the same application with one commit a request; the limit is how many single commits
this disk takes in a second when nothing else is done. Every row that was acknowledged is counted again in the database.
Then how long a welcome takes under that load, against the 20 seconds its code is good for (``welcome_load``).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.loopback import Connection, connected, free_port, on_one_core
from qunflow.connectors.wecom.crypto import CallbackCrypto

RATE = 500
SECONDS = 6.0
WARM_UP_S = 1.0
CONNECTIONS = 64
WANTED_MS = 50.0
EACH_ALONE = 1
SECRETS = {
    "QUNFLOW_WECOM_BASE_URL": "http://127.0.0.1:9",
    "QUNFLOW_WECOM_CORP_ID": "wwSBX",
    "QUNFLOW_WECOM_SECRET": "not a real secret",
    "QUNFLOW_WECOM_AGENT_ID": "1000002",
    "QUNFLOW_WECOM_CALLBACK_TOKEN": "QDG6eK",
    "QUNFLOW_WECOM_CALLBACK_AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
    "QUNFLOW_HOOK_SECRET": "a hook secret for measuring",
}


CRYPTO = CallbackCrypto(
    token=SECRETS["QUNFLOW_WECOM_CALLBACK_TOKEN"],
    aes_key=SECRETS["QUNFLOW_WECOM_CALLBACK_AES_KEY"],
    receive_id=SECRETS["QUNFLOW_WECOM_CORP_ID"],
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one load saw: waiting times in ms, in order, answers that were no 200, seconds, commits and kept rows."""

    waits_ms: Sequence[float]
    refused: int
    seconds: float
    commits: int
    kept: int

    def wait_ms(self, share: float) -> float:
        """The waiting time that this share of the requests did not exceed."""
        return self.waits_ms[min(int(share * len(self.waits_ms)), len(self.waits_ms) - 1)]


def event(number: int, *, at: int = 1_763_700_001, who: str = "ops_li", channel: str = "", code: str = "") -> bytes:
    """The event of a number: at ``at`` (Unix seconds) somebody became a contact of ``who``, perhaps with a code."""
    welcome = f"<State><![CDATA[{channel}]]></State><WelcomeCode><![CDATA[{code}]]></WelcomeCode>" if code else ""
    return (
        "<xml><ToUserName><![CDATA[wwSBX]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
        "<Event><![CDATA[change_external_contact]]></Event><ChangeType><![CDATA[add_external_contact]]></ChangeType>"
        f"<UserID><![CDATA[{who}]]></UserID><ExternalUserID><![CDATA[wmSBX{number:08d}]]></ExternalUserID>"
        f"{welcome}</xml>"
    ).encode()


def callback(number: int, *, at: int = 1_763_700_001, who: str = "ops_li", channel: str = "", code: str = "") -> bytes:
    """The whole request that brings an event, sealed anew each time."""
    sealed = CRYPTO.seal(event(number, at=at, who=who, channel=channel, code=code))
    body = f"<xml><ToUserName><![CDATA[wwSBX]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()
    signature = CRYPTO.signature("1763700001", str(number), sealed)
    query = urlencode({"msg_signature": signature, "timestamp": "1763700001", "nonce": str(number)})
    head = f"POST /wecom/callback?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def at_a_rate(port: int, requests: Sequence[bytes], rate: int) -> tuple[list[float], int]:
    """Send each request when it is due; gives the waiting times in seconds and how many were not answered with 200."""
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await connected(port))
    waits: list[float] = []
    refused = 0
    begins = time.perf_counter() + 0.05

    async def send(number: int, request: bytes) -> None:
        nonlocal refused
        connection = await idle.get()
        answer = await connection.ask(request)
        waits.append(time.perf_counter() - (begins + number / rate))
        refused += not answer.startswith(b"HTTP/1.1 200")
        idle.put_nowait(connection)

    async with asyncio.TaskGroup() as sending:
        for number, request in enumerate(requests):
            await asyncio.sleep(max(0.0, begins + number / rate - time.perf_counter()))
            sending.create_task(send(number, request))
    while not idle.empty():
        idle.get_nowait().close()
    return waits, refused


def measure(folder: Path, rate: int, seconds: float, most: int) -> Seen:
    """One load against a fresh workspace; ``most`` is how many rows a commit may take."""
    home = workspace(folder)
    port, requests = free_port(), [callback(number) for number in range(int(rate * (seconds + WARM_UP_S)))]
    warm = int(rate * WARM_UP_S)
    command = [sys.executable, "-m", "benchmarks.ingress", "serve", str(home), str(port), str(most)]
    quiet = {name: "" for name in os.environ if name.startswith("QUNFLOW_")}
    with on_one_core(command, port, None, quiet):
        asyncio.run(at_a_rate(port, requests[:warm], rate))
        before = _commits(port)
        began = time.perf_counter()
        waits, refused = asyncio.run(at_a_rate(port, requests[warm:], rate))
        took_s = time.perf_counter() - began
        commits = _commits(port) - before
    return Seen(sorted(wait * 1_000 for wait in waits), refused, took_s, commits, _kept(home) - warm)


def single_commits_ms(file: Path, seconds: float = 1.0) -> list[float]:
    """How long this disk takes for a row in a commit of its own, in ms, in order: same journal, nothing else done."""
    conn = sqlite3.connect(file, isolation_level=None)
    conn.execute("PRAGMA journal_mode = DELETE")
    conn.execute("PRAGMA synchronous = FULL")
    conn.execute("CREATE TABLE inbox (inbox_id INTEGER PRIMARY KEY, sealed_body BLOB)")
    took_ms: list[float] = []
    ends = time.perf_counter() + seconds
    while (began := time.perf_counter()) < ends:
        conn.execute("INSERT INTO inbox (sealed_body) VALUES (?)", (b"x" * 600,))
        took_ms.append((time.perf_counter() - began) * 1_000)
    conn.close()
    return sorted(took_ms)


def main(arguments: list[str]) -> int:
    """Print one line a way of committing, welcomes with and without load, and the ratios."""
    from benchmarks.welcome_load import measure_welcomes

    if arguments[:1] == ["serve"]:
        return serve(Path(arguments[1]), int(arguments[2]), int(arguments[3]))
    seconds = float(arguments[0]) if arguments else SECONDS
    rate = int(arguments[1]) if len(arguments) > 1 else RATE
    with tempfile.TemporaryDirectory(prefix="qunflow-bench-") as base:
        folder = Path(base)
        single = single_commits_ms(folder / "before.sqlite3")
        print(
            f"{rate} callbacks/s for {seconds:.0f} s; left alone this disk takes {len(single)} single commits/s", end=""
        )
        group = measure(folder / "group", rate, seconds, 256)
        after = single_commits_ms(folder / "after.sqlite3")
        print(f", {len(after)} a moment later")
        print("way               p50 ms  p99 ms  max ms  commits/s  rows/commit  not 200  acknowledged = kept")
        print(_line("group commit", group), flush=True)
        alone = measure(folder / "alone", rate, seconds, EACH_ALONE)
        print(_line("one a request", alone), flush=True)
        for name, load in (("at rest", 5), (f"under {rate} callbacks/s", rate)):
            print(measure_welcomes(folder / f"welcomes-{load}", load, seconds).line(name), flush=True)
    slow = max(took_ms[int(0.99 * len(took_ms))] for took_ms in (single, after))
    print(
        f"p99 is {group.wait_ms(0.99) / WANTED_MS:.2f} of the {WANTED_MS:.0f} ms allowed"
        f" · {group.wait_ms(0.99) / alone.wait_ms(0.99):.3f} of one commit a request"
        f" · {group.wait_ms(0.99) / slow:.1f} times the p99 of a single commit ({slow:.1f} ms)"
    )
    return 0


def _line(way: str, seen: Seen) -> str:
    waits = "  ".join(f"{seen.wait_ms(share):>6.1f}" for share in (0.5, 0.99, 1.0))
    acknowledged = len(seen.waits_ms) - seen.refused
    rows = seen.kept / seen.commits if seen.commits else 0.0
    return (
        f"{way:<16}  {waits}  {seen.commits / seen.seconds:>9.0f}  {rows:>11.1f}  {seen.refused:>7}"
        f"  {acknowledged} = {seen.kept}"
    )


def workspace(folder: Path, variables: Mapping[str, str] = SECRETS) -> Path:
    """A workspace with its database and all secrets of a way in."""
    from qunflow.settings.environment import load_environment
    from qunflow.settings.scaffold import write_workspace
    from qunflow.store.migrate import upgrade

    home = write_workspace(folder, None, date(2026, 3, 1), variables=variables)
    upgrade(load_environment(home).database_url)
    return home


def serve(home: Path, port: int, most: int) -> int:
    """``qunflow web``, but for the size of a commit; its log goes nowhere, and is written all the same."""
    from qunflow.cli.web import log_as_json, web_ports
    from qunflow.runtime import open_runtime
    from qunflow.web.app import create_app
    from qunflow.web.keeping import inbox_of
    from qunflow.web.serving import serve as serve_app

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    log_as_json()
    ports = web_ports(open_runtime(home))
    app = create_app(ports)
    app.state.inbox = inbox_of(ports, app.state.metrics.committed, most)
    serve_app(app, "127.0.0.1", port)
    return 0


def _commits(port: int) -> int:
    import httpx

    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).raise_for_status().text
    line = next(line for line in text.splitlines() if line.startswith("qunflow_inbox_commit_rows_count"))
    return int(float(line.split()[1]))


def _kept(home: Path) -> int:
    from qunflow.settings.environment import load_environment
    from qunflow.store.engine import Store
    from qunflow.store.inbox import backlogs

    store = Store.open(load_environment(home).database_url)
    with store.reading() as conn:
        kept = sum(one.rows for one in backlogs(conn))
    store.close()
    return kept


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
