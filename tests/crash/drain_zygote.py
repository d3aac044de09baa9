"""
Starts several processes at once that each do a whole flow's sending: plan, check, approve, drain until nothing is due.

A line of input is an order (JSON); the answer, when all have ended, is a line with what each has to tell. Arguments:
database URL, sandbox address. An order: ``folder`` (of the lock files), ``number`` of processes, and if wanted ``plan``
(a pickled list of messages), ``fsize`` (bytes no file may grow over; from the start, or with ``full_after`` once so
many calls are made), ``busy_s`` (patience with a locked SQLite file), ``token_file``, ``jumps_s`` (by how much this
machine's clock is off, another number at every look), ``tries`` (before a message is given up), ``quiet``
(from when to when), ``rounds``.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

from qunflow.clock import SandboxClock
from qunflow.connectors.wecom.client import WeCom
from qunflow.delivery.outbox import approve, check, plan
from qunflow.delivery.ports import Ports, in_threads
from qunflow.delivery.sender import drain
from qunflow.delivery.workers import FileLocks
from qunflow.errors import QunflowError
from qunflow.store import engine
from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from tests.crash.sender_zygote import MASTER_KEY, NEVER_QUIET, TRIES, warm_up, workspace


@dataclass
class JumpingClock:
    """The sandbox's clock, off by another number of seconds at every look."""

    right: SandboxClock
    jumps: Any

    def now(self) -> datetime:
        """The instant this machine believes it is."""
        return self.right.now() + timedelta(seconds=next(self.jumps))


def ports(order: dict[str, Any], url: str, sandbox: str) -> Ports:
    """What a process of the order touches."""
    engine.BUSY_TIMEOUT_S = order.get("busy_s", engine.BUSY_TIMEOUT_S)
    store = Store.open(url)
    token_file = Path(order["token_file"]) if "token_file" in order else None
    clock = SandboxClock(f"{sandbox}/_sandbox/clock")
    return Ports(
        store=store,
        vault=Vault(store, MASTER_KEY),
        wecom=WeCom(sandbox, "ww1", "s3cret", 1_000_002, production=False, timeout_s=2.0, token_file=token_file),
        clock=JumpingClock(clock, cycle(order["jumps_s"])) if "jumps_s" in order else clock,
        workspace=workspace(order.get("tries", TRIES), order.get("quiet", NEVER_QUIET)),
        liveness=FileLocks(Path(order["folder"])),
        web_url="http://127.0.0.1:8790",
    )


def fill_the_disk(size: int) -> None:
    """From now on no file of this process may grow over this."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def hands_that_fill_the_disk(after: int, size: int) -> Any:
    """Threads after whose calls nothing can be written down any more."""
    made = 0

    @contextmanager
    def filling() -> Iterator[Any]:
        with in_threads() as carry_out:

            def carried(work: Any, items: Any) -> list[Any]:
                nonlocal made
                ended = carry_out(work, items)
                made += len(items)
                if made >= after:
                    fill_the_disk(size)
                return ended

            yield carried

    return filling


def flow(order: dict[str, Any], url: str, sandbox: str) -> dict[str, Any]:
    """One process: what it sent, and the error it was told."""
    done = {"sent": 0, "error": "", "next_step": ""}
    try:
        here = ports(order, url, sandbox)
        if "full_after" in order:
            here = replace(here, carry_out=hands_that_fill_the_disk(order["full_after"], order["fsize"]))
        elif "fsize" in order:
            fill_the_disk(order["fsize"])
        if "plan" in order:
            queue(here, pickle.loads(Path(order["plan"]).read_bytes()))
        for _ in range(order.get("rounds", 3)):
            report = drain(here, now=here.clock.now())
            done["sent"] += report.sent
            if report.problem is not None:
                done |= {"error": str(report.problem)}
        here.wecom.close()
    except QunflowError as error:
        done |= {"error": error.problem, "next_step": error.next_step, "kind": type(error).__name__}
    return done


def queue(here: Ports, messages: list[Any]) -> None:
    """The first part of a flow: the same plan again, checked and approved."""
    now = here.clock.now()
    made = here.store.write(lambda conn: plan(conn, messages, now))
    here.store.write(lambda conn: check(conn, made.ids))
    here.store.write(lambda conn: approve(conn, made.ids, by="li", at=now))


def at_once(order: dict[str, Any], url: str, sandbox: str) -> list[dict[str, Any]]:
    """Fork so many, let them begin at the same instant, and wait for all."""
    begin = time.monotonic() + 0.1
    children = []
    for _ in range(order["number"]):
        # By a pipe: the disk may be full for the child.
        ear, mouth = os.pipe()
        child = os.fork()
        if child == 0:
            time.sleep(max(0.0, begin - time.monotonic()))
            os.write(mouth, json.dumps(_told(order, url, sandbox)).encode())
            os._exit(0)
        os.close(mouth)
        children.append((child, ear))
    return [_heard(child, ear) for child, ear in children]


def _told(order: dict[str, Any], url: str, sandbox: str) -> dict[str, Any]:
    try:
        return flow(order, url, sandbox)
    except BaseException as error:  # noqa: BLE001 - told to the test, which fails for it
        return {"sent": 0, "error": repr(error)[:500], "kind": "crashed"}


def _heard(child: int, ear: int) -> dict[str, Any]:
    with open(ear, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return dict(json.loads(answer))


def main() -> None:
    """Carry out the orders."""
    url, sandbox = sys.argv[1], sys.argv[2]
    warm_up(sandbox)
    for line in sys.stdin:
        print(json.dumps(at_once(json.loads(line), url, sandbox)), flush=True)


if __name__ == "__main__":
    main()
