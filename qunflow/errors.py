"""
Every error Qunflow raises on purpose.

Two marks decide what orchestration does: ``TransientError`` may be tried again, ``PermanentError`` may not.
Each error names the thing it concerns and the next step for the person who reads it::

    QunflowError
    ├── TransientError            try again, perhaps after ``retry_after_s``
    │   ├── ChannelUnavailable    no answer, a broken answer or "busy" from a platform
    │   └── StoreBusy             the database stayed locked
    └── PermanentError            trying again cannot help
        ├── ConfigurationError    qunflow.yaml, a template or the environment; carries ``file:line:column``
        ├── SchemaMismatch        the database belongs to another version
        ├── BadInput              a file, row or form that cannot be read
        ├── CheckFailed           a critical data check stopped the step
        ├── ChannelRefused        the platform said no, for good
        └── OutOfBounds           quiet hours, quota, kill switch, a clock in the future
"""

from __future__ import annotations

import errno
from dataclasses import dataclass


class QunflowError(Exception):
    """
    The root: what happened, and what to do next.

    Args:
        problem: one sentence that names the thing and what was found.
        next_step: one sentence that says what the reader should do.
    """

    exit_code = 1

    def __init__(self, problem: str, next_step: str = "") -> None:
        super().__init__(problem, next_step)
        self.problem = problem
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.problem}\n  → {self.next_step}" if self.next_step else self.problem


class TransientError(QunflowError):
    """Trying again may help; ``retry_after_s`` is the platform's own wish, 0 when it has none."""

    def __init__(self, problem: str, next_step: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(problem, next_step)
        self.args = (problem, next_step, retry_after_s)
        self.retry_after_s = retry_after_s


class ChannelUnavailable(TransientError):
    """A platform did not answer, answered garbage, or asked to be left alone for a while."""


class StoreBusy(TransientError):
    """The database stayed locked through every retry of a short transaction."""


class PermanentError(QunflowError):
    """Trying again cannot help."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file a mistake stands; ``line`` and ``column`` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class ConfigurationError(PermanentError):
    """A mistake in qunflow.yaml, a template or the environment."""

    exit_code = 2

    def __init__(self, problem: str, next_step: str = "", place: Place | None = None) -> None:
        super().__init__(problem, next_step)
        self.args = (problem, next_step, place)
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {super().__str__()}" if self.place else super().__str__()


class SchemaMismatch(PermanentError):
    """The database was made by another version of Qunflow."""

    exit_code = 3


class BadInput(PermanentError):
    """A file, a row or a form that cannot be read."""

    exit_code = 4


class CheckFailed(PermanentError):
    """A critical data check stopped the step before any outward effect."""

    exit_code = 5


class ChannelRefused(PermanentError):
    """
    The platform said no and will say no again.

    ``code`` is the platform's own error code, so that callers can tell refusals apart.
    """

    exit_code = 6

    def __init__(self, problem: str, next_step: str = "", code: int = 0) -> None:
        super().__init__(problem, next_step)
        self.args = (problem, next_step, code)
        self.code = code


class OutOfBounds(PermanentError):
    """A send outside its bounds: quiet hours, quota, kill switch, or a clock in the future."""

    exit_code = 7


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def disk_problem(error: OSError) -> PermanentError | None:
    """What a failed write means to the person who reads it; ``None`` when the disk is not to blame."""
    where = error.filename or "a file of the workspace"
    if error.errno in _FULL:
        return PermanentError(
            f"{where} could not be written: {error.strerror}", "free some space on that disk, then run it again"
        )
    if error.errno in _FORBIDDEN:
        return PermanentError(
            f"{where} may not be read or written: {error.strerror}", "give this user the right to it, then run it again"
        )
    return None
