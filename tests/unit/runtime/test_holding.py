"""Runs that are alive on this machine are told from those that were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from qunflow.runtime.holding import holding

_HOLD = """
import sys
from pathlib import Path
from qunflow.runtime.holding import holding
with holding(Path(sys.argv[1]), "a day") as earlier:
    print(earlier, flush=True)
    sys.stdin.read()
"""


def test_a_name_is_free_again_after_its_block(tmp_path: Path) -> None:
    """Whoever ended in order leaves nothing behind."""
    with holding(tmp_path, "a day") as first, holding(tmp_path, "another day") as other:
        assert (first, other) == ("nobody", "nobody")
    with holding(tmp_path, "a day") as again:
        assert again == "nobody"
    assert list((tmp_path / "state" / "runs").iterdir()) == []


def test_the_living_keep_it_and_the_dead_do_not(tmp_path: Path) -> None:
    """A paused process still holds its day; a killed one is known to be dead, once."""
    command = [sys.executable, "-c", _HOLD, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "nobody\n"
    os.kill(process.pid, signal.SIGSTOP)
    with holding(tmp_path, "a day") as beside:
        assert beside == "alive"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    with holding(tmp_path, "a day") as after:
        assert after == "dead"
    with holding(tmp_path, "a day") as later:
        assert later == "nobody"
