"""
Makes sending processes quickly: imports everything once, then forks one for each line of its input.

Each child is an ordinary process with a database connection, a lock file and an HTTP client of its own; the test kills
it by its id. A line names the file in which the child keeps its trace. Arguments: workspace folder, database URL,
sandbox address.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection

from qunflow import clock
from qunflow.clock import SandboxClock
from qunflow.connectors.channel import Channel
from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.robot import Robot
from qunflow.connectors.wecom_robot import WeComRobot
from qunflow.delivery.claims import Page
from qunflow.delivery.model import Content
from qunflow.delivery.ports import Ports, in_threads
from qunflow.delivery.sender import drain
from qunflow.delivery.welcome import Newcomer, answer_welcomes
from qunflow.delivery.workers import FileLocks
from qunflow.errors import StoreBusy, TransientError
from qunflow.settings.workspace import Caps, Community, Delivery, Workspace
from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from tests.crash.trace import ANSWERED, BEGUN, Trace

# Simulated seconds before the platform is asked what became of a call.
WAIT_S = 24
# Lost requests are drawn so often here that three in a row happen; giving up is another test's matter.
TRIES = 9
ROBOT = "ops"
NEVER_QUIET = ("03:00", "03:01")
MASTER_KEY = bytes(range(32))
_REST_S = 0.02


def workspace(tries: int = TRIES, quiet: tuple[str, str] = NEVER_QUIET) -> Workspace:
    """One community, hardly ever quiet and without caps of its own, with a wait that the test can outlast."""
    caps = Caps(person_per_day=0, person_per_week=0, group_per_day=0)
    community = Community(
        key="neighbours",
        name="邻里",
        type="购物",
        helper="helper_xm",
        quiet_hours={"start": quiet[0], "end": quiet[1]},
        caps=caps,
    )
    patience = Delivery(reconcile_after_s=WAIT_S, attempts=tries)
    return Workspace(brand="小满", communities=(community,), delivery=patience)


def welcome_text(person_id: int) -> str:
    """What a newcomer is told: words of their own, so that nobody's greeting can stand for another's."""
    return f"welcome-{person_id}"


class TracedLocks(FileLocks):
    """File locks that note under which name a round is sent."""

    def __init__(self, directory: Path, trace: Trace) -> None:
        super().__init__(directory)
        self._trace = trace

    @contextmanager
    def working(self) -> Iterator[str]:
        """As of file locks."""
        with super().working() as name:
            self._trace.name(name)
            yield name
            self._trace.name("")


class TracedStore(Store):
    """A store that notes when intents are committed, and when a handful has been written down."""

    trace: Trace

    def write(self, work: Any, **more: Any) -> Any:
        """As of a store."""
        done = super().write(work, **more)
        if isinstance(done, Page):
            self.trace.claimed(some=bool(done.claims))
        if self.trace.seen().is_answered:
            self.trace.written(time.monotonic())
        return done


def hands(trace: Trace) -> Any:
    """Threads that note which call each of them makes, and when it has ended."""

    @contextmanager
    def traced() -> Iterator[Any]:
        with in_threads() as carry_out:

            def carried(work: Any, items: Any) -> list[Any]:
                trace.take([one.call_id for one in items])

                def noted(numbered: tuple[int, Any]) -> Any:
                    place, one = numbered
                    trace.step(place, BEGUN)
                    done = work(one)
                    trace.step(place, ANSWERED)
                    return done

                return carry_out(noted, list(enumerate(items)))

            yield carried

    return traced


def greeting(_conn: Connection, newcomer: Newcomer) -> Content:
    """The welcome of a newcomer."""
    return Content(welcome_text(newcomer.person_id))


def robots(directory: Path, sandbox: str) -> dict[str, Channel]:
    """The one robot, when its key stands in the folder."""
    key = directory / "robot-key"
    if not key.exists():
        return {}
    return {f"robot:{ROBOT}": WeComRobot(Robot(sandbox, key.read_text(), production=False, timeout_s=2.0))}


def ports(directory: Path, url: str, sandbox: str, trace: Trace) -> Ports:
    """What a sender of its own touches."""
    store = TracedStore.open(url)
    assert isinstance(store, TracedStore)
    store.trace = trace
    return Ports(
        store=store,
        vault=Vault(store, MASTER_KEY),
        wecom=WeCom(sandbox, "ww1", "s3cret", 1_000_002, production=False, timeout_s=2.0),
        clock=SandboxClock(f"{sandbox}/_sandbox/clock"),
        workspace=workspace(),
        liveness=TracedLocks(directory, trace),
        web_url="http://127.0.0.1:8790",
        outside=robots(directory, sandbox),
        carry_out=hands(trace),
    )


def send_for_ever(directory: Path, url: str, sandbox: str, trace: Trace) -> None:
    """Welcome and drain, round after round, until killed."""
    here = ports(directory, url, sandbox, trace)
    while True:
        try:
            answer_welcomes(here, greeting, now=here.clock.now())
            drain(here, now=here.clock.now())
        except (StoreBusy, TransientError):
            continue
        time.sleep(_REST_S)


def warm_up(sandbox: str) -> None:
    """Load what is loaded at the first call, and the certificates, once for all: a sender lives for a moment only."""
    httpx.create_ssl_context = cache(httpx.create_ssl_context)
    SandboxClock(f"{sandbox}/_sandbox/clock").now()
    # A connection must not be shared by processes.
    clock._loopback().close()
    clock._loopback.cache_clear()
    wecom = WeCom(sandbox, "ww1", "s3cret", 1_000_002, production=False)
    wecom.groupmsg_list("group", datetime.now(UTC), datetime.now(UTC))
    wecom.close()


def main() -> None:
    """Fork a sender for each line read; write its process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    directory, url, sandbox = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    warm_up(sandbox)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            sys.stdin.close()
            send_for_ever(directory, url, sandbox, Trace(Path(line.strip())))
        print(child, flush=True)


if __name__ == "__main__":
    main()
