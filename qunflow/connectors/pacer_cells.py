"""
Numbers that processes share: one small file for each name, eight bytes a number, locked while they are looked at.

The lock belongs to the opened file, so it excludes threads as well as processes and ends with its holder, however
that ends. What the numbers mean is left to ``pacer``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from qunflow.errors import ConfigurationError, disk_problem

_NUMBER = struct.Struct("=d")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Busy(Exception):
    """Somebody else holds the numbers right now."""


class Cells(Protocol):
    """Numbers by position; 0 where none was put."""

    def get(self, position: int) -> float:
        """The number at a position."""

    def put(self, position: int, value: float) -> None:
        """Change the number at a position."""


class Shelf(Protocol):
    """Where the numbers of each name are."""

    def locked(self, names: Sequence[str]) -> AbstractContextManager[list[Cells]]:
        """The numbers of several names, all of them alone; raises ``Busy`` instead of waiting."""


class MemoryShelf:
    """Numbers of this process alone."""

    def __init__(self) -> None:
        self._cells: defaultdict[str, _MemoryCells] = defaultdict(_MemoryCells)
        self._lock = threading.Lock()

    @contextmanager
    def locked(self, names: Sequence[str]) -> Iterator[list[Cells]]:
        """See ``Shelf``."""
        with self._lock:
            yield [self._cells[name] for name in names]


class FileShelf:
    """
    Numbers in a directory, which is made when it is missing and readable for this user only.

    A name may hold a secret or a person, so the files are named by its digest.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def locked(self, names: Sequence[str]) -> Iterator[list[Cells]]:
        """See ``Shelf``; raises ``ConfigurationError`` or ``PermanentError`` where no number can be kept."""
        paths = [self._directory / hashlib.sha256(name.encode()).hexdigest()[:32] for name in names]
        with ExitStack() as stack:
            # In one order for everybody, lest two wait for each other for ever.
            handles = {path: stack.enter_context(_locked(path)) for path in sorted(set(paths))}
            yield [_FileCells(handles[path], path) for path in paths]


class _MemoryCells:
    def __init__(self) -> None:
        self._numbers: dict[int, float] = {}

    def get(self, position: int) -> float:
        return self._numbers.get(position, 0.0)

    def put(self, position: int, value: float) -> None:
        self._numbers[position] = value


class _FileCells:
    def __init__(self, handle: int, path: Path) -> None:
        self._handle, self._path = handle, path

    def get(self, position: int) -> float:
        found = os.pread(self._handle, _NUMBER.size, position * _NUMBER.size)
        return float(_NUMBER.unpack(found)[0]) if len(found) == _NUMBER.size else 0.0

    def put(self, position: int, value: float) -> None:
        try:
            os.pwrite(self._handle, _NUMBER.pack(value), position * _NUMBER.size)
        except OSError as error:
            raise _explained(error, self._path) from error


def this_boot() -> float:
    """A number that another start of this machine does not have; 1 where the system does not tell."""
    try:
        return float(int(_BOOT_ID.read_text().replace("-", "")[:12], 16) + 1)
    except (OSError, ValueError):
        return 1.0


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    handle = _opened(path)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
        yield handle
    finally:
        os.close(handle)  # gives the lock back, as the end of a process does


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(path, flags, 0o600)
    except OSError as error:
        raise _explained(error, path) from error


def _explained(error: OSError, path: Path) -> Exception:
    problem = ConfigurationError(f"{path.parent} cannot hold the count of calls: {error.strerror}", "make room for it")
    return disk_problem(error) or problem
