"""
Engines a log can be measured on: one setting switches, the expressions stay the same.

DuckDB is always there and reads Parquet where it lies. Polars, ClickHouse (in this process, by chdb) and Spark are
optional; PostgreSQL is a server somewhere. An engine that is not there is refused, never replaced by another.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from qunflow.errors import ConfigurationError
from qunflow.settings.words import did_you_mean
from qunflow.store.event_logs import EventLog

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import psycopg

    from qunflow.retention.measuring.measure import Engine

Placed = tuple["ir.Table", "Engine | None"]
# A name no column has, because it is replaced in the text of a statement.
_TABLE = "qunflow_event_log"
# Where ids are dense whole numbers of so many bits, DuckDB finds an actor by its place instead of by a hash. It keeps
# such a table per thread, of some dozen bytes a place, which is why there is an end to it.
_DENSE_BITS = 21
_NEEDS = {"polars": "polars", "clickhouse": "chdb", "spark": "pyspark"}


@contextmanager
def placed(log: EventLog, engine: str = "duckdb", url: str = "") -> Iterator[Placed]:
    """
    The events of a log as a table of an engine, as long as the block lasts.

    Args:
        engine: one of ``ENGINES``.
        url: of the PostgreSQL server, for ``postgres``; of the cluster's master, for ``spark`` (empty = this machine),
            whose workers must find the file at the same path.

    Raises:
        ConfigurationError: an unknown engine, or one that is not installed.
    """
    if engine not in ENGINES:
        raise ConfigurationError(f"there is no engine {engine!r}", did_you_mean(engine, list(ENGINES)))
    if (package := _NEEDS.get(engine)) and find_spec(package) is None:
        raise ConfigurationError(
            f"the engine {engine} is not installed here", f"pip install 'qunflow[{engine}]', or leave out --engine"
        )
    with ENGINES[engine](log, url) as there:
        yield there


@contextmanager
def _duckdb(log: EventLog, _url: str) -> Iterator[Placed]:
    import duckdb
    import ibis

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
        "perfect_ht_threshold": _DENSE_BITS,
    }
    with closing(duckdb.connect(config=config)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if log.path is not None:
            connection.read_parquet(str(log.path), hive_partitioning=False).create_view("events")
        else:
            connection.register("events", log.table)
        yield ibis.duckdb.from_connection(connection).table("events"), None


@contextmanager
def _polars(log: EventLog, _url: str) -> Iterator[Placed]:
    import ibis

    backend = ibis.polars.connect()
    if log.path is not None:
        yield backend.read_parquet(log.path, table_name="events"), None
    else:
        yield backend.create_table("events", log.table), None


@contextmanager
def _postgres(log: EventLog, url: str) -> Iterator[Placed]:
    import ibis
    import psycopg

    if not url:
        raise ConfigurationError("the engine postgres needs a server", "give --engine-url postgresql://…")
    with psycopg.connect(url, autocommit=True) as connection:
        name = f"events_{uuid4().hex[:12]}"
        connection.execute("SET TimeZone = 'UTC'")
        _copy(connection, name, log)
        try:
            yield ibis.postgres.from_connection(connection).table(name), None
        finally:
            connection.execute(f'DROP TABLE "{name}"'.encode())


def _copy(connection: psycopg.Connection[Any], name: str, log: EventLog) -> None:
    import pyarrow as pa
    from psycopg import sql
    from pyarrow import csv

    table = log.as_arrow()
    schema = pa.schema([(field.name, _plain_type(pa, field.type)) for field in table.schema])
    kinds = [
        (field.name, next((kind for is_it, kind in _postgres_types(pa).items() if is_it(field.type)), "text"))
        for field in schema
    ]
    columns = sql.SQL(", ").join(sql.SQL("{} " + kind).format(sql.Identifier(column)) for column, kind in kinds)
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(name), columns))
    statement = sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(sql.Identifier(name))
    with connection.cursor().copy(statement) as copy:
        for batch in table.cast(schema, safe=False).to_batches(max_chunksize=50_000):
            # Texts are quoted and what is missing is not, so an empty text stays one.
            lines = pa.BufferOutputStream()
            csv.write_csv(batch, lines, csv.WriteOptions(include_header=False))
            copy.write(lines.getvalue().to_pybytes())
    connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))


def _plain_type(pa: Any, given: Any) -> Any:
    """As the server has it: whole microseconds, and text for what else there is."""
    if pa.types.is_timestamp(given):
        return pa.timestamp("us", tz=given.tz)
    return given if any(is_it(given) for is_it in _postgres_types(pa)) else pa.string()


def _postgres_types(pa: Any) -> Mapping[Callable[[Any], bool], str]:
    kinds = pa.types
    return {
        kinds.is_integer: "bigint",
        kinds.is_floating: "double precision",
        kinds.is_boolean: "boolean",
        kinds.is_timestamp: "timestamptz",
    }


class _Chdb:
    """ClickHouse in this process: Ibis writes its dialect, chdb runs it."""

    name = "clickhouse"

    def __init__(self, path: Path) -> None:
        import chdb

        self._chdb, self._path = chdb, path
        self.version = str(chdb.query("SELECT version()", "TabSeparated")).strip()

    def rows(self, expression: ir.Table) -> list[dict[str, Any]]:
        """Run an expression over the file."""
        import ibis

        text = str(ibis.to_sql(expression, dialect="clickhouse"))
        with tempfile.TemporaryDirectory() as folder:
            for name, path in {_TABLE: self._path, **_memory_tables(expression, Path(folder))}.items():
                text = text.replace(f'"{name}"', f"file('{path}', 'Parquet')")
            answer = self._chdb.query(text + " SETTINGS join_use_nulls = 1", "ArrowTable")
        found: list[dict[str, Any]] = answer.to_pylist()
        return found


def _memory_tables(expression: ir.Table, folder: Path) -> dict[str, Path]:
    """Tables an expression carries with it, each written to a file."""
    import ibis.expr.operations as ops
    import pyarrow.parquet as pq

    found = {}
    for table in expression.op().find(ops.InMemoryTable):
        found[table.name] = folder / f"{table.name}.parquet"
        pq.write_table(table.data.to_pyarrow(table.schema), found[table.name])
    return found


@contextmanager
def _clickhouse(log: EventLog, _url: str) -> Iterator[Placed]:
    import ibis

    with _as_parquet(log) as path:
        yield ibis.table(_schema(path), name=_TABLE), _Chdb(path)


@contextmanager
def _spark(log: EventLog, url: str) -> Iterator[Placed]:
    import ibis
    from pyspark.sql import SparkSession

    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise ConfigurationError("Spark needs Java, and there is none here", "install Java 17, or say JAVA_HOME=…")
    builder = SparkSession.builder.master(url or "local[2]").config("spark.sql.session.timeZone", "UTC")
    session = builder.config("spark.ui.enabled", "false").getOrCreate()
    try:
        with _as_parquet(log) as path:
            yield ibis.pyspark.connect(session).read_parquet(path, table_name="events"), None
    finally:
        session.stop()


@contextmanager
def _as_parquet(log: EventLog) -> Iterator[Path]:
    import pyarrow.parquet as pq

    if log.path is not None:
        yield log.path.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        pq.write_table(log.table, path)
        yield path


def _schema(path: Path) -> Any:
    import ibis
    import pyarrow.parquet as pq

    return ibis.memtable(pq.ParquetFile(path).schema_arrow.empty_table()).schema()


ENGINES: Mapping[str, Callable[[EventLog, str], Any]] = {
    "duckdb": _duckdb,
    "polars": _polars,
    "postgres": _postgres,
    "clickhouse": _clickhouse,
    "spark": _spark,
}
