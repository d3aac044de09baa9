"""
Which files were uploaded, for every process of a workspace: a small file that one process at a time may change.

Whoever uploads holds the file meanwhile, so that nobody uploads the same content beside them. When an upload is too old
to be used is left to ``media``.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from qunflow.errors import ConfigurationError, disk_problem

_MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A media id and when it was given."""

    media_id: str
    at: datetime


Uploads: TypeAlias = dict[str, Upload]


class MediaFile:
    """
    The uploads of one corp by what was uploaded, shared by its applications.

    Args:
        path: the file; its directory is made when it is missing. Without one, only this object remembers.
        owner: address and corp whose ids these are; a file of somebody else, or a damaged one, counts as empty.
    """

    def __init__(self, path: Path | None, owner: str) -> None:
        self._path = path
        self._owner = owner
        self._own: Uploads = {}
        self._holding = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[Uploads]:
        """
        The uploads, which nobody else sees or changes inside the block; kept as they are when it ends without error.

        Raises:
            PermanentError: the disk is full, or the file cannot be written.
        """
        if self._path is None:
            with self._holding:
                yield self._own
            return
        handle = self._opened(self._path)
        try:
            # Given back when it is closed, and by the end of the process.
            fcntl.flock(handle, fcntl.LOCK_EX)
            uploads = self._read(handle)
            before = dict(uploads)
            yield uploads
            if uploads != before:
                self._write(self._path, handle, uploads)
        finally:
            os.close(handle)

    def _opened(self, path: Path) -> int:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _explained(path, error) from error

    def _read(self, handle: int) -> Uploads:
        try:
            kept = json.loads(os.pread(handle, _MOST_BYTES, 0))
            if kept["owner"] != self._owner:
                return {}
            rows = kept["uploads"].items()
            return {key: Upload(str(media_id), datetime.fromisoformat(at)) for key, (media_id, at) in rows}
        except (ValueError, TypeError, KeyError, AttributeError):  # empty, or cut short by a crash
            return {}

    def _write(self, path: Path, handle: int, uploads: Uploads) -> None:
        rows = {key: (one.media_id, one.at.isoformat()) for key, one in uploads.items()}
        plain = json.dumps({"owner": self._owner, "uploads": rows}).encode()
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, plain, 0)
        except OSError as error:
            raise _explained(path, error) from error


def _explained(path: Path, error: OSError) -> Exception:
    problem = ConfigurationError(f"{path} cannot hold what was uploaded: {error.strerror}", "make room for a file")
    return disk_problem(error) or problem
