"""
``kill -9`` on ``qunflow web`` under load: what was answered with 200 is in the inbox, once, byte for byte.

A client of its own keeps pushing good and bad callbacks over real HTTP, and writes down what was acknowledged before it
sends on. Beside the web another process makes contacts of what came in, and is killed with it: each event counts once.
On SQLite and on PostgreSQL. QUNFLOW_SOAK=1 runs the long form: ten minutes each, a kill every twenty seconds.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select

from benchmarks.ingress import SECRETS, callback, event
from benchmarks.loopback import Connection, connected, free_port
from qunflow.settings.environment import load_environment
from qunflow.settings.scaffold import write_workspace
from qunflow.store import inbox
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.tables import contacts
from qunflow.store.vault import Vault

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
LIVES, LIFE_S = (30, 20.0) if SOAK else (2, 0.7)
APPLIED_EVERY_S = 0.5 if SOAK else 0.05
ROOT = Path(__file__).parents[2]
SENDERS = 16
# Between its requests a sender waits as long as makes about 400 a second of all of them.
PAUSE_S = SENDERS / 400
START_S = 60.0
PLATFORM_WAITS_S = 5.0
pytestmark = pytest.mark.soak


@dataclass
class Witness:
    """What the senders saw: numbers of acknowledged events, how often each status came, and the longest wait."""

    acknowledged: list[int] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    longest_s: float = 0.0
    next_number: int = 0


@pytest.fixture
def home(tmp_path: Path, store_url: str) -> Path:
    """A workspace with its database."""
    variables = {**SECRETS, "QUNFLOW_DATABASE_URL": store_url}
    return write_workspace(tmp_path / "demo", None, date(2026, 3, 1), variables=variables)


async def push(port: int, witness: Witness, ends_at: float) -> None:
    """One sender: good events, every fourth with a changed letter, repeated ones among them, until killed or done."""
    dice = random.Random(witness.next_number)
    connection: Connection | None = None
    with suppress(ConnectionError, OSError):
        connection = await connected(port)
        while not connection.stale and time.monotonic() < ends_at:
            witness.next_number += 1
            number = witness.next_number
            kind = dice.randrange(4)
            if kind == 1 and witness.acknowledged:
                number = dice.choice(witness.acknowledged)
            request = callback(number)
            began = time.monotonic()
            answer = await connection.ask(request[:-20] + b"!" + request[-19:] if kind == 0 else request)
            status = int(answer[9:12])
            witness.longest_s = max(witness.longest_s, time.monotonic() - began)
            witness.statuses[status] += 1
            if status == 200:
                assert kind != 0
                witness.acknowledged.append(number)
            await asyncio.sleep(PAUSE_S)
    if connection is not None:
        connection.close()


async def live_and_die(process: subprocess.Popen[bytes], port: int, witness: Witness) -> int:
    """Push for one life of the server and kill it in the middle of the pushing; gives its memory in KiB."""
    ends_at = time.monotonic() + 10 * LIFE_S
    senders = [asyncio.create_task(push(port, witness, ends_at)) for _ in range(SENDERS)]
    await asyncio.sleep(LIFE_S)
    memory_kib = _memory_kib(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    await asyncio.wait_for(asyncio.gather(*senders), 30)
    return memory_kib


async def answering(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server takes connections."""
    patience = time.monotonic() + START_S
    while time.monotonic() < patience:
        assert process.poll() is None, process.stderr
        with suppress(OSError):
            (await connected(port)).close()
            return
        await asyncio.sleep(0.05)
    pytest.fail("qunflow web did not start")


def _memory_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)


@dataclass(frozen=True)
class Found:
    """What is on file in the end: bodies of events that were applied, contacts, and their lines in the history."""

    applied: list[bytes]
    waiting: int
    contacts: int
    lines: int
    persons: int


def found_in(home: Path) -> Found:
    """Count everything that was made of the callbacks."""
    environment = load_environment(home)
    store = Store.open(environment.database_url)
    vault = Vault(store, environment.master_key_bytes())
    with store.reading() as conn:
        bodies = [row.body for row in inbox.applied(conn, vault, "wecom", 0, 10_000_000)]
        waiting = len(inbox.unapplied(conn, vault, "wecom", 10_000_000))
        known = conn.execute(select(func.count()).select_from(contacts)).scalar_one()
    counted = History(environment.history_dir, store).query(
        "SELECT count(*) AS lines, count(DISTINCT person_id) AS persons FROM events WHERE kind = 'contact_added'"
    )
    store.close()
    lines, persons = (int(counted[name][0]) for name in ("lines", "persons"))
    return Found([body for body in bodies if isinstance(body, bytes)], waiting, known, lines, persons)


def started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process of this house that knows no other workspace's variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("QUNFLOW_")}
    return subprocess.Popen(
        [sys.executable, *command],
        env=clean,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def applying() -> Iterator[subprocess.Popen[bytes]]:
    """Makes processes that apply an inbox."""
    zygote = started(["-m", "tests.crash.inbox_applier"])
    yield zygote
    zygote.kill()
    zygote.communicate()


def told(process: subprocess.Popen[bytes], line: str = "") -> str:
    """Say something to a process, if there is anything to say, and hear its next line."""
    assert process.stdin is not None
    assert process.stdout is not None
    if line:
        process.stdin.write(f"{line}\n".encode())
        process.stdin.flush()
    return process.stdout.readline().decode().strip()


def one_life(home: Path, applying: subprocess.Popen[bytes], witness: Witness) -> int:
    """Web and applier from their start to their violent end; gives the web's memory in KiB."""
    port = free_port()
    web = started(["-m", "qunflow.cli", "web", "--port", str(port), "-w", str(home)])
    applier = int(told(applying, f"{home} {APPLIED_EVERY_S}"))
    try:
        asyncio.run(answering(web, port))
        return asyncio.run(live_and_die(web, port, witness))
    finally:
        os.kill(applier, signal.SIGKILL)
        web.kill()
        web.communicate()
        assert told(applying) == "killed", "the applier ended before it was killed"


def test_no_acknowledged_event_is_lost_or_applied_twice_when_the_processes_are_killed(
    home: Path, applying: subprocess.Popen[bytes]
) -> None:
    """Every 200 stands for a row that survived and became one contact; refused ones never; no answer is a defect."""
    witness = Witness()
    memory_kib = [one_life(home, applying, witness) for _ in range(LIVES)]
    assert told(applying, f"{home} 0").isdigit()
    assert told(applying) == "."
    found = found_in(home)
    lost = {event(number) for number in witness.acknowledged} - set(found.applied)
    print(
        f"{LIVES} kills · {len(set(witness.acknowledged))} events acknowledged · {len(lost)} lost · "
        f"{len(found.applied) - len(set(found.applied))} kept twice · {found.lines - found.persons} applied twice · "
        f"statuses {dict(witness.statuses)} · longest {witness.longest_s:.2f} s · "
        f"memory {min(memory_kib) >> 10}–{max(memory_kib) >> 10} MiB"
    )
    assert len(witness.acknowledged) > 10 * LIVES
    assert lost == set()
    assert found.waiting == 0
    assert len(set(found.applied)) == len(found.applied) == found.contacts == found.lines == found.persons
    assert set(witness.statuses) <= {200, 403, 503}
    assert witness.longest_s < PLATFORM_WAITS_S
