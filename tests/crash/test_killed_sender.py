"""
kill -9 in the middle of sending: no message twice, none missing.

Two real processes send over real HTTP to a sandbox that loses replies and lets requests arrive late, while they are
killed and paused at random points. The judge is the sandbox's acceptance log, never Qunflow's own records.
QUNFLOW_SOAK=1 runs the long form.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, insert, select

from qunflow.delivery.hand_send import card_token
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import approve, check, plan
from qunflow.store.engine import Store
from qunflow.store.tables import groups, targets
from qunflow.store.vault import Vault

HERE = Path(__file__).parent
SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
KILLS = 1_500 if SOAK else 35
CHATS = 40
SLOTS = 25 if SOAK else 3
CARDS = 60 if SOAK else 40
# Simulated seconds a round; the wait before asking is twelve rounds, far longer than the latest arrival.
STEP_S = 5
LATE_S = 0.15
START = "2026-03-02T09:00:00+08:00"


@dataclass
class Sandbox:
    """A sandbox process on loopback."""

    url: str

    def tell(self, path: str, body: Any) -> Any:
        answer = httpx.post(f"{self.url}/_sandbox/{path}", json=body, timeout=60, trust_env=False)
        return answer.raise_for_status().json()

    def ask(self, path: str) -> str:
        return httpx.get(f"{self.url}/_sandbox/{path}", timeout=60, trust_env=False).raise_for_status().text

    def now(self) -> datetime:
        return datetime.fromisoformat(json.loads(self.ask("clock"))["now"]).astimezone(UTC)


class Senders:
    """Two sending processes, made anew whenever one is killed."""

    def __init__(self, zygote: subprocess.Popen[str], dice: random.Random) -> None:
        self._zygote = zygote
        self._dice = dice
        self._alive = [self._born(), self._born()]

    def strike(self) -> None:
        """Kill one of them, now and then pause the other one for a moment before."""
        place = self._dice.randrange(2)
        if self._dice.random() < 0.2:
            os.kill(self._alive[1 - place], signal.SIGSTOP)
            time.sleep(0.05)
            os.kill(self._alive[1 - place], signal.SIGCONT)
        os.kill(self._alive[place], signal.SIGKILL)
        self._alive[place] = self._born()

    def stop(self) -> None:
        for pid in self._alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _born(self) -> int:
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write("one\n")
        self._zygote.stdin.flush()
        return int(self._zygote.stdout.readline())


@contextmanager
def a_sandbox(folder: Path, port: int) -> Iterator[Sandbox]:
    """A sandbox process with forty empty groups and no people."""
    spec = folder / "spec.yaml"
    rows = [
        {
            "key": f"k{one}",
            "name": f"{one} 群",
            "kind": "benefit_group",
            "owner": "owner_zhou",
            "admin": "admin_lin",
            "share": 0.0,
        }
        for one in range(CHATS)
    ]
    spec.write_text(json.dumps({"groups": rows, "people": 0, "past_days": 1, "arrivals_per_day": 0.0}))
    command = [sys.executable, "-m", "qunflow.cli", "sandbox", "--empty", "--port", str(port), "--spec", str(spec)]
    command += ["--corp-id", "ww1", "--secret", "s3cret", "--start", START]
    process = subprocess.Popen(command)
    sandbox = Sandbox(f"http://127.0.0.1:{port}")
    try:
        wait_for(sandbox, process)
        yield sandbox
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_for(sandbox: Sandbox, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the sandbox did not start"
        with suppress(httpx.HTTPError):
            sandbox.now()
            return
        time.sleep(0.1)
    pytest.fail("the sandbox did not start in 30 seconds")


@contextmanager
def senders(folder: Path, url: str, sandbox: Sandbox, seed: int) -> Iterator[Senders]:
    """The two senders and the process that makes them."""
    command = [sys.executable, str(HERE / "sender_zygote.py"), str(folder), url, sandbox.url]
    zygote = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    made = Senders(zygote, random.Random(seed))
    try:
        yield made
    finally:
        made.stop()
        assert zygote.stdin is not None
        zygote.stdin.close()
        zygote.wait(timeout=10)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def queue_up(store: Store, sandbox: Sandbox) -> list[int]:
    """Mass tasks and cards, each with words of its own; gives the ids of the cards."""
    now, world = sandbox.now(), json.loads(sandbox.ask("world"))
    rows = [
        {
            "community": "neighbours",
            "group_key": one["key"],
            "chat_id": one["chat_id"],
            "name": one["name"],
            "kind": "benefit_group",
        }
        for one in world["groups"]
    ]
    with store.writing() as conn:
        conn.execute(insert(groups), rows)
        ids = conn.execute(select(groups.c.group_id).order_by(groups.c.group_id)).scalars().all()
        planned = [
            a_message(one, f"task-{slot}-{one}", slot, "mass_task", "owner_zhou", now)
            for slot in range(SLOTS)
            for one in ids
        ]
        cards = [
            a_message(
                ids[one % CHATS], f"card-{one}", 100 + one, "hand_send", f"admin_{'lin' if one % 2 else 'tang'}", now
            )
            for one in range(CARDS)
        ]
        check(conn, plan(conn, planned, now).ids)
        made = plan(conn, cards, now)
        check(conn, made.ids)
        for slot in {one.slot_key for one in [*planned, *cards]}:
            approve(conn, slot, by="li", at=now)
    return list(made.ids)


def a_message(group: int, text: str, slot: int, way: Any, sender: str, now: datetime) -> Planned:
    return Planned(
        community="neighbours",
        stage="daily_content",
        campaign="",
        slot_key=f"slot-{slot}",
        day=now.astimezone().date(),
        way=way,
        sender_userid=sender,
        target_kind="chat",
        target_ref=group,
        content=Content(text),
        due_at=now,
        not_after=now + timedelta(days=20),
        marketing=True,
    )


def unfinished(store: Store) -> int:
    with store.reading() as conn:
        wanted = select(func.count()).where(targets.c.state.in_(("approved", "intent", "unknown")))
        return int(conn.execute(wanted).scalar_one())


FAULTS = [
    {"path": path, "mode": mode, "probability": 0.03, "seconds": LATE_S}
    for path in ("externalcontact/add_msg_template", "message/send")
    for mode in ("reply_lost", "late", "dropped", "http_502", "truncated")
]


def live_through(store: Store, sandbox: Sandbox, crew: Senders, seed: int) -> int:
    """Kill at random until everything is settled and the kills are used up; returns how many there were."""
    dice, kills, patience = random.Random(seed + 1), 0, time.monotonic() + (3_600 if SOAK else 40)
    while kills < KILLS or unfinished(store):
        assert time.monotonic() < patience, f"{unfinished(store)} messages are not settled after {kills} kills"
        time.sleep(dice.uniform(0.02, 0.18))
        if kills < KILLS:
            crew.strike()
            kills += 1
        sandbox.tell("clock", {"advance_s": STEP_S})
    return kills


def accepted(sandbox: Sandbox) -> tuple[Counter[str], Counter[str]]:
    """How often the platform took each task's text and each card's address."""
    log = [json.loads(line) for line in sandbox.ask("log").splitlines()]
    tasks = Counter(row["body"]["text"]["content"] for row in log if row["path"].endswith("add_msg_template"))
    cards = Counter(row["body"]["textcard"]["url"] for row in log if row["path"].endswith("message/send"))
    return tasks, cards


@pytest.mark.parametrize("seed", range(2) if SOAK else [1])
@pytest.mark.soak
def test_killed_senders_send_everything_once(
    store: Store, vault: Vault, store_url: str, tmp_path: Path, seed: int
) -> None:
    """Whatever is killed or lost on the way, each message is accepted exactly once."""
    with a_sandbox(tmp_path, free_port()) as sandbox:
        card_ids = queue_up(store, sandbox)
        sandbox.tell("faults", FAULTS)
        with senders(tmp_path, store_url, sandbox, seed) as crew:
            kills = live_through(store, sandbox, crew, seed)
        tasks, cards = accepted(sandbox)
    links = {f"http://127.0.0.1:8790/hand/{card_token(vault, one)}" for one in card_ids}
    assert kills == KILLS
    assert len(tasks) == CHATS * SLOTS, "messages are missing"
    assert set(cards) == links, "cards are missing"
    assert not {text: times for text, times in (tasks + cards).items() if times > 1}, "messages went out twice"
