"""
Simulated time, dice, and who runs when: one seed, one history.

Everything that touches the world does so in steps. At a step a worker may be killed, paused or overtaken; which of it
happens is decided by the seed alone. Threads are greenlets, so that nothing but the dice chooses the order.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

Item = TypeVar("Item")
Result = TypeVar("Result")
# A pause of the process, longer than the wait before anything is asked about.
_PAUSE_S = (5.0, 1_900.0)


class Crash(BaseException):
    """The process is killed here; nothing of it runs any further."""


@dataclass
class Fuse:
    """When a worker is killed: at the nth step of a kind, or of any kind."""

    kind: str
    left: int


@dataclass(eq=False)
class Worker:
    """One incarnation of a process that sends."""

    name: str
    fuse: Fuse | None
    skew_s: float = 0.0
    dead: bool = False
    when_killed: Callable[[], None] = lambda: None
    tasks: dict[Task, None] = field(default_factory=dict)


class Task(greenlet):
    """One thread of a worker."""

    def __init__(self, world: World, worker: Worker, work: Callable[[], Any]) -> None:
        super().__init__(self._live, world.hub)
        self.world, self.worker, self.work = world, worker, work
        worker.tasks[self] = None

    def _live(self) -> None:
        try:
            self.work()
        except Crash:
            pass
        finally:
            self.worker.tasks.pop(self, None)


class World:
    """
    One history.

    Args:
        seed: decides everything.
        start: the first instant.
        pauses: how likely a step is to be a long pause of the process.
    """

    def __init__(self, seed: int, start: datetime, *, pauses: float = 0.0) -> None:
        self.dice = random.Random(seed)
        self.start = start
        self.pauses = pauses
        self.hub = getcurrent()
        self.seconds = 0.0
        self.steps = 0
        self.kills: list[str] = []
        self.workers: list[Worker] = []
        self._history = hashlib.blake2b(digest_size=8)
        self._order = 0
        self._agenda: list[tuple[float, float, int, Task | Callable[[], None]]] = []

    @property
    def now(self) -> datetime:
        """The true instant; a worker's own clock may be wrong."""
        return self.start + timedelta(seconds=self.seconds)

    @property
    def history(self) -> str:
        """What happened, as 16 hex digits."""
        return self._history.hexdigest()

    def note(self, what: str) -> None:
        """Make something part of the history."""
        self._history.update(what.encode())

    def at(self, seconds: float, what: Task | Callable[[], None]) -> None:
        """Let a thread go on, or something happen, at an instant in seconds since the start."""
        self._order += 1
        heapq.heappush(self._agenda, (max(seconds, self.seconds), self.dice.random(), self._order, what))

    def step(self, name: str, *, switch: bool = False) -> None:
        """Something is about to happen or has just happened; with ``switch`` others may come first."""
        task = getcurrent()
        if not isinstance(task, Task):
            return
        worker = task.worker
        if worker.dead:
            raise Crash
        self.steps += 1
        self._history.update(name.encode())
        fuse = worker.fuse
        if fuse is not None and fuse.kind in name:
            fuse.left -= 1
            if fuse.left <= 0:
                self._kill(worker, name)
        if switch:
            self._perhaps_switch()

    def sleep(self, seconds: float) -> None:
        """Let the others run for a while."""
        task = getcurrent()
        assert isinstance(task, Task), "only a worker sleeps"
        self.at(self.seconds + seconds, task)
        self.hub.switch()
        if task.worker.dead:
            raise Crash

    def spawn(self, second: float, worker: Worker, work: Callable[[], Any], when_killed: Callable[[], None]) -> None:
        """Start a worker at a second."""
        worker.when_killed = when_killed
        self.workers.append(worker)
        self.at(second, Task(self, worker, work))

    def run(self, until: Callable[[], bool], most_s: float) -> None:
        """Live on until ``until`` says so; it is asked whenever a worker has finished something."""
        try:
            while not until():
                self.seconds, _, _, what = heapq.heappop(self._agenda)
                assert self.seconds <= most_s, f"not settled after {most_s / 3_600:.0f} simulated hours"
                if isinstance(what, Task):
                    self._let_go_on(what)
                else:
                    what()
        finally:
            for worker in self.workers:
                worker.dead = True
                _bury(worker)

    def _let_go_on(self, task: Task) -> None:
        if task.dead or task.worker.dead:
            return
        task.switch()
        if task.worker.dead:
            _bury(task.worker)
            self.workers.remove(task.worker)
            task.worker.when_killed()

    def side_by_side(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Do a handful of things as threads of the same worker; done when the last one is."""
        me = getcurrent()
        assert isinstance(me, Task)
        if len(items) == 1:
            return [work(items[0])]
        results: dict[int, Result] = {}

        def one(place: int) -> None:
            results[place] = work(items[place])
            if len(results) == len(items):
                self.at(self.seconds, me)

        for place in range(len(items)):
            self.at(self.seconds, Task(self, me.worker, lambda place=place: one(place)))  # type: ignore[misc]
        self.hub.switch()
        return [results[place] for place in range(len(items))]

    @contextmanager
    def hands(self) -> Any:
        """What production does with a pool of threads."""
        yield self.side_by_side

    def _kill(self, worker: Worker, name: str) -> None:
        worker.dead = True
        self.kills.append(name)
        raise Crash

    def _perhaps_switch(self) -> None:
        throw = self.dice.random()
        if throw < self.pauses:
            self._history.update(b"pause")
            self.sleep(self.dice.uniform(*_PAUSE_S))
        elif throw < 0.15 and self._agenda:
            self.sleep(0.0)


def _bury(worker: Worker) -> None:
    """End every thread of a killed worker where it stands."""
    for task in list(worker.tasks):
        if task:
            task.throw(Crash)
    worker.tasks.clear()


@dataclass
class SimulatedClock:
    """A worker's own clock: the true time and its error; reading it is a step."""

    world: World
    worker: Worker

    def now(self) -> datetime:
        self.world.step("clock", switch=True)
        return self.world.now + timedelta(seconds=self.worker.skew_s)


START = datetime(2026, 3, 4, 1, 0, tzinfo=UTC)
