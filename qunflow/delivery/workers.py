"""
Who is sending right now: one locked file a worker, so that the kernel tells the dead from the paused.

A lease by the clock cannot: a worker paused for longer than its lease is taken for dead and its message goes out
twice. A file lock ends with the process, and only then. It works between processes of one machine.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME_BYTES = 12


def _folder(directory: Path) -> Path:
    return directory / "state" / "workers"


@contextmanager
def working(directory: Path) -> Iterator[str]:
    """
    Be a live worker inside the block.

    Args:
        directory: the workspace's folder.

    Yields:
        The worker's name, for the intents it writes down.
    """
    folder = _folder(directory)
    folder.mkdir(parents=True, exist_ok=True)
    name, handle = _locked_file(folder)
    try:
        yield name
    finally:
        (folder / f"{name}.lock").unlink(missing_ok=True)
        os.close(handle)


def _locked_file(folder: Path) -> tuple[str, int]:
    while True:
        name = secrets.token_hex(_NAME_BYTES)
        handle = os.open(folder / f"{name}.lock", os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return name, handle
        # Somebody swept the file away between its making and its lock: others would take this worker for dead.
        os.close(handle)


def is_dead(directory: Path, name: str) -> bool:
    """Whether the worker's process is gone; a paused one is not."""
    try:
        handle = os.open(_folder(directory) / f"{name}.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def sweep(directory: Path) -> int:
    """Remove the files of dead workers, once their intents are marked; returns how many."""
    dead = [path for path in _folder(directory).glob("*.lock") if is_dead(directory, path.stem)]
    for path in dead:
        path.unlink(missing_ok=True)
    return len(dead)
