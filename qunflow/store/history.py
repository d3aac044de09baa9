"""
History: what happened, append-only, in Parquet files that a manifest makes visible.

A batch has a name (its source and inbox range). Its files are complete on the disk before the manifest rows are
committed, in the same transaction as the state they caused. So a retry changes nothing, a half-written or orphaned
file is never read, and an event key is visible once. DuckDB reads; what it computes is said in SQL or Ibis elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from qunflow.errors import BadInput
from qunflow.store.engine import Store, lock
from qunflow.store.events import arrow_schema, to_table
from qunflow.store.files import write_durably
from qunflow.store.merging import aliases
from qunflow.store.tables import history_batches

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa

# What the source of a batch begins with that came from a file and may be taken back.
IMPORTED = "import:"
# A batch of more days than this (an import of years) is cut by month: thousands of small files read slowly.
DAILY_FILES_UP_TO = 62
# Nothing is downloaded while a query runs, and a name in a query is never a Python variable.
_OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}

_AS_NOW_KNOWN = """
    CREATE VIEW events AS
    SELECT written.* REPLACE (coalesce(known_as.is_now, written.person_id) AS person_id)
    FROM events_as_written AS written LEFT JOIN known_as ON known_as.was = written.person_id
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """One visible file; ``path`` is relative to the history folder, ``bytes`` its size."""

    batch_id: int
    name: str
    source: str
    first_day: date
    last_day: date
    path: str
    rows: int
    bytes: int
    sha256: str


class History:
    """
    The events of one workspace.

    Args:
        directory: the folder of the Parquet files, made at the first append.
        store: holds the manifest.
    """

    def __init__(self, directory: Path, store: Store) -> None:
        self.directory = directory
        self._store = store

    def append(self, conn: Connection, source: str, name: str, events: pd.DataFrame) -> int:
        """
        Add events; they become visible when the transaction of ``conn`` commits.

        Args:
            source: where the batch is from, such as ``inbox:order`` or ``import:events.csv``.
            name: the batch's own name; once it has added an event, a second append of the name changes nothing.
            events: columns of ``qunflow.store.events``; group_id, channel, amount, props and source may be missing.

        Returns:
            How many events are new; those whose ``event_key`` is visible already are left out.

        Raises:
            BadInput: when the frame does not fit, or a file of these days is damaged.
            PermanentError: when the disk is full; nothing is left behind.
        """
        lock(conn, "history")
        if self._has(conn, name):
            return 0
        table = self._new_events(conn, to_table(events, source))
        for part in _parts(table):
            self._write(conn, source, name, part)
        return int(table.num_rows)

    def batches(self, conn: Connection, since: date | None = None, until: date | None = None) -> list[Batch]:
        """The visible files, oldest day first; only those with days in [since, until] when these are given."""
        query = select(*(history_batches.c[name] for name in Batch.__slots__)).where(
            history_batches.c.replaced_by.is_(None), history_batches.c.withdrawn_at.is_(None)
        )
        if since is not None:
            query = query.where(history_batches.c.last_day >= since)
        if until is not None:
            query = query.where(history_batches.c.first_day <= until)
        rows = conn.execute(query.order_by(history_batches.c.first_day, history_batches.c.batch_id))
        return [Batch(*row) for row in rows]

    def query(
        self,
        sql: str,
        *,
        since: date | None = None,
        until: date | None = None,
        conn: Connection | None = None,
        **params: Any,
    ) -> pd.DataFrame:
        """
        Ask the view ``events`` in DuckDB's SQL; ``$name`` stands for a parameter.

        Args:
            since, until: first and last local day that must be in the view; others may be missing from it.
            conn: a transaction whose own appends shall be seen too.

        Returns:
            Instants come back in UTC, days as ``date``.

        Raises:
            BadInput: naming the file that is missing or damaged.
        """
        batches = self._visible(since, until, conn)
        with closing(self._connect(batches, self._aliases(conn))) as duck:
            table = self._reading(batches, lambda: _answer(duck, sql, params))
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def relation(self, since: date | None = None, until: date | None = None) -> duckdb.DuckDBPyRelation:
        """The events as a DuckDB relation on a connection of its own."""
        return self._connect(self._visible(since, until, None), self._aliases(None)).view("events")

    def table(self, since: date | None = None, until: date | None = None) -> ir.Table:
        """The events as an Ibis table on a connection of its own; the same expressions run on other engines."""
        import ibis

        duck = self._connect(self._visible(since, until, None), self._aliases(None))
        return ibis.duckdb.from_connection(duck).table("events")

    def columns(self, batches: Sequence[Batch], names: Sequence[str]) -> pa.Table:
        """
        Some columns of some files, row by row as they were written, texts as dictionaries; no other file need be there.

        Raises:
            BadInput: naming the file that is missing or damaged.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._require_whole(batches)
        kinds = {name: arrow_schema().field(name).type for name in names}
        texts = [name for name, kind in kinds.items() if kind == pa.string()]
        schema = pa.schema({**kinds, **dict.fromkeys(texts, pa.dictionary(pa.int32(), pa.string()))})

        def of_file(batch: Batch) -> pa.Table:
            return pq.ParquetFile(self.directory / batch.path, read_dictionary=texts).read(list(names)).cast(schema)

        read = self._reading(batches, lambda: [of_file(batch) for batch in batches])
        return pa.concat_tables([schema.empty_table(), *read]).unify_dictionaries()

    def compact(self, conn: Connection, day: date, recorded_at: datetime) -> int:
        """
        Put the files of one local day into one; returns how many files it replaced.

        The old files stay on the disk for those who are reading them, until ``sweep``. Those of an import are left
        alone: they can be withdrawn only while they hold nothing else.
        """
        lock(conn, "history")
        days = [batch for batch in self.batches(conn, day, day) if batch.first_day == batch.last_day]
        old = [batch for batch in days if not batch.source.startswith(IMPORTED)]
        if len(old) < 2:
            return 0
        table = self._read(old)
        name = f"compact:{day.isoformat()}:{old[-1].batch_id}"
        new_id = self._write(conn, "compact", name, table, recorded_at)
        ids = [batch.batch_id for batch in old]
        conn.execute(update(history_batches).where(history_batches.c.batch_id.in_(ids)).values(replaced_by=new_id))
        return len(old)

    def withdraw(self, conn: Connection, name: str, at: datetime) -> int:
        """
        Let a batch be seen no more from the commit of ``conn`` on; returns how many events it held.

        The manifest keeps its rows with the instant, the files go with ``sweep``; figures measured before keep what
        they counted until they are measured again.

        Raises:
            BadInput: its files were put together with others.
        """
        lock(conn, "history")
        mine = history_batches.c.name == name
        query = select(history_batches.c.rows, history_batches.c.replaced_by).where(mine)
        rows = conn.execute(query.where(history_batches.c.withdrawn_at.is_(None))).all()
        if any(row.replaced_by is not None for row in rows):
            raise BadInput(
                f"the events of {name} were put together with those of others", "they cannot be told apart any more"
            )
        conn.execute(update(history_batches).where(mine).values(withdrawn_at=at))
        return sum(row.rows for row in rows)

    def sweep(self, conn: Connection, untouched_since: datetime) -> int:
        """
        Delete files no manifest row shows (replaced, withdrawn, left by a killed run), if written before an instant.

        Returns:
            How many files are gone.
        """
        visible = {batch.path for batch in self.batches(conn)}
        gone = 0
        for path in sorted(self.directory.glob("*/*")):
            if str(path.relative_to(self.directory)) in visible:
                continue
            if path.stat().st_mtime < untouched_since.timestamp():
                path.unlink()
                gone += 1
        return gone

    def verify(self, conn: Connection) -> int:
        """
        Compare every visible file with its manifest row, byte for byte; returns how many files there are.

        Raises:
            BadInput: naming the first file that differs.
        """
        batches = self.batches(conn)
        for batch in batches:
            self._require_whole([batch])
            if sha256((self.directory / batch.path).read_bytes()).hexdigest() != batch.sha256:
                raise self._damaged(batch, "its content changed after it was written")
        return len(batches)

    def _has(self, conn: Connection, name: str) -> bool:
        query = select(history_batches.c.batch_id).where(history_batches.c.name == name).limit(1)
        return conn.execute(query).first() is not None

    def _new_events(self, conn: Connection, table: pa.Table) -> pa.Table:
        """Leave out events whose key is visible on the same days."""
        if not table.num_rows:
            return table
        days = table.column("local_day")
        seen = self.batches(conn, days[0].as_py(), days[-1].as_py())
        if not seen:
            return table
        with closing(self._connect(seen)) as duck:
            duck.register("incoming", table)
            sql = "SELECT event_key FROM incoming SEMI JOIN events USING (event_key)"
            known = self._reading(seen, lambda: _answer(duck, sql)).column("event_key")
        import pyarrow.compute as pc

        return table.filter(pc.invert(pc.is_in(table.column("event_key"), value_set=known.combine_chunks())))

    def _write(
        self, conn: Connection, source: str, name: str, table: pa.Table, recorded_at: datetime | None = None
    ) -> int:
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        buffer = BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        content = buffer.getvalue()
        days = table.column("local_day")
        first, last = days[0].as_py(), days[-1].as_py()
        path = _path(name, first, last, content)
        write_durably(self.directory / path, content)
        row = {
            "name": name,
            "source": source,
            "first_day": first,
            "last_day": last,
            "path": path,
            "rows": table.num_rows,
            "bytes": len(content),
            "sha256": sha256(content).hexdigest(),
            "recorded_at": recorded_at or pc.max(table.column("recorded_at")).as_py(),
        }
        return int(conn.execute(insert(history_batches).returning(history_batches.c.batch_id), row).scalar_one())

    def _visible(self, since: date | None, until: date | None, conn: Connection | None) -> list[Batch]:
        if conn is not None:
            return self.batches(conn, since, until)
        with self._store.reading() as own:
            return self.batches(own, since, until)

    def _aliases(self, conn: Connection | None) -> dict[int, int]:
        if conn is not None:
            return aliases(conn)
        with self._store.reading() as own:
            return aliases(own)

    def _connect(
        self, batches: Sequence[Batch], known_as: Mapping[int, int] | None = None
    ) -> duckdb.DuckDBPyConnection:
        """The events as they were written; with ``known_as``, those of a merged number under the person it is now."""
        import duckdb

        self._require_whole(batches)
        duck = duckdb.connect(config=_OFFLINE)
        duck.execute("SET TimeZone = 'UTC'")
        files = [str(self.directory / batch.path) for batch in batches]
        name = "events_as_written" if known_as else "events"
        if files:
            self._reading(batches, lambda: duck.read_parquet(files, hive_partitioning=False).create_view(name))
        else:
            duck.register(name, arrow_schema().empty_table())
        if known_as:
            duck.execute("CREATE TABLE known_as (was BIGINT PRIMARY KEY, is_now BIGINT NOT NULL)")
            duck.executemany("INSERT INTO known_as VALUES (?, ?)", [list(pair) for pair in known_as.items()])
            duck.execute(_AS_NOW_KNOWN)
        return duck

    def _read(self, batches: Sequence[Batch]) -> pa.Table:
        order = "SELECT * FROM events ORDER BY local_day, happened_at, event_key"
        with closing(self._connect(batches)) as duck:
            return self._reading(batches, lambda: _answer(duck, order))

    def _require_whole(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            path = self.directory / batch.path
            if not path.is_file():
                raise self._damaged(batch, "it is missing")
            if (size := path.stat().st_size) != batch.bytes:
                raise self._damaged(batch, f"it has {size} bytes of {batch.bytes}")

    def _reading(self, batches: Sequence[Batch], read: Callable[[], Any]) -> Any:
        """Run ``read``; when it fails because of a file, say which."""
        import duckdb

        try:
            return read()
        except (duckdb.Error, OSError):
            for batch in batches:
                self._require_readable(batch)
            raise

    def _require_readable(self, batch: Batch) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            pq.read_table(self.directory / batch.path)
        except (pa.ArrowInvalid, OSError) as error:
            raise self._damaged(batch, "it cannot be read as Parquet") from error

    def _damaged(self, batch: Batch, what: str) -> BadInput:
        return BadInput(
            f"the history file {self.directory / batch.path} is damaged: {what}",
            f"restore it from a backup (batch {batch.name}, {batch.rows} events, SHA-256 {batch.sha256[:12]}…)",
        )


def _answer(duck: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, Any] | None = None) -> pa.Table:
    relation = duck.sql(sql, params=dict(params) if params else None)
    if relation is None:
        raise BadInput("this SQL answers nothing", "history is only read: ask with SELECT")
    return relation.to_arrow_table()


def _parts(table: pa.Table) -> Iterable[pa.Table]:
    """Cut a table ordered by day into one part a day, or one a month when there are very many days."""
    import numpy as np
    import pyarrow.compute as pc

    days = table.column("local_day")
    by_month = len(days.unique()) > DAILY_FILES_UP_TO
    labels = pc.add(pc.multiply(pc.year(days), 12), pc.month(days)) if by_month else pc.cast(days, "int32")
    cuts = np.flatnonzero(np.diff(labels.to_numpy())) + 1
    bounds = [0, *cuts, len(days)] if len(days) else []
    for start, end in pairwise(bounds):
        yield table.slice(start, end - start)


def _path(name: str, first: date, last: date, content: bytes) -> str:
    # The digest keeps a retry after a crash, which may differ in recorded_at, from touching the file of another try.
    digest = sha256(name.encode() + b"\0" + content).hexdigest()[:16]
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:80].strip("-.")
    folder = f"day={first.isoformat()}" if first == last else f"month={first:%Y-%m}"
    return f"{folder}/{readable}.{digest}.parquet"
