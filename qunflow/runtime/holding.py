"""
Which runs are alive on this machine: a locked file for each claimed day, which the kernel frees when its process ends.

A claim in the database cannot tell a run that was killed from one that is slow; this can. It says nothing of other
machines.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias

Earlier: TypeAlias = Literal["nobody", "dead", "alive"]
_MARK = b"held\n"


@contextmanager
def holding(directory: Path, name: str) -> Iterator[Earlier]:
    """
    Hold a name inside the block, unless somebody else does.

    Args:
        directory: the workspace's folder.
        name: what is held.

    Yields:
        Who held it before: ``alive`` still does, ``dead`` was cut off, ``nobody`` that this machine knows of.
    """
    folder = directory / "state" / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{sha256(name.encode()).hexdigest()[:24]}.lock"
    handle = _locked(path)
    if handle is None:
        yield "alive"
        return
    try:
        # A file without the mark was made by somebody who was not quick enough to lock it.
        earlier: Earlier = "dead" if os.fstat(handle).st_size else "nobody"
        os.pwrite(handle, _MARK, 0)
        yield earlier
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path) -> int | None:
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        if os.fstat(handle).st_nlink:
            return handle
        # Its holder ended, and took the file away, while we were waiting for it.
        os.close(handle)
