"""
Makes processes that run one real flow quickly: imports everything once, then forks one for each line of its input.

Each line is a JSON object: ``stage``, ``form``, ``workspace``, and ``answer``, the file its result goes to. A child
goes the way of ``./run stage`` from there on; the test kills it by its id.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import great_expectations  # noqa: F401 - imported late by the checks: a child would pay seconds for it

import flows.community_cycle
import flows.upkeep  # noqa: F401
from flows.commands.stage import run_one


def run(order: dict[str, Any]) -> None:
    """Run one flow to its end, and write down what it returned or what stopped it."""
    answer = Path(order["answer"])
    written = answer.with_suffix(".part")
    with written.open("w", encoding="utf-8") as sys.stdout:
        try:
            run_one(order["stage"], order["form"], workspace=Path(order["workspace"]), as_json=True)
        except Exception:  # noqa: BLE001 - whatever stopped it is the test's to judge
            print(traceback.format_exc())
    written.rename(answer)


def main() -> None:
    """Fork a process for each line read; write its id."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            run(json.loads(line))
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
