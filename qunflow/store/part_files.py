"""
Named parts that change together, in a folder: each commit writes the changed ones into a file of their own, then a head
that says where every part is now.

A reader sees the parts of one head, all of them or none. Every part and the head carry a checksum. Files nobody points
at any more are deleted, and everything is written anew when most of what lies there is old.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zlib import crc32

from qunflow.store.files import write_durably

HEAD = "head.json"
# So much may lie about unused, so many times what is in use, in so many files.
SPARE_BYTES, SPARE_TIMES, MOST_FILES = 8 << 20, 4, 200
Places = dict[str, tuple[str, int, int, int]]


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
    The parts in a folder; without a head there are none.

    Args:
        folder: belongs to these parts alone.

    Raises:
        Damaged: the head cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.fields: dict[str, Any] = {}
        # Name → file, offset, length, checksum.
        self._places: Places = {}
        self._sizes: dict[str, int] = {}
        self._following = 1
        with suppress(FileNotFoundError):
            self._read_head((folder / HEAD).read_bytes())

    def get(self, name: str) -> bytes | None:
        """One part, None when there is none. Raises: Damaged."""
        if name not in self._places:
            return None
        file, offset, length, checksum = self._places[name]
        try:
            with (self._folder / file).open("rb") as opened:
                content = os.pread(opened.fileno(), length, offset)
        except OSError as error:
            raise Damaged(f"{file} cannot be read") from error
        if len(content) != length or crc32(content) != checksum:
            raise Damaged(f"{name} in {file} is not what was written")
        return content

    def names(self, prefix: str) -> list[str]:
        """The parts whose name begins like this, in order."""
        return sorted(name for name in self._places if name.startswith(prefix))

    def commit(self, fields: Mapping[str, Any], changes: Mapping[str, bytes | None]) -> int:
        """
        Put parts in place of those of the same name, None = no more; returns how many bytes were written.

        Raises:
            PermanentError: nothing could be written; the parts are those there were.
        """
        places = {name: place for name, place in self._places.items() if name not in changes}
        written = {name: content for name, content in changes.items() if content is not None}
        if self._is_crowded(places, written):
            written |= {name: self.get(name) or b"" for name in places}
            places = {}
        sizes = self._write(written, places)
        head = {"following": self._following + 1, "fields": fields, "sizes": sizes, "places": places}
        text = json.dumps(head).encode()
        write_durably(self._folder / HEAD, b"%08x\n%b" % (crc32(text), text))
        self._places, self._sizes, self.fields, self._following = places, sizes, dict(fields), self._following + 1
        self._sweep()
        return sum(map(len, written.values())) + len(text)

    def _read_head(self, content: bytes) -> None:
        checksum, _, head = content.partition(b"\n")
        if checksum != b"%08x" % crc32(head):
            raise Damaged(f"{HEAD} is not what was written")
        read = json.loads(head)
        self.fields, self._following = read["fields"], read["following"]
        self._places = {name: (place[0], place[1], place[2], place[3]) for name, place in read["places"].items()}
        self._sizes = read["sizes"]
        there = {entry.name: entry.stat().st_size for entry in os.scandir(self._folder)}
        for file, size in self._sizes.items():
            if there.get(file) != size:
                raise Damaged(f"{file} is not as long as it was written")

    def _write(self, written: Mapping[str, bytes], places: Places) -> dict[str, int]:
        """Write one file, note its places, and give the sizes of all files in use."""
        file, offset = f"parts-{self._following:06d}", 0
        for name, content in written.items():
            places[name] = (file, offset, len(content), crc32(content))
            offset += len(content)
        if written:
            write_durably(self._folder / file, b"".join(written.values()))
        used = {place[0] for place in places.values()}
        return {name: size for name, size in {**self._sizes, file: offset}.items() if name in used}

    def _is_crowded(self, kept: Places, written: Mapping[str, bytes]) -> bool:
        files = {place[0] for place in kept.values()}
        lying = sum(self._sizes[file] for file in files)
        used = sum(place[2] for place in kept.values()) + sum(map(len, written.values()))
        return len(files) >= MOST_FILES or lying > SPARE_BYTES + SPARE_TIMES * used

    def _sweep(self) -> None:
        for path in self._folder.glob("parts-*"):
            if path.name not in self._sizes:
                path.unlink(missing_ok=True)
