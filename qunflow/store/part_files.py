"""
Named parts that change together, in one file of a folder: each commit puts the changed ones at its end, then a head
that says where every part is now, and flushes once.

A reader sees the parts of one head, all of them or none. Every part and the head carry a checksum. What a killed run
left behind the last whole head is passed over and written over. When most of what lies in the file is old, the parts
in use are written into a new one, and the old one is deleted.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import Any, Self
from zlib import crc32

from qunflow.errors import PermanentError
from qunflow.store.files import write_durably

# So much may lie about unused, so many times what is in use.
SPARE_BYTES, SPARE_TIMES = 8 << 20, 4
# Behind each head: its length, its checksum, and a mark to look for.
_TAIL = Struct("<QI12s")
_MARK = b"\0\xffqunflow\xff\0\n"
# Offset, length, checksum.
Places = dict[str, tuple[int, int, int]]


class Damaged(Exception):
    """Parts that are missing, cut off or changed; they must be made anew."""


@contextmanager
def held_alone(folder: Path) -> Iterator[None]:
    """Let one process at a time into the block; others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class PartFiles:
    """
    The parts in a folder, to be used in a ``with`` block; without a file there are none.

    Args:
        folder: belongs to these parts alone.
        anew: leave out what is there; the first commit takes its place.

    Raises:
        Damaged: there is a file, but no head in it can be read.
    """

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        self.fields: dict[str, Any] = {}
        self._folder, self._places, self._end = folder, Places(), 0
        self._names: dict[str, list[str]] = {}
        self._file: int | None = None
        files = _files(folder)
        self._number = files[-1] if files else 0
        if files and not anew:
            self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            try:
                self._read_head()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def get(self, name: str) -> bytes | None:
        """One part, None when there is none. Raises: Damaged."""
        if name not in self._places:
            return None
        offset, length, checksum = self._places[name]
        content = self._read(offset, length)
        if len(content) != length or crc32(content) != checksum:
            raise Damaged(f"{name} in {self._path.name} is not what was written")
        return content

    def names(self, prefix: str) -> list[str]:
        """The parts whose name begins like this, in order; a prefix ends with ``:`` or ``+``."""
        if not self._names:
            for name in sorted(self._places):
                self._names.setdefault(_prefix(name), []).append(name)
        return list(self._names.get(prefix, ()))

    def commit(self, fields: Mapping[str, Any], changes: Mapping[str, bytes | None]) -> int:
        """
        Put parts in place of those of the same name, None = no more; returns how many bytes were written.

        Raises:
            PermanentError: nothing could be written; the parts are those there were.
        """
        places = {name: place for name, place in self._places.items() if name not in changes}
        written = {name: content for name, content in changes.items() if content is not None}
        moved = self._file is None or self._is_crowded(places, written)
        if moved:
            written |= {name: self.get(name) or b"" for name in places}
            places, start = {}, 0
        else:
            start = self._end
        content = _commit(written, places, start, fields)
        if moved:
            self._move(content)
        else:
            self._append(content)
        self._places, self._names, self.fields, self._end = places, {}, dict(fields), start + len(content)
        return len(content)

    @property
    def _path(self) -> Path:
        return self._folder / f"parts-{self._number:06d}"

    def _read(self, offset: int, length: int) -> bytes:
        if self._file is None:
            raise Damaged(f"{self._path.name} is not open")
        try:
            return os.pread(self._file, length, offset)
        except OSError as error:
            raise Damaged(f"{self._path.name} cannot be read") from error

    def _read_head(self) -> None:
        """Find the last whole head: at the end, or before what a killed run left there."""
        end = os.fstat(self._file or 0).st_size
        head = self._head_before(end)
        if head is None:
            content = self._read(0, end)
            while head is None:
                place = content.rfind(_MARK, 0, end)
                if place < 0:
                    raise Damaged(f"{self._path.name} has no head that is what was written")
                end = place + len(_MARK)
                head = self._head_before(end)
                end -= 0 if head else 1
        read = json.loads(head)
        self.fields, self._end = read["fields"], end
        self._places = {name: (place[0], place[1], place[2]) for name, place in read["places"].items()}

    def _head_before(self, end: int) -> bytes | None:
        if end < _TAIL.size:
            return None
        length, checksum, mark = _TAIL.unpack(self._read(end - _TAIL.size, _TAIL.size))
        if mark != _MARK or length > end - _TAIL.size:
            return None
        head = self._read(end - _TAIL.size - length, length)
        return head if crc32(head) == checksum else None

    def _append(self, content: bytes) -> None:
        file = self._file or 0
        try:
            os.ftruncate(file, self._end)
            view = memoryview(content)
            while view:
                view = view[os.pwrite(file, view, self._end + len(content) - len(view)) :]
            os.fdatasync(file)
        except OSError as error:
            raise PermanentError(
                f"{self._path} could not be written ({error.strerror or type(error).__name__})",
                "free some space on that disk, or make the folder writable, then run the step again",
            ) from error

    def _move(self, content: bytes) -> None:
        """Into a file of its own; the others go."""
        self.close()
        self._number += 1
        write_durably(self._path, content)
        self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        for number in _files(self._folder):
            if number != self._number:
                (self._folder / f"parts-{number:06d}").unlink(missing_ok=True)

    def _is_crowded(self, kept: Places, written: Mapping[str, bytes]) -> bool:
        used = sum(place[1] for place in kept.values()) + sum(map(len, written.values()))
        return self._end > SPARE_BYTES + SPARE_TIMES * used


def _files(folder: Path) -> list[int]:
    """The numbers of the files there are, in order."""
    return sorted(int(path.name[6:]) for path in folder.glob("parts-*"))


def _prefix(name: str) -> str:
    """``moves:`` of ``moves:000001``, ``home+`` of ``home+3``; nothing of a name without one."""
    return name[: max(name.find(":"), name.find("+")) + 1]


def _commit(written: Mapping[str, bytes], places: Places, start: int, fields: Mapping[str, Any]) -> bytes:
    """What a commit writes; notes where each part comes to lie."""
    offset = start
    for name, content in written.items():
        places[name] = (offset, len(content), crc32(content))
        offset += len(content)
    head = json.dumps({"fields": fields, "places": places}, separators=(",", ":")).encode()
    return b"".join([*written.values(), head, _TAIL.pack(len(head), crc32(head), _MARK)])
