"""
Qunflow itself inside the simulation: production code, with every port led through the world's steps.

The database is one in-memory connection. Transactions of SQLite run one after another anyway, so others come first
only between them; a kill may fall before and after every statement and around every commit.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from greenlet import getcurrent
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from qunflow.connectors.channel import WECOM_ROBOT, Accepted, Declaration, Held, Outgoing, Sent, Unknown
from qunflow.connectors.http import Answer, AnswerLost
from qunflow.connectors.wecom.answers import Body, Kind, body_of
from qunflow.connectors.wecom.calls import Calls
from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.moments import Moments
from qunflow.connectors.wecom.staff_messages import StaffMessages
from qunflow.delivery.ports import Ports
from qunflow.errors import ChannelUnavailable
from qunflow.settings.workspace import Workspace
from qunflow.store.engine import Store
from qunflow.store.tables import metadata
from qunflow.store.vault import Vault
from tests.crash.simulation.platform import Platform
from tests.crash.simulation.world import SimulatedClock, Task, Worker, World

Result = TypeVar("Result")
WEB_URL = "http://127.0.0.1:8790"
ROBOTS = ("ops", "shop")
MASTER_KEY = bytes(range(32))
_BUSY = 0.002


class SimulatedStore(Store):
    """The production store; its transactions begin and end in steps."""

    world: World

    def write(self, work: Callable[[Connection], Result], *, sleep: Callable[[float], None] | None = None) -> Result:
        return super().write(work, sleep=sleep or self.world.sleep)

    @contextmanager
    def _transaction(self, *, write: bool, rebuild: bool = False) -> Iterator[Connection]:
        self.world.step("begin", switch=True)
        with super()._transaction(write=write, rebuild=rebuild) as conn:
            yield conn
            self.world.step("commit")
        self.world.step("committed", switch=True)


class Undying(sqlite3.Connection):
    """A connection that outlives whoever is killed over it; what they had not committed is gone."""

    _has_functions = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()

    def cursor(self, *args: Any, **options: Any) -> sqlite3.Cursor:
        made = super().cursor(*args, **options)
        self._cursors.add(made)
        return made

    def rest(self) -> None:
        """Let go of statements whose readers were killed half-way."""
        for one in list(self._cursors):
            one.close()
        self.rollback()

    def close(self) -> None:
        self.rollback()

    def create_function(self, *args: Any, **options: Any) -> None:
        # SQLAlchemy gives every connection its functions; a killed statement may still hold this one's.
        if not self._has_functions:
            super().create_function(*args, **options)


class Databases:
    """One engine for all histories of this process; each begins with an empty, migrated database."""

    def __init__(self) -> None:
        self._raw = sqlite3.connect(":memory:", isolation_level=None, factory=Undying, check_same_thread=False)
        self.engine = create_engine("sqlite://", poolclass=StaticPool, creator=lambda: self._raw)
        self.world: World | None = None
        event.listen(self.engine, "begin", self._begin)
        event.listen(self.engine, "before_cursor_execute", self._before)
        event.listen(self.engine, "after_cursor_execute", self._after)
        with self.engine.begin() as conn:
            metadata.create_all(conn)
        self._raw._has_functions = True
        self._raw.execute("PRAGMA foreign_keys = ON")
        self._empty = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._raw.backup(self._empty)

    def fresh(self, world: World) -> SimulatedStore:
        """An empty database for a history."""
        self.world = None
        self.rest()
        self._empty.backup(self._raw)
        store = SimulatedStore(self.engine)
        store.world = world
        self.world = world
        return store

    def rest(self) -> None:
        """What a killed process leaves half-read and half-written is let go of."""
        self._raw.rest()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a plain question gives, unseen by the world."""
        return self._raw.execute(query).fetchall()

    def _begin(self, _conn: Connection) -> None:
        world = self.world
        if world is not None and isinstance(getcurrent(), Task) and world.dice.random() < _BUSY:
            raise OperationalError("BEGIN", {}, sqlite3.OperationalError("database is locked"))
        self._raw.execute("BEGIN IMMEDIATE")

    def _before(self, _conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if self.world is not None:
            self.world.step(statement)

    def _after(self, *_: Any) -> None:
        if self.world is not None:
            self.world.step("sql done")


class Inline:
    """Runs a coroutine where it stands; nothing in it waits for a loop."""

    def run(self, work: Any) -> Any:
        try:
            work.send(None)
        except StopIteration as end:
            return end.value
        raise AssertionError("a simulated call waited for an event loop")

    def close(self) -> None:
        """Nothing to close."""


class SimulatedSession:
    """Calls whose answers come from the simulated platform and are read by the production code."""

    def __init__(self) -> None:
        self.platform: Platform | None = None

    async def call(self, path: str, *, kind: Kind, json: Mapping[str, Any] | None = None, **_: Any) -> Body:
        return self.ask(path, kind, json or {})

    async def pages(self, path: str, json: Mapping[str, Any] | None = None, **_: Any) -> Any:
        yield self.ask(path, "read", json or {})

    async def close(self) -> None:
        """Nothing to close."""

    def ask(self, path: str, kind: Kind, json: Mapping[str, Any]) -> Body:
        assert self.platform is not None
        reply = self.platform.ask(path, json)
        if reply.unsent or (reply.lost and kind == "read"):
            raise ChannelUnavailable("no answer", "", 5.0)
        if reply.lost:
            raise AnswerLost("no answer", "", 5.0)
        return body_of(Answer(reply.status, reply.body), path, kind)


class SimulatedWeCom(WeCom):
    """The production connector over the simulated session."""

    def __init__(self) -> None:
        self._thread = Inline()  # type: ignore[assignment]
        self.session = SimulatedSession()
        self._session = self.session  # type: ignore[assignment]
        self._calls = Calls(self._thread, self._session)
        self.staff_messages = StaffMessages(self._calls, 1_000_002)
        self.moments = Moments(self._calls)


@dataclass
class SimulatedRobot:
    """A channel that can neither be asked afterwards nor called again."""

    key: str
    platform: Platform

    @property
    def declaration(self) -> Declaration:
        return WECOM_ROBOT

    def send(self, message: Outgoing) -> Sent:
        reply = self.platform.ask("robot", {"robot": self.key, "text": message.text})
        if reply.unsent:
            return Held(5.0, "no connection")
        if reply.lost or reply.status != 200:
            return Unknown("no answer")
        try:
            code = json.loads(reply.body)["errcode"]
        except ValueError:
            return Unknown("a broken answer")
        if code == 0:
            return Accepted()
        return Unknown("busy") if code == -1 else Held(60.0, "too often", code)


@dataclass
class KernelLocks:
    """What a locked file tells: who is alive, however long they have been paused."""

    world: World
    alive: dict[str, Worker]
    worker: Worker

    @contextmanager
    def working(self) -> Iterator[str]:
        self.world.step("lock", switch=True)
        self.alive[self.worker.name] = self.worker
        yield self.worker.name

    def beat(self, worker: str) -> bool:
        del worker
        return True

    def dead(self, conn: Connection, workers: Collection[str]) -> set[str]:
        del conn
        return {one for one in workers if one not in self.alive or self.alive[one].dead}


@dataclass
class House:
    """What all workers of one history share."""

    world: World
    databases: Databases
    wecom: SimulatedWeCom
    platform: Platform
    workspace: Workspace

    def __post_init__(self) -> None:
        self.store = self.databases.fresh(self.world)
        self.vault = Vault(self.store, MASTER_KEY, random=self.world.dice.randbytes)
        self.wecom.session.platform = self.platform
        self.alive: dict[str, Worker] = {}

    def ports(self, worker: Worker) -> Ports:
        """The ports of one worker."""
        return Ports(
            store=self.store,
            vault=self.vault,
            wecom=self.wecom,
            clock=SimulatedClock(self.world, worker),
            workspace=self.workspace,
            liveness=KernelLocks(self.world, self.alive, worker),
            web_url=WEB_URL,
            outside={f"robot:{key}": SimulatedRobot(key, self.platform) for key in ROBOTS},
            carry_out=self.world.hands,
        )


def engine_of(databases: Databases) -> Engine:
    """The engine under all histories."""
    return databases.engine
