"""
Processes on loopback: started, waited for with a progress line, logged into one folder, stopped by pid.

Knows nothing of what the processes do; who starts which is in ``demo`` and ``up``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from qunflow.errors import ChannelUnavailable

STOP_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Service:
    """
    One process.

    ``health_url`` answers 200 once it is ready; without one a process is ready as long as it lives for ``settle_s``.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    health_url: str = ""
    wait_s: float = 90.0
    settle_s: float = 1.0


@dataclass(slots=True)
class Running:
    """A started process and its log."""

    service: Service
    process: subprocess.Popen[bytes]
    log: Path


def free_port() -> int:
    """A TCP port of the loopback that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python(*words: str) -> tuple[str, ...]:
    """A command run by this environment's interpreter."""
    return (sys.executable, *words)


def program(name: str, *words: str) -> tuple[str, ...]:
    """A command installed beside this environment's interpreter."""
    return (str(Path(sys.executable).parent / name), *words)


def start(service: Service, folder: Path) -> Running:
    """Start a process in a group of its own, so that stopping it stops its children."""
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{service.name}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603 - the commands are our own
            service.command,
            env={**os.environ, **service.environment},
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        (folder / f"{service.name}.pid").write_text(json.dumps({"pid": process.pid, "command": service.command[0]}))
    except BaseException:
        # Nobody would find it again to stop it.
        _end_group(process.pid)
        raise
    return Running(service, process, log)


def wait_ready(running: Running, tick: Callable[[float], None] = lambda seconds: None) -> None:
    """
    Wait until a process answers.

    Raises:
        ChannelUnavailable: when it ends first or does not answer in ``wait_s``; names the log and its last line.
    """
    began = time.monotonic()
    while (waited := time.monotonic() - began) < running.service.wait_s:
        tick(waited)
        if running.process.poll() is not None:
            break
        if _is_ready(running.service, waited):
            return
        time.sleep(0.1)
    lines = running.log.read_text(errors="replace").strip().splitlines() or ["(empty)"]
    raise ChannelUnavailable(
        f"{running.service.name} did not start: {lines[-1][:300]}", f"read the whole log at {running.log}"
    )


def _is_ready(service: Service, waited: float) -> bool:
    if not service.health_url:
        return waited >= service.settle_s
    try:
        return httpx.get(service.health_url, timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def stop(folder: Path, names: Iterable[str]) -> list[str]:
    """Stop what the pid files name, in that order; returns the names that were still alive."""
    stopped = []
    with _undisturbed():
        for name in names:
            noted = _noted(folder, name)
            if noted and _is_ours(noted["pid"], noted["command"]):
                _end_group(noted["pid"])
                stopped.append(name)
            (folder / f"{name}.pid").unlink(missing_ok=True)
    return stopped


@contextmanager
def _undisturbed() -> Iterator[None]:
    """An impatient second Ctrl-C must not leave the other half of the services running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {sign: signal.signal(sign, signal.SIG_IGN) for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


def running_names(folder: Path, names: Iterable[str]) -> list[str]:
    """Which of the named processes are alive."""
    return [name for name in names if (noted := _noted(folder, name)) and _is_ours(noted["pid"], noted["command"])]


def _noted(folder: Path, name: str) -> dict[str, Any] | None:
    pid_file = folder / f"{name}.pid"
    try:
        noted: dict[str, Any] = json.loads(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        # A full disk may leave an empty file; such a process was ended at once.
        return None
    return noted


def _is_ours(pid: int, command: str) -> bool:
    """Pids are used again: the process must still run the command that was noted."""
    try:
        return command.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return _is_alive(pid) and not Path("/proc/self").exists()
    except ProcessLookupError:
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _end_group(pid: int) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + STOP_WAIT_S
        while _is_alive(pid) and time.monotonic() < deadline:
            _reap(pid)
            time.sleep(0.05)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
