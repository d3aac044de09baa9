"""One setting switches the engine, and the integers stay: the same queries on every engine that is here."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qunflow.cli import main
from qunflow.errors import ConfigurationError
from qunflow.retention import measure
from qunflow.retention.measuring.facts import Columns
from qunflow.store.event_logs import EventLog
from qunflow.store.query_engines import placed
from tests.spec.test_retention_by_hand import CHANGES, SPAN, a_log, a_query, by_days

COLUMNS = Columns("actor", "at", "event", "group")
# Extras that a machine may have; what is not here is refused, which has a test of its own.
EXTRAS = [name for name, package in (("clickhouse", "chdb"), ("spark", "pyspark")) if find_spec(package)]


@pytest.fixture(params=["polars", "postgres", *EXTRAS])
def engine(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """An engine beside DuckDB, with the address of its server where it has one."""
    name = str(request.param)
    url = request.getfixturevalue("empty_postgresql").replace("+psycopg", "") if name == "postgres" else ""
    yield name, url


def questions() -> list[tuple[list[Any], dict[str, Any]]]:
    """A few logs and queries: both kinds of table in every period, with a split and a sum."""
    asked = []
    for seed, period in enumerate(SPAN):
        luck = random.Random(seed)
        rows = a_log(luck, CHANGES[0], SPAN[period])
        query = a_query(luck, CHANGES[0], period)
        asked += [
            (rows, query),
            (rows, {**by_days(luck, query), "split_by": "group", "definitions": ["stay", "rolling"]}),
        ]
    return [(rows, {"amount": "size", **query, "target_event": "join"}) for rows, query in asked]


def as_log(rows: list[Any], folder: Path, as_file: bool) -> EventLog:
    columns: list[Any] = [list(values) for values in zip(*rows, strict=True)]
    at = pa.array(columns[2], pa.timestamp("us", tz="UTC"))
    size = pa.array([len(name) * 1.01 for name in columns[0]])
    table = pa.table({"actor": columns[0], "event": columns[1], "at": at, "group": columns[3], "size": size})
    if not as_file:
        return EventLog(COLUMNS, table=table)
    pq.write_table(table, folder / "log.parquet")
    return EventLog(COLUMNS, path=folder / "log.parquet")


def answers(engine: str, url: str, log: EventLog, query: dict[str, Any], aliases: dict[str, str]) -> dict[str, Any]:
    with placed(log, engine, url) as (table, runs_on):
        found = measure(table, query, columns=log.columns, aliases=aliases, engine=runs_on).as_json()
    assert found.pop("engine")["version"]
    return found


def test_the_same_integers_on_every_engine(engine: tuple[str, str], tmp_path: Path) -> None:
    """Matrices, columns by days, splits, sums and notes are equal to DuckDB's, from a file and from memory."""
    name, url = engine
    few = questions()[:3] if name == "spark" else questions()
    for number, (rows, query) in enumerate(few):
        log = as_log(rows, tmp_path, as_file=number % 2 == 0)
        # Few aliases are written into the statement, many are a table of their own.
        aliases = {"p1": "p2", "p2": "p3", **{f"x{x}": "p3" for x in range(150 * (number % 2))}} if number % 3 else {}
        assert answers(name, url, log, query, aliases) == answers("duckdb", "", log, query, aliases), query


def test_columns_by_days_are_the_same_whatever_plan_an_engine_takes(engine: tuple[str, str], tmp_path: Path) -> None:
    """Every definition, of first and of all cohorts: DuckDB reads days off bits, others join events with starts."""
    name, url = engine
    rows = a_log(random.Random(5), CHANGES[0], SPAN["week"])
    every = {"definitions": ["stay", "classic", "rolling", "bracket"], "target_event": "join", "period": "week"}
    for rule in ("first_time", "recurring"):
        query = {**every, "cohort_rule": rule, "timezone": "Europe/Berlin"}
        log = as_log(rows, tmp_path, as_file=False)
        assert answers(name, url, log, query, {}) == answers("duckdb", "", log, query, {}), rule


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param(["1.25", " 2 ", "", None, "1,250.5", "n/a", "1e400"], id="texts"),
        pytest.param([1.25, 2.0, None, None, float("nan"), float("inf"), -1e300], id="numbers"),
    ],
)
def test_an_amount_that_is_no_number_is_told_and_breaks_no_sum(
    sizes: list[Any], engine: tuple[str, str], tmp_path: Path
) -> None:
    """The event counts, its amount is 0, and a note says how many there were, on every engine."""
    at = [datetime(2026, 3, 2, 8, number, tzinfo=UTC) for number in range(len(sizes))]
    table = pa.table({"actor": ["a"] * len(sizes), "event": ["buy"] * len(sizes), "at": at, "size": sizes})
    pq.write_table(table, tmp_path / "log.parquet")
    log = EventLog(Columns(), path=tmp_path / "log.parquet")
    for name, url in (("duckdb", ""), engine):
        found = answers(name, url, log, {"period": "day", "amount": "size"}, {})
        assert found["totals"] == [{"label": "2026-03-02", "actors": 1, "events": 7, "amount": 3.25}], name
        assert {note["kind"]: note["count"] for note in found["notes"]} == {"unreadable_amounts": 3}, name


def test_instants_before_1970_and_between_microseconds(engine: tuple[str, str], tmp_path: Path) -> None:
    """No engine loses what lies before the epoch, and none rounds up to the next day."""
    name, url = engine
    rows = [
        ("a", "join", datetime(1966, 1, 5, tzinfo=UTC), "g"),
        ("a", "say", datetime(1966, 1, 6, 23, 59, 59, 999_999, UTC), "g"),
    ]
    query = {"period": "day", "total_intervals": 3, "date_to": "1966-01-07", "target_event": "join"}

    found = answers(name, url, as_log(rows, tmp_path, as_file=True), query, {})

    assert found["counts"] == [[1, 1, 0], [0, 0], [0]]


@pytest.mark.parametrize("name", ["clickhouse", "pyspark", "trino", "bigquery", "snowflake"])
def test_the_expression_compiles_for_engines_that_are_not_here(name: str) -> None:
    """The matrix says itself in the dialect of engines beyond one machine."""
    import ibis

    from qunflow.retention.measuring.matrix import matrix_counts
    from qunflow.retention.measuring.query import Query

    kinds = {"actor": "int64", "at_us": "int64", "interval": "int64"}
    targets, returns = ibis.table(kinds, name="targets"), ibis.table(kinds, name="returns")
    text = str(ibis.to_sql(matrix_counts(targets, returns, Query(), 0), dialect=name))

    assert "SELECT" in text


@pytest.mark.parametrize(("name", "told"), [("oracle", "no engine 'oracle'"), ("postgres", "needs a server")])
def test_an_engine_that_is_not_there_is_refused(name: str, told: str, tmp_path: Path) -> None:
    """Nothing else is taken in its place."""
    log = as_log([("a", "join", CHANGES[0], "g")], tmp_path, as_file=False)
    with pytest.raises(ConfigurationError, match=told), placed(log, name):
        pass


def test_an_engine_that_is_not_installed_ends_with_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The setting is obeyed or refused: exit code 2 and the package to install."""
    as_log([("a", "join", CHANGES[0], "g")], tmp_path, as_file=True)
    monkeypatch.setattr("qunflow.store.query_engines.find_spec", lambda name: None)
    monkeypatch.setenv("QUNFLOW_ENGINE", "spark")

    with pytest.raises(SystemExit) as left:
        main(["retention", "--events", str(tmp_path / "log.parquet")])

    assert left.value.code == 2
    assert "qunflow[spark]" in capsys.readouterr().err


def test_spark_without_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package alone is not enough; what is missing is said before anything is started."""
    log = as_log([("a", "join", CHANGES[0], "g")], tmp_path, as_file=True)
    monkeypatch.setattr("qunflow.store.query_engines.find_spec", lambda name: True)
    monkeypatch.setattr("qunflow.store.query_engines.shutil.which", lambda name: None)
    monkeypatch.setitem(sys.modules, "pyspark", ModuleType("pyspark"))
    monkeypatch.setitem(sys.modules, "pyspark.sql", SimpleNamespace(SparkSession=None))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(ConfigurationError, match="needs Java"), placed(log, "spark"):
        pass
