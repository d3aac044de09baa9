"""
Makes processes that apply the inbox of a workspace by the flow's own code: imports once, then forks one for each line.

A line is a workspace and seconds between two rounds, until somebody kills the child by its id; with 0 the child ends
when nothing is left. Each child's id is written when it begins, and a ``.`` when it ends by itself.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from qunflow.runtime import open_runtime, using
from tasks.acquisition_contacts import keep_contact_callbacks


def apply(home: Path, pause_s: float) -> None:
    """Apply, pause, apply."""
    with using(open_runtime(home)) as here:
        community = here.workspace.communities[0]
        while keep_contact_callbacks(community, here.clock.now()).added or pause_s:
            time.sleep(pause_s)


def main() -> None:
    """Fork a process for each line read."""
    for line in sys.stdin:
        home, _, pause_s = line.rpartition(" ")
        child = os.fork()
        if child == 0:
            apply(Path(home), float(pause_s))
            os._exit(0)
        print(child, flush=True)
        print("." if os.waitpid(child, 0)[1] == 0 else "killed", flush=True)


if __name__ == "__main__":
    main()
