"""A sandbox, a queue and a process that starts flows: what the proofs beside kill -9 have in common."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from tests.crash.checker import Finding, judge, read_plan, save_plan
from tests.crash.mixed_plan import Queue, Shape
from tests.crash.sandbox_process import START, Sandbox, a_sandbox_here
from tests.crash.scoreboard import Score, kept
from tests.crash.sender_zygote import WAIT_S

RecordProperty: TypeAlias = Callable[[str, object], None]
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class House:
    """Everything is queued and due, nothing is sent yet; ``always`` is part of every order."""

    queue: Queue
    folder: Path
    zygote: subprocess.Popen[str]
    always: dict[str, Any] = field(default_factory=dict)

    @property
    def sandbox(self) -> Sandbox:
        """The platform."""
        return self.queue.sandbox

    def order(self, number: int = 1, **order: Any) -> list[dict[str, Any]]:
        """Run flows at once; see ``drain_zygote``."""
        self.begin(number, **order)
        return self.ended()

    def begin(self, number: int = 1, **order: Any) -> None:
        """Start them, and do something else meanwhile."""
        assert self.zygote.stdin is not None
        whole = {"folder": str(self.folder), "number": number, **self.always, **order}
        self.zygote.stdin.write(json.dumps(whole) + "\n")
        self.zygote.stdin.flush()

    def ended(self) -> list[dict[str, Any]]:
        """Wait for their answers."""
        assert self.zygote.stdout is not None
        answers: list[dict[str, Any]] = json.loads(self.zygote.stdout.readline())
        assert not [one for one in answers if one.get("kind") == "crashed"], answers
        return answers

    def settle(self) -> None:
        """What is unknown is asked about once the wait is over, and what never arrived is sent."""
        for _ in range(3):
            self.sandbox.tell("clock", {"advance_s": WAIT_S + 5})
            self.order()

    def judged(self) -> Finding:
        """The log against the plan."""
        return judge(read_plan(self.folder / "plan.ndjson"), self.sandbox.log(), self.queue.told())


@contextmanager
def a_house(folder: Path, store: Store, vault: Vault, url: str, shape: Shape, start: str = START) -> Iterator[House]:
    """A sandbox in this process, a filled queue, and a process that makes others."""
    with a_sandbox_here(folder, shape.chats, start) as sandbox:
        queue = Queue(store, vault, sandbox, shape)
        queue.fill()
        save_plan(folder / "plan.ndjson", queue.wanted)
        command = [sys.executable, "-m", "tests.crash.drain_zygote", url, sandbox.url]
        zygote = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            house = House(queue, folder, zygote)
            house.order(0)  # answered once it is warm
            yield house
        finally:
            assert zygote.stdin is not None
            zygote.stdin.close()
            zygote.wait(timeout=20)


def scored(test: str, cases: int, found: Finding, note: str = "") -> tuple[str, object]:
    """A line of the scoreboard for a proof without kills, to be recorded."""
    wrong = (found.doubled, found.lost, found.unknown, found.violations)
    return kept(Score(test, cases, found.planned, 0, *map(len, wrong), note))


def is_clean(found: Finding) -> bool:
    """Everything arrived once, but for what a rule of the platform turned away."""
    return found.planned == found.once + found.refused and not (
        found.doubled or found.lost or found.unknown or found.violations
    )
