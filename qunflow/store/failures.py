"""What a failure of the database means to the person who reads it."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from qunflow.errors import PermanentError, QunflowError, TransientError

_BUSY_STATES = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, lock not available
_FULL_STATES = {"53100"}
_UNREACHABLE = ("connection", "could not translate host name", "server closed", "failed to resolve", "refused")


def is_busy(error: DBAPIError) -> bool:
    """Whether the same transaction may succeed a moment later."""
    return _sqlstate(error) in _BUSY_STATES or "database is locked" in str(error.orig)


def explain(error: DBAPIError, address: str) -> QunflowError | None:
    """The Qunflow error for a failure an operator can mend; ``None`` for a mistake in the program."""
    said = str(error.orig).lower()
    if "disk is full" in said or "disk i/o error" in said or _sqlstate(error) in _FULL_STATES:
        return PermanentError(
            f"the disk that holds the database {address} is full or failing; nothing of this step was stored",
            "free some space on that disk, then run the step again",
        )
    if "readonly database" in said or "unable to open database file" in said:
        return PermanentError(
            f"the database {address} cannot be opened for writing",
            "check that the folder exists and that this user may write in it",
        )
    if "file is not a database" in said or "malformed" in said:
        return PermanentError(
            f"the file behind {address} is not a database, or it is damaged",
            "point QUNFLOW_DATABASE_URL at the right file, or restore it from a backup",
        )
    return _unreachable(said, address)


def _unreachable(said: str, address: str) -> QunflowError | None:
    if any(word in said for word in _UNREACHABLE):
        return TransientError(
            f"the database {address} does not answer",
            "check that PostgreSQL is running there and that the address, user and password are right",
        )
    return None


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", "") or "")
