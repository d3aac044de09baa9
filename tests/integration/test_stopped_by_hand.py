"""
Ctrl-C, `kill` and a closed terminal: whatever was started is gone afterwards, and nothing says it with a traceback.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.commands import services
from flows.commands.services import Service, running_names, start, stop

ROOT = Path(__file__).resolve().parents[2]
# Starts one service as a command does, then waits; `lost` swallows the first interrupt as a finaliser would.
PROGRAM = """
import sys, time, weakref
from pathlib import Path
from flows import __main__ as door
from flows.commands.services import Service, start, stop

folder, lost = Path(sys.argv[1]), sys.argv[2] == "lost"

class Thing:
    def __del__(self):
        time.sleep(60)

def work():
    try:
        start(Service("sleeper", (sys.executable, "-c", "import time; time.sleep(60)")), folder)
        print("ready", flush=True)
        if lost:
            thing = Thing()
            del thing
        time.sleep(60)
    finally:
        stop(folder, ["sleeper"])

door.app.command(work, name="work")
sys.argv = ["./run", "work"]
sys.exit(door.main())
"""


def sleeper(seconds: int = 60) -> Service:
    """A service that does nothing for a while."""
    return Service("sleeper", (sys.executable, "-c", f"import time; time.sleep({seconds})"))


def _heed_signals() -> None:
    """A background shell ignores Ctrl-C for its children, and nohup the closed terminal: undo both."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_DFL)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("when", ["at once", "lost"])
def test_a_stopped_command_leaves_nothing_running(tmp_path: Path, sign: signal.Signals, when: str) -> None:
    """Exit code 130, a word instead of a traceback, and the service is gone, even if Python dropped the interrupt."""
    command = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), when], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=_heed_signals,  # noqa: PLW1509 - one thread, and nothing but signals is touched
    )  # fmt: skip
    assert command.stdout is not None
    assert command.stdout.readline() == "ready\n"
    pid = int(services._noted(tmp_path, "sleeper")["pid"])  # type: ignore[index]

    time.sleep(0.1)
    command.send_signal(sign)
    _, said = command.communicate(timeout=20)

    assert (command.returncode, "stopped" in said, "Traceback" in said) == (130, True, False), said
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_second_interrupt_does_not_leave_half_of_the_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While services are being stopped an impatient Ctrl-C is passed over."""
    first, second = start(sleeper(), tmp_path), start(Service("other", sleeper().command), tmp_path)
    end, before = services._end_group, signal.getsignal(signal.SIGINT)

    def end_impatiently(pid: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        end(pid)

    monkeypatch.setattr(services, "_end_group", end_impatiently)

    assert stop(tmp_path, ["sleeper", "other"]) == ["sleeper", "other"]
    assert [one.process.poll() is None for one in (first, second)] == [False, False]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_service_whose_pid_cannot_be_noted_is_ended(tmp_path: Path) -> None:
    """With the disk full nobody could find the process again, so it does not stay."""
    (tmp_path / "sleeper.pid").mkdir()
    began: list[int] = []
    end = services._end_group

    def end_and_note(pid: int) -> None:
        began.append(pid)
        end(pid)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "_end_group", end_and_note)
        with pytest.raises(IsADirectoryError):
            start(sleeper(), tmp_path)

    with pytest.raises(ProcessLookupError):
        os.kill(began[0], 0)


def test_an_empty_pid_file_is_nobody(tmp_path: Path) -> None:
    """What a full disk leaves of a pid file names no process and is removed."""
    (tmp_path / "sleeper.pid").write_text("")

    assert running_names(tmp_path, ["sleeper"]) == []
    assert stop(tmp_path, ["sleeper"]) == []
    assert not (tmp_path / "sleeper.pid").exists()
