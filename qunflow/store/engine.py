"""
The state database: one SQLite file by default, PostgreSQL by one URL.

Transactions are short. A transaction that only reads cannot write; one that writes holds the write lock from its
first statement. Locks that do not clear become ``StoreBusy``. What is stored is decided in ``tables`` and the
repositories beside it; which version of the tables a database has, in ``migrate``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from qunflow.errors import ConfigurationError, PermanentError, StoreBusy
from qunflow.store.failures import explain, is_busy

Result = TypeVar("Result")
DialectName = Literal["sqlite", "postgresql"]

BUSY_TIMEOUT_S = 10.0
RETRY_WAITS_S = (0.02, 0.1, 0.4, 1.0)
_EXAMPLES = "use sqlite:////path/to/qunflow.sqlite3 or postgresql://user:password@host/database"


class Store:
    """The state database of one workspace; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.dialect: DialectName = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"

    @classmethod
    def open(cls, url: str) -> Store:
        """
        Open the database without touching it; the folder of an SQLite file is made.

        Raises:
            ConfigurationError: when the URL is neither an SQLite file nor PostgreSQL.
        """
        parsed = _parse(url)
        if parsed.get_backend_name() == "sqlite":
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
            return cls(_sqlite_engine(parsed))
        return cls(_postgresql_engine(parsed))

    @property
    def address(self) -> str:
        """Where the database is, without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """
        A transaction that sees one state and cannot change it.

        Raises:
            StoreBusy: when the database stayed locked.
        """
        with self._transaction(write=False) as conn:
            yield conn

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """
        A transaction that commits at the end, or leaves nothing behind when an error passes through.

        Raises:
            StoreBusy: when the database stayed locked; ``write`` tries again by itself.
            PermanentError: when the disk is full or the file may not be written.
        """
        with self._transaction(write=True) as conn:
            yield conn

    @contextmanager
    def rebuilding(self) -> Iterator[Connection]:
        """
        Like ``writing``, for changing tables: a table that others refer to may be taken away and made again.

        Raises:
            PermanentError: when a row is left that refers to nothing; the transaction is undone.
        """
        with self._transaction(write=True, rebuild=True) as conn:
            yield conn
            if conn.dialect.name == "sqlite" and conn.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise PermanentError(
                    f"the database {self.address} has rows that refer to nothing", "restore a backup and upgrade that"
                )

    def write(self, work: Callable[[Connection], Result], *, sleep: Callable[[float], None] = time.sleep) -> Result:
        """
        Run ``work`` in a write transaction, again from the start while the database is busy.

        ``work`` must have no effect outside the transaction, because it may run more than once.

        Raises:
            StoreBusy: when every try found the database locked.
        """
        for wait_s in RETRY_WAITS_S:
            try:
                with self.writing() as conn:
                    return work(conn)
            except StoreBusy:
                sleep(wait_s)
        with self.writing() as conn:
            return work(conn)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, write: bool, rebuild: bool = False) -> Iterator[Connection]:
        try:
            with self._engine.connect() as conn:
                conn.execution_options(qunflow_write=write, postgresql_readonly=not write)
                if rebuild:
                    _let_tables_go(conn)
                with conn.begin() as transaction:
                    yield conn
                    if not write:
                        transaction.rollback()
        except DBAPIError as error:
            if is_busy(error):
                raise StoreBusy(
                    f"the database {self.address} stayed locked",
                    "try again; if it stays so, look for another program that holds it open",
                ) from error
            explained = explain(error, self.address)
            if explained is None:
                raise
            raise explained from error


def lock(conn: Connection, name: str) -> None:
    """
    Hold ``name`` for this transaction: nobody else gets past the same call until it ends.

    On SQLite a write transaction is already alone; on PostgreSQL this is an advisory lock.
    """
    if conn.dialect.name == "postgresql":
        number = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
        conn.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _let_tables_go(conn: Connection) -> None:
    # SQLite minds foreign keys while a table is copied, and only listens outside a transaction. The connection is not
    # given back to the pool, where the next one would find them unguarded.
    conn.detach()
    if conn.dialect.name == "sqlite" and conn.connection.dbapi_connection is not None:
        conn.connection.dbapi_connection.cursor().execute("PRAGMA foreign_keys = OFF")


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1))
        backend = parsed.get_backend_name()
        known = backend == "postgresql" or (backend == "sqlite" and parsed.database not in (None, "", ":memory:"))
    except (ArgumentError, NoSuchModuleError):
        known = False
    if not known:
        raise ConfigurationError("QUNFLOW_DATABASE_URL is not a database that Qunflow knows", _EXAMPLES)
    return parsed.set(drivername="postgresql+psycopg") if backend == "postgresql" else parsed


def _sqlite_engine(url: URL) -> Engine:
    # A rollback journal, not a write-ahead log: SQLite before 3.51.3 can corrupt a WAL used by several processes.
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # PERSIST takes an eighth off the mean commit (12–15 %, measured in pairs), but the journal it leaves lying holds
    # pages as they were before, the key of an erased person among them. TRUNCATE leaves nothing and gains nothing.
    cursor.execute("PRAGMA journal_mode = DELETE")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(conn: Connection) -> None:
    write = bool(conn.get_execution_options().get("qunflow_write", False))
    conn.exec_driver_sql(f"PRAGMA query_only = {'OFF' if write else 'ON'}")
    # A transaction that turns from reading to writing half-way fails with "locked" whatever the timeout.
    conn.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgresql_engine(url: URL) -> Engine:
    return create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        connect_args={"options": "-c timezone=UTC -c lock_timeout=10000", "connect_timeout": 10},
    )
