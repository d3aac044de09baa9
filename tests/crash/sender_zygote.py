"""
Makes sending processes quickly: imports everything once, then forks one for each line of its input.

Each child is an ordinary process with a database connection, a lock file and an HTTP client of its own; the test kills
it by its id. Arguments: workspace folder, database URL, sandbox address.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from qunflow.clock import SandboxClock
from qunflow.connectors.wecom.client import WeCom
from qunflow.delivery.ports import Ports
from qunflow.delivery.sender import drain
from qunflow.delivery.workers import FileLocks
from qunflow.errors import StoreBusy
from qunflow.settings.workspace import Community, Delivery, Workspace
from qunflow.store.engine import Store
from qunflow.store.vault import Vault

WAIT_S = 60
MASTER_KEY = bytes(range(32))


def workspace() -> Workspace:
    """One community, never quiet, with a wait that the test can outlast."""
    quiet = {"start": "03:00", "end": "03:01"}
    community = Community(key="neighbours", name="邻里", type="购物", helper="helper_xm", quiet_hours=quiet)
    return Workspace(brand="小满", communities=(community,), delivery=Delivery(reconcile_after_s=WAIT_S))


def send_for_ever(directory: Path, url: str, sandbox: str) -> None:
    """Drain round after round until killed."""
    store = Store.open(url)
    clock = SandboxClock(f"{sandbox}/_sandbox/clock")
    ports = Ports(
        store=store,
        vault=Vault(store, MASTER_KEY),
        wecom=WeCom(sandbox, "ww1", "s3cret", 1_000_002, production=False, timeout_s=2.0),
        clock=clock,
        workspace=workspace(),
        liveness=FileLocks(directory),
        web_url="http://127.0.0.1:8790",
    )
    while True:
        try:
            drain(ports, now=clock.now())
        except StoreBusy:
            continue


def main() -> None:
    """Fork a sender for each line read; write its process id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    directory, url, sandbox = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            sys.stdin.close()
            send_for_ever(directory, url, sandbox)
        print(child, flush=True)


if __name__ == "__main__":
    main()
