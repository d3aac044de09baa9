"""
Who is sending right now, so that the intents of the dead can be settled and those of the slow are left alone.

On one machine a locked file for each worker tells: the lock ends with the process, and only then. A lease by the clock
cannot: a worker paused for longer than its lease is taken for dead, and its message may go out twice. Between machines
there is no lock, so there a lease has to do; its residue is the one handful of calls that was under way, and the wait
before anything is asked about counts from the end of the lease.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, cast, delete, func, insert, select, update

from qunflow.store.engine import Store
from qunflow.store.tables import workers as table
from qunflow.store.tables.base import Instant

# Longer than the slowest handful of calls: a connection, a token and an answer that all time out.
LEASE_S = 120
_NAME_BYTES = 12


class FileLocks:
    """
    Workers of one machine.

    Args:
        directory: the workspace's folder; the locked files stand in ``state/workers`` below it.
    """

    def __init__(self, directory: Path) -> None:
        self._folder = directory / "state" / "workers"

    @contextmanager
    def working(self) -> Iterator[str]:
        """Hold a locked file inside the block; gives its name. What the dead left lying about is removed first."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        name, handle = self._locked_file()
        try:
            yield name
        finally:
            self._path(name).unlink(missing_ok=True)
            os.close(handle)

    def beat(self, worker: str) -> bool:
        """Always True: nobody takes a process for dead that holds its lock."""
        del worker
        return True

    def dead(self, conn: Connection, workers: Collection[str]) -> set[str]:
        """Those whose process is gone; a paused one is not."""
        del conn
        return {one for one in workers if self.is_dead(one)}

    def is_dead(self, worker: str) -> bool:
        """Whether nobody holds the lock of this worker any more."""
        try:
            handle = os.open(self._path(worker), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True

    def _sweep(self) -> None:
        for path in self._folder.glob("*.lock"):
            if self.is_dead(path.stem):
                path.unlink(missing_ok=True)

    def _path(self, worker: str) -> Path:
        return self._folder / f"{worker}.lock"

    def _locked_file(self) -> tuple[str, int]:
        while True:
            name = secrets.token_hex(_NAME_BYTES)
            handle = os.open(self._path(name), os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:
                return name, handle
            # Somebody swept the file away between its making and its lock: others would take this worker for dead.
            os.close(handle)


def database_time(conn: Connection) -> datetime:
    """The instant by the database's clock, the only one that all machines share."""
    if conn.dialect.name == "postgresql":
        return conn.execute(select(cast(func.clock_timestamp(), Instant))).scalar_one()
    now: str = conn.execute(select(func.strftime("%Y-%m-%dT%H:%M:%f+00:00", "now"))).scalar_one()
    return datetime.fromisoformat(now)


class Leases:
    """
    Workers of several machines that share a database: a locked file on each, and a lease for all others.

    Args:
        locks: the workers of this machine.
        host: this machine's name, its own among those that share the database.
        lease_s: a worker of another machine that has not beaten for so long is taken for dead.
        time_of: the database's time.
    """

    def __init__(
        self,
        store: Store,
        locks: FileLocks,
        *,
        host: str = "",
        lease_s: int = LEASE_S,
        time_of: Callable[[Connection], datetime] = database_time,
    ) -> None:
        self._store = store
        self._locks = locks
        self._host = host or socket.gethostname()
        self._lease_s = lease_s
        self._time_of = time_of

    @contextmanager
    def working(self) -> Iterator[str]:
        """Hold a locked file and a lease inside the block; gives the worker's name. Leases of the dead end first."""
        with self._locks.working() as name:
            self._store.write(lambda conn: self._enter(conn, name))
            yield name
            self._store.write(lambda conn: self._leave(conn, name))

    def beat(self, worker: str) -> bool:
        """Begin the lease anew; False when it had run out and somebody took the worker for dead."""
        return self._store.write(lambda conn: self._renew(conn, worker))

    def dead(self, conn: Connection, workers: Collection[str]) -> set[str]:
        """Of this machine those whose process is gone, of others those whose lease is over, and all who left."""
        rows = {row.worker: row for row in conn.execute(select(table).where(table.c.worker.in_(sorted(workers))))}
        now = self._time_of(conn)
        return {one for one in workers if one not in rows or self._is_gone(rows[one], now)}

    def _is_gone(self, row: Row[Any], now: datetime) -> bool:
        if row.host == self._host:
            return self._locks.is_dead(row.worker)
        return bool(row.beat_at + timedelta(seconds=row.lease_s) < now)

    def _enter(self, conn: Connection, name: str) -> None:
        gone = sorted(self.dead(conn, conn.execute(select(table.c.worker)).scalars().all()))
        if gone:
            conn.execute(delete(table).where(table.c.worker.in_(gone)))
        row = {"worker": name, "host": self._host, "beat_at": self._time_of(conn), "lease_s": self._lease_s}
        conn.execute(insert(table), [row])

    def _renew(self, conn: Connection, name: str) -> bool:
        done = conn.execute(update(table).where(table.c.worker == name).values(beat_at=self._time_of(conn)))
        return done.rowcount == 1

    def _leave(self, conn: Connection, name: str) -> None:
        conn.execute(delete(table).where(table.c.worker == name))
