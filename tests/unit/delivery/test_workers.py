"""Liveness of workers: the dead are told from the slow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from qunflow.delivery.workers import is_dead, sweep, working

_HOLD = """
import sys
from pathlib import Path
from qunflow.delivery.workers import working
with working(Path(sys.argv[1])) as name:
    print(name, flush=True)
    sys.stdin.read()
"""


def _holder(folder: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_worker_lives_inside_its_block_only(tmp_path: Path) -> None:
    """Alive inside, dead and without a file afterwards."""
    with working(tmp_path) as name:
        assert not is_dead(tmp_path, name)
        assert sweep(tmp_path) == 0
    assert is_dead(tmp_path, name)
    assert list((tmp_path / "state" / "workers").iterdir()) == []


def test_a_paused_process_is_alive_and_a_killed_one_is_dead(tmp_path: Path) -> None:
    """The kernel gives the lock back at death, not at a pause; the file is swept away afterwards."""
    process, name = _holder(tmp_path)
    os.kill(process.pid, signal.SIGSTOP)
    assert not is_dead(tmp_path, name)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    assert is_dead(tmp_path, name)
    assert sweep(tmp_path) == 1


def test_a_worker_nobody_knows_is_dead(tmp_path: Path) -> None:
    """Without a file there is nobody."""
    assert is_dead(tmp_path, "nobody")
