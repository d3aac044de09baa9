"""
Two sending processes and the one who kills them: at a point that was aimed at, told afterwards from what is left.

Where a kill fell is judged by the trace the dead process kept, and by the intents the outbox holds in its name.
"""

from __future__ import annotations

import json
import os
import random
import select as waiting
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import exists, select

from qunflow.store.engine import Store
from qunflow.store.tables import calls, contents, targets
from tests.crash.sandbox_process import Sandbox
from tests.crash.trace import ANSWERED, BEGUN, Seen, Trace

ROOT = Path(__file__).resolve().parents[2]
IDLE, BEFORE, INTENT, CALL, REPLY = (
    "idle",
    "before intent",
    "between intent and call",
    "during the call",
    "between reply and mark",
)
DANGEROUS = (INTENT, CALL, REPLY)
AIMS: dict[str, Callable[[Seen], bool]] = {
    "anywhere": lambda seen: False,
    INTENT: lambda seen: seen.has_claimed and not seen.handful,
    CALL: lambda seen: seen.is_calling,
    REPLY: lambda seen: seen.is_answered,
}
_WEIGHTS = (2, 2, 3, 2)
_LOOK_S = 0.001
_PATIENCE_S = 0.4
_TURNS = 3
_ANYWHERE_S = 0.2
RECOVERY_S = 10.0
# So many simulated seconds later more is due.
_MORE_S = 4


@dataclass
class Sender:
    """One process."""

    pid: int
    handle: int
    trace: Trace
    born: float

    def kill(self) -> Seen:
        """End it, and tell where it stood."""
        signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        assert waiting.select([self.handle], [], [], 10)[0], "a process outlived kill -9"
        os.close(self.handle)
        seen = self.trace.seen()
        self.trace.close()
        return seen


@dataclass
class Crew:
    """Two senders, made anew whenever one is killed."""

    zygote: subprocess.Popen[str]
    folder: Path
    store: Store
    sandbox: Sandbox
    dice: random.Random
    alive: list[Sender] = field(default_factory=list)
    fell: Counter[str] = field(default_factory=Counter)
    unwritten: int = 0
    stops: int = 0
    recoveries_s: list[float] = field(default_factory=list)
    _made: int = 0
    _paused: int | None = None
    _seen_log: int = 0
    _accepted: set[str] = field(default_factory=set)

    @property
    def is_stopped(self) -> bool:
        """Whether one of them is stopped."""
        return self._paused is not None

    def begin(self) -> None:
        """Two senders."""
        self.alive = [self._born(), self._born()]

    def strike(self) -> None:
        """Kill one that is not paused, near a point by chance."""
        place = self.dice.randrange(2) if self._paused is None else 1 - self._paused
        aim = self.dice.choices(list(AIMS), _WEIGHTS)[0]
        if aim == "anywhere":
            self._wait(place, AIMS[aim], self.dice.uniform(0.0, _ANYWHERE_S))
        else:
            self._wait_while_due(place, AIMS[aim])
        self._kill(place)
        self.alive[place] = self._born()

    def strike_both(self) -> None:
        """Kill both, and take the time until the next ones have sent something, if there is anything to send."""
        self._wait(0, AIMS[CALL], _PATIENCE_S)
        for place in range(2):
            self._kill(place)
        self.sandbox.tell("clock", {"advance_s": _MORE_S})
        self.begin()
        if not self._is_due():
            return
        while not any(one.trace.settled_at() for one in self.alive):
            assert time.monotonic() - self.alive[1].born < RECOVERY_S, "nothing was sent in ten seconds after a restart"
            time.sleep(_LOOK_S)
        self.recoveries_s.append(
            min(one.trace.settled_at() for one in self.alive if one.trace.settled_at()) - self.alive[0].born
        )

    def pause(self) -> None:
        """Stop one in the middle of a call; a stopped one that holds the database would only make all others wait."""
        if self._paused is not None:
            return
        place = self.dice.randrange(2)
        self._wait(place, AIMS[CALL], _PATIENCE_S)
        os.kill(self.alive[place].pid, signal.SIGSTOP)
        time.sleep(0.002)
        self._paused = place
        if self.alive[place].trace.seen().is_calling:
            self.stops += 1
        else:
            self.go_on()

    def go_on(self) -> None:
        """Let the paused one continue."""
        if self._paused is not None:
            os.kill(self.alive[self._paused].pid, signal.SIGCONT)
        self._paused = None

    def _wait_while_due(self, place: int, is_there: Callable[[Seen], bool]) -> None:
        """Longer where there is something to send: on a busy machine a sender takes its time to come to the point."""
        for _ in range(_TURNS):
            if self._wait(place, is_there, _PATIENCE_S) or not self._is_due():
                return

    def _wait(self, place: int, is_there: Callable[[Seen], bool], patience_s: float) -> bool:
        until = time.monotonic() + patience_s
        while not (reached := is_there(self.alive[place].trace.seen())) and time.monotonic() < until:
            time.sleep(_LOOK_S)
        return reached

    def _kill(self, place: int) -> None:
        seen = self.alive[place].kill()
        left = self._intents(seen.worker)
        self.fell[self._where(seen, left)] += 1
        self._read_log()
        self.unwritten += bool(self._accepted & set(left.values()))

    def _where(self, seen: Seen, left: dict[int, str]) -> str:
        if not left:
            return BEFORE if self._is_due() else IDLE
        states = {state for call, state in seen.handful if call in left}
        if BEGUN in states:
            return CALL
        return REPLY if ANSWERED in states else INTENT

    def _intents(self, worker: str) -> dict[int, str]:
        query = (
            select(calls.c.call_id, contents.c.text)
            .join(contents, contents.c.content_version == calls.c.content_version)
            .where(calls.c.worker == worker, calls.c.state == "intent")
        )
        with self.store.reading() as conn:
            return {row.call_id: row.text for row in conn.execute(query)} if worker else {}

    def _is_due(self) -> bool:
        due = exists().where(targets.c.state == "approved", targets.c.due_at <= self.sandbox.now())
        with self.store.reading() as conn:
            return bool(conn.execute(select(due)).scalar_one())

    def _read_log(self) -> None:
        for line in self.sandbox.log(self._seen_log):
            self._seen_log += 1
            row = json.loads(line)
            self._accepted.add(str(row["body"].get("text", {}).get("content", "")))

    def _born(self) -> Sender:
        self._made += 1
        path = self.folder / f"trace-{self._made}"
        trace, born = Trace(path), time.monotonic()
        assert self.zygote.stdin is not None
        assert self.zygote.stdout is not None
        self.zygote.stdin.write(f"{path}\n")
        self.zygote.stdin.flush()
        pid = int(self.zygote.stdout.readline())
        return Sender(pid, os.pidfd_open(pid), trace, born)


@contextmanager
def a_crew(folder: Path, url: str, store: Store, sandbox: Sandbox, seed: int) -> Iterator[Crew]:
    """The process that makes senders, and two of them."""
    command = [sys.executable, "-m", "tests.crash.sender_zygote", str(folder), url, sandbox.url]
    zygote = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    crew = Crew(zygote, folder, store, sandbox, random.Random(seed))
    try:
        crew.begin()
        yield crew
    finally:
        crew.go_on()
        for one in crew.alive:
            one.kill()
        assert zygote.stdin is not None
        zygote.stdin.close()
        zygote.wait(timeout=10)
