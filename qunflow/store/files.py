"""Writing a file so that it is there in full, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from qunflow.errors import PermanentError


def write_durably(path: Path, content: bytes) -> None:
    """
    Put ``content`` at ``path``: written beside it, flushed to the disk, then renamed.

    After it returns the file survives a power cut; when it raises, nothing is left behind.

    Raises:
        PermanentError: when the disk is full or the folder may not be written.
    """
    with whole_file(path) as draft, draft.open("xb") as file:
        file.write(content)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """
    Gives the path of a draft to create and write; at the end of the block it becomes ``path``.

    After the block the file survives a power cut; when the block raises, nothing is left behind and a file that was at
    ``path`` stays.

    Raises:
        PermanentError: when the disk is full or the folder may not be written.
    """
    # A dot first: readers of whole folders pass over such names.
    draft = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        _make_folder(path.parent)
        yield draft
        _flush(draft)
        draft.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise PermanentError(
            f"{path} could not be written ({error.strerror or type(error).__name__}); nothing was left behind",
            "free some space on that disk, or make the folder writable, then run the step again",
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
    _flush(folder.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
