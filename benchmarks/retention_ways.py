"""
The ways to a table of retention that ``./run bench retention`` compares, and the definitions it is asked by.

Each way opens the log and gives the cells; equal cells mean an equal answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.retention_log import FIRST_US, WEEKS

DAYS = (1, 3, 7, 14, 30)
THREADS = os.cpu_count() or 1
Table = list[list[int | None]]
# Wall and CPU seconds.
Seconds = tuple[float, float]

_WEEKLY: Mapping[str, Any] = {
    "period": "week",
    "total_intervals": WEEKS,
    "date_to": "2026-07-05",
    "cohort_rule": "first_time",
}
# ``season`` is ours; the others are those of peers: distinct actors by weekly cohort of the first event, and by days
# of 24 hours or by calendar weeks after it, everything known.
QUERIES: Mapping[str, Mapping[str, Any]] = {
    "season": {
        **_WEEKLY,
        "target_event": "join",
        "returning_event": "message",
        "definitions": ["stay", "classic", "rolling"],
        "days": list(DAYS),
    },
    "weekly_by_day": {
        **_WEEKLY,
        "definitions": ["classic"],
        "windows": "exact_24h",
        "days": list(range(WEEKS * 7)),
        "as_of": "2027-03-01",
    },
    "weekly_by_week": _WEEKLY,
}


def scan(path: Path, _definition: str) -> tuple[Table, Seconds]:
    """Decode the four columns and touch every value once."""
    import duckdb

    with duckdb.connect(config={"threads": THREADS}) as duck:
        text = 'SELECT sum(actor), max(event), max("at"), sum("group") FROM read_parquet(?)'
        duck.execute(text, [str(path)]).fetchall()
    return [], (0.0, 0.0)


def qunflow(path: Path, definition: str) -> tuple[Table, Seconds]:
    """The public way: one query over the file; what is told apart is the time to write the statement."""
    import ibis

    from qunflow.retention import measure
    from qunflow.retention.measuring.facts import Columns
    from qunflow.store.event_logs import EventLog
    from qunflow.store.query_engines import placed

    log = EventLog(Columns(group="group"), path=path)
    with placed(log) as (events, _):
        duck = events.get_backend().con
        duck.execute(f"SET threads = {THREADS}")
        timed = _Timed(duck, ibis.to_sql)
        started = now()
        found = measure(events, QUERIES[definition], columns=log.columns, engine=timed, notes=False)
        spent = since(started)
    # Without its size a row by days begins with day 0, as others write it.
    cells = slice(1, None) if definition == "weekly_by_day" else slice(None)
    return [list(row.counts[cells]) for row in found.rows], (spent[0] - timed.running[0], spent[1] - timed.running[1])


class _Timed:
    """DuckDB with a watch on what it does itself."""

    name, version = "duckdb", "bench"

    def __init__(self, duck: Any, to_sql: Callable[[Any], object]) -> None:
        self._duck, self._to_sql = duck, to_sql
        self.running: Seconds = (0.0, 0.0)

    def rows(self, expression: Any) -> list[dict[str, Any]]:
        """Run an expression."""
        text = str(self._to_sql(expression))
        started = now()
        found: list[dict[str, Any]] = self._duck.sql(text).to_arrow_table().to_pylist()
        wall, cpu = since(started)
        self.running = (self.running[0] + wall, self.running[1] + cpu)
        return found


def pandas(path: Path, _definition: str) -> tuple[Table, Seconds]:
    """Merge and group, as it is written by hand; strings as pandas reads them."""
    import pandas as pd

    log = pd.read_parquet(path)
    log["day"] = (log["at"] - pd.Timestamp(FIRST_US, unit="us", tz="UTC")).dt.days
    starts = log[log["event"] == "join"].groupby("actor")["day"].min().rename("start").reset_index()
    starts["cohort"] = starts["start"] // 7
    acts = log[log["event"] == "message"].merge(starts, on="actor")
    acts["gone"] = acts["day"] - acts["start"]
    moves = log[log["event"] != "message"].merge(starts, on="actor").sort_values("at", kind="stable")
    columns = [starts.groupby("cohort")["actor"].nunique()]
    for k in DAYS:
        last = moves[moves["day"] <= moves["start"] + k].groupby(["actor", "group"]).last()
        there = last[last["event"] == "join"].reset_index()
        columns.append(there.groupby("cohort")["actor"].nunique())
    columns += [acts[acts["gone"] == k].groupby("cohort")["actor"].nunique() for k in DAYS]
    columns += [acts[acts["gone"] >= k].groupby("cohort")["actor"].nunique() for k in DAYS]
    return [
        [int(columns[0].get(i, 0)), *(_due(i, k, column) for k, column in zip(DAYS * 3, columns[1:], strict=True))]
        for i in range(WEEKS)
    ], (0.0, 0.0)


def _due(cohort: int, k: int, column: Any) -> int | None:
    return int(column.get(cohort, 0)) if (cohort + 1) * 7 + k <= WEEKS * 7 else None


def prepared(way: str) -> None:
    """Import what a way needs, before the watch starts."""
    import duckdb
    import pandas as pd
    import pyarrow.parquet as pq

    duckdb.execute("SELECT 1").fetchall()
    pd.DataFrame({"read": [pq.ParquetFile.__name__]})
    if way == "qunflow":
        import ibis

        import qunflow.retention.measuring.measure
        import qunflow.store.event_logs
        import qunflow.store.query_engines  # noqa: F401

        ibis.duckdb.connect()


def warmed(way: str) -> None:
    """Let Ibis write a statement once: its first takes a second, whatever the question."""
    if way == "qunflow":
        import pyarrow as pa

        from qunflow.retention import measure

        at = pa.array([FIRST_US], pa.timestamp("us", tz="UTC"))
        measure(pa.table({"actor": ["a"], "event": ["join"], "at": at}), QUERIES["season"], notes=False)


def now() -> Seconds:
    """Wall and CPU seconds, to be taken off later ones."""
    return time.perf_counter(), time.process_time()


def since(started: Seconds) -> Seconds:
    """Wall and CPU seconds that passed."""
    wall, cpu = now()
    return wall - started[0], cpu - started[1]


WAYS: Mapping[str, Callable[[Path, str], tuple[Table, Seconds]]] = {"scan": scan, "qunflow": qunflow, "pandas": pandas}
