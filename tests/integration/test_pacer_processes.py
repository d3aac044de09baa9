"""Real processes share one count, judged by what the kernel of the receiving side has stamped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.pacer import Trial, measure
from qunflow.connectors.pacer import Limit, Pacer, Rate

ROBOT = Limit("robot", (Rate(7, 60),))
TAKES_ALL = """
import sys
from pathlib import Path
from qunflow.connectors.pacer import Limit, Pacer, Rate
pacer, limit = Pacer(Path(sys.argv[1])), Limit("robot", (Rate(7, 60),))
print(sum(pacer.wait_s([limit]) == 0 for _ in range(20)))
"""
HOLDS_THE_LOCK = """
import sys, time
from pathlib import Path
from qunflow.connectors.pacer_cells import FileShelf
with FileShelf(Path(sys.argv[1])).locked(["robot"]):
    print("held", flush=True)
    time.sleep(60)
"""


def a_process(code: str, directory: Path) -> subprocess.Popen[str]:
    """A process of its own that is told the directory."""
    return subprocess.Popen([sys.executable, "-c", code, str(directory)], stdout=subprocess.PIPE, text=True)


def test_calls_of_three_processes_arrive_within_the_rate() -> None:
    """No second, counted at the receiver, holds more than is allowed, and the rate is not left unused."""
    stamps = measure(Trial(per_minute=6_000, latency_s=0.02, processes=3, seconds=1.5))
    for first, at in enumerate(stamps):
        assert sum(at <= other < at + 1 for other in stamps[first:]) <= 100
    assert len(stamps) > 100


def test_four_processes_take_no_more_turns_than_one(tmp_path: Path) -> None:
    """Of eighty that four processes ask for at once seven are given."""
    processes = [a_process(TAKES_ALL, tmp_path / "pace") for _ in range(4)]
    taken = [int(process.communicate(timeout=30)[0]) for process in processes]
    assert sum(taken) == 7


def test_a_killed_process_leaves_the_count_unlocked_and_whole(tmp_path: Path) -> None:
    """The kernel gives the lock back, and every turn but those taken is still there."""
    assert Pacer(tmp_path).wait_s([ROBOT]) == 0
    process = a_process(HOLDS_THE_LOCK, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert [Pacer(tmp_path).wait_s([ROBOT]) for _ in range(6)] == [0] * 6
    assert Pacer(tmp_path).wait_s([ROBOT]) == pytest.approx(60, abs=5)


def test_a_stopped_process_makes_others_wait_without_blocking_them(tmp_path: Path) -> None:
    """Who holds the count and is stopped is waited for; once it is gone the turn is given."""
    process = a_process(HOLDS_THE_LOCK, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    os.kill(process.pid, signal.SIGSTOP)
    waiter = subprocess.Popen([sys.executable, "-c", TAKES_ALL, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    time.sleep(0.2)
    assert waiter.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    assert waiter.communicate(timeout=30)[0] == "7\n"
    process.wait()
