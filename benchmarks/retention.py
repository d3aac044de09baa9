"""
``./run bench retention [--events N] [--rounds N] [--peer CMD]``: 26 weekly cohorts × D1/3/7/14/30 × three definitions.

Stay, classic and rolling retention in one query, beside one scan of the columns it needs (the limit: nothing that reads
them can be faster), beside the way most people write it in pandas, and beside any command that prints the same table.
Each runs in a process of its own, one after the other in rounds; the time goes from opening the file to having the
numbers, with imports before it. Memory is what comes on top of the imports. Equal answers have equal digests.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.retention_log import FIRST_US, WEEKS, written

DAYS = (1, 3, 7, 14, 30)
THREADS = os.cpu_count() or 1
WAYS = ("scan", "qunflow", "pandas")
Table = list[list[int | None]]
# Wall and CPU seconds.
Seconds = tuple[float, float]


def scan(path: Path) -> tuple[Table, Seconds]:
    """Decode the four columns and touch every value once."""
    import duckdb

    with duckdb.connect(config={"threads": THREADS}) as duck:
        text = 'SELECT sum(actor), max(event), max("at"), sum("group") FROM read_parquet(?)'
        duck.execute(text, [str(path)]).fetchall()
    return [], (0.0, 0.0)


def qunflow(path: Path) -> tuple[Table, Seconds]:
    """The public way: one query over the file; what is told apart is the time to write the statement."""
    import ibis

    from qunflow.retention import measure
    from qunflow.retention.facts import Columns
    from qunflow.store.event_logs import EventLog
    from qunflow.store.query_engines import placed

    log = EventLog(Columns(group="group"), path=path)
    with placed(log) as (events, _):
        duck = events.get_backend().con
        duck.execute(f"SET threads = {THREADS}")
        timed = _Timed(duck, ibis.to_sql)
        started = _now()
        found = measure(events, QUERY, columns=log.columns, engine=timed, notes=False)
        spent = _since(started)
    return [list(row.counts) for row in found.rows], (spent[0] - timed.running[0], spent[1] - timed.running[1])


QUERY = {
    "period": "week",
    "total_intervals": WEEKS,
    "date_to": "2026-07-05",
    "target_event": "join",
    "returning_event": "message",
    "cohort_rule": "first_time",
    "definitions": ["stay", "classic", "rolling"],
    "days": list(DAYS),
}


class _Timed:
    """DuckDB with a watch on what it does itself."""

    name, version = "duckdb", "bench"

    def __init__(self, duck: Any, to_sql: Callable[[Any], object]) -> None:
        self._duck, self._to_sql = duck, to_sql
        self.running: Seconds = (0.0, 0.0)

    def rows(self, expression: Any) -> list[dict[str, Any]]:
        """Run an expression."""
        text = str(self._to_sql(expression))
        started = _now()
        found: list[dict[str, Any]] = self._duck.execute(text).to_arrow_table().to_pylist()
        wall, cpu = _since(started)
        self.running = (self.running[0] + wall, self.running[1] + cpu)
        return found


def pandas(path: Path) -> tuple[Table, Seconds]:
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


def one(way: str, path: Path) -> dict[str, Any]:
    """One run in this process: seconds, megabytes and the digest of the answer."""
    _imported(way)
    before_mb = _resident_mb()
    _warmed(way)
    started = _now()
    table, writing = {"scan": scan, "qunflow": qunflow, "pandas": pandas}[way](path)
    spent = _since(started)
    return {
        "wall_s": spent[0] - writing[0],
        "cpu_s": spent[1] - writing[1],
        "writing_s": writing[0],
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb,
        "md5": digest(table),
    }


def digest(table: Table) -> str:
    """The same for the same cells."""
    return hashlib.md5(json.dumps(table).encode(), usedforsecurity=False).hexdigest()[:12] if table else ""


def _imported(way: str) -> None:
    """Import what a way needs, before the watch starts."""
    import duckdb
    import pandas as pd
    import pyarrow.parquet as pq

    duckdb.execute("SELECT 1").fetchall()
    pd.DataFrame({"read": [pq.ParquetFile.__name__]})
    if way == "qunflow":
        import ibis

        import qunflow.retention.measuring  # noqa: F401

        ibis.duckdb.connect()


def _warmed(way: str) -> None:
    """Let Ibis write a statement once: its first takes a second, whatever the question."""
    if way == "qunflow":
        import pyarrow as pa

        from qunflow.retention import measure

        at = pa.array([FIRST_US], pa.timestamp("us", tz="UTC"))
        measure(pa.table({"actor": ["a"], "event": ["join"], "at": at}), QUERY, notes=False)


def _now() -> Seconds:
    return time.perf_counter(), time.process_time()


def _since(started: Seconds) -> Seconds:
    wall, cpu = _now()
    return wall - started[0], cpu - started[1]


def _resident_mb() -> float:
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _child(way: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.retention", "--one", way, "--path", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own module
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _peer(command: str, path: Path) -> dict[str, Any]:
    """A command that is given the log's path and prints the table as JSON; its whole process is timed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*shlex.split(command), str(path)], capture_output=True, text=True, check=True)  # noqa: S603
    wall_s, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": wall_s, "cpu_s": cpu_s, "writing_s": 0.0, "mb": 0.0, "md5": digest(json.loads(done.stdout))}


def main(arguments: Sequence[str] = ()) -> int:
    """Print medians and ratios."""
    asked = _parsed(arguments)
    if asked.one:
        print(json.dumps(one(asked.one, asked.path)))
        return 0
    path = written(Path(tempfile.gettempdir()) / f"qunflow-bench-retention-{asked.events}-events.parquet", asked.events)
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in (*WAYS, *(["peer"] if asked.peer else []))}
    for _ in range(asked.rounds):
        for way, found in runs.items():
            found.append(_peer(asked.peer, path) if way == "peer" else _child(way, path))
    print(f"{asked.events:,} events, {path.stat().st_size / 2**20:.0f} MB, {THREADS} threads, {asked.rounds} rounds")
    print(f"{'way':<8} {'wall s':>7} {'CPU s':>7} {'of scan, wall':>14} {'CPU':>6} {'MB':>7}  digest")
    middle = {way: {key: median(run[key] for run in found) for key in _NUMBERS} for way, found in runs.items()}
    for way, found in runs.items():
        digests = "/".join(sorted({run["md5"] for run in found}))
        print(_line(way, middle[way], middle["scan"], digests))
    _ratios(middle, runs)
    return 0


_NUMBERS = ("wall_s", "cpu_s", "writing_s", "mb")


def _line(way: str, mine: Mapping[str, float], limit: Mapping[str, float], digests: str) -> str:
    wall, cpu = mine["wall_s"] / limit["wall_s"], mine["cpu_s"] / limit["cpu_s"]
    spent = f"{mine['wall_s']:>7.2f} {mine['cpu_s']:>7.2f} {wall:>13.1f}× {cpu:>5.1f}×"
    return f"{way:<8} {spent} {mine['mb']:>7.0f}  {digests}"


def _ratios(middle: Mapping[str, Mapping[str, float]], runs: Mapping[str, list[dict[str, Any]]]) -> None:
    ours, naive = middle["qunflow"], middle["pandas"]
    same = {run["md5"] for way, found in runs.items() if way != "scan" for run in found}
    print(f"writing the statement: {ours['writing_s']:.2f} s, apart")
    print(
        f"pandas ÷ qunflow: wall {naive['wall_s'] / ours['wall_s']:.1f}×, CPU {naive['cpu_s'] / ours['cpu_s']:.1f}×, "
    )
    print(f"                  memory above imports {naive['mb'] / ours['mb']:.1f}×")
    print("answers equal" if len(same) == 1 else f"answers DIFFER: {sorted(same)}")


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench retention")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", default="", help="a command that gets the log's path and prints the table as JSON")
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(list(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
