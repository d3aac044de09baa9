"""
``./run bench incremental [--events N …] [--rounds N]``: a day's measure by what is new, beside counting everything.

One log and one last day, as long as the mean of all; before it lie histories of several lengths, each the newest
events of the same log. The tally is on the disk and has lived through the days before; a run is timed from opening it
to having read the day's file, answered and flushed everything to the disk again. The full count is the public engine
over one Parquet file of the same events, its statement written before the watch starts. Equal answers have equal
digests. Ratios are those of wall time and of CPU time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from benchmarks.retention_log import DAY_US, FIRST_US, WEEKS, written

if TYPE_CHECKING:
    import pyarrow as pa

    from qunflow.retention.tally.tally import Tally
    from qunflow.store.retention_state import Carried, Source

DAYS = (1, 3, 7, 14, 30)
FIRST, LAST = date(2026, 1, 5), date(2026, 7, 5)
NOW = datetime(2026, 7, 6, tzinfo=UTC)
LIVED_DAYS = 12
QUERY = {
    "period": "week",
    "total_intervals": WEEKS,
    "date_to": LAST.isoformat(),
    "target_event": "join",
    "returning_event": "message",
    "cohort_rule": "first_time",
    "definitions": ["stay", "classic", "rolling"],
    "days": list(DAYS),
}
Table = list[list[int | None]]
Rows = tuple[list[dict[str, Any]], ...]
# Wall and CPU seconds.
Seconds = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Season:
    """A history that ends the day before the last, its tally, and the file of all events for the full count."""

    events: int
    delta: int
    folder: Path
    source: Source
    log: Path


def cells(tally: Tally, _: Carried) -> Rows:
    """What the table is made of, as ``measure`` is given rows by its engine."""
    from qunflow.retention.tally.reading import cohort_rows

    return cohort_rows(tally, "week", LAST)


def table_of(all_rows: Rows) -> Table:
    """The same table the public engine gives; made of either's rows when the watch has stopped."""
    from qunflow.retention.cells import cells_of

    found: dict[date, list[int | None]] = {FIRST + timedelta(weeks=week): [] for week in range(WEEKS)}
    for rows in all_rows:
        for row in rows:
            line = found[row["cohort"]]
            line += [] if line else [row["size"]]
            line += [cell.people for cell in cells_of([row], "week", DAYS, LAST)]
    return [line or _nobody(start) for start, line in found.items()]


def _nobody(start: date) -> list[int | None]:
    due = [0 if start + timedelta(days=6 + k) <= LAST else None for k in DAYS]
    return [0, *due, *due, *due]


def whole_day(tally: Tally, carried: Carried) -> Rows:
    """All a daily run asks: cells, the activity matrix, the groups and what is odd."""
    from qunflow.retention.tally.reading import dirt_of, group_rows, leave_streaks, matrix_rows

    matrix_rows(tally, "week", LAST)
    group_rows(tally, LAST)
    leave_streaks(tally, LAST - timedelta(days=60), LAST)
    dirt_of(tally, LAST, carried.in_the_future)
    return cells(tally, carried)


def carried(season: Season, work: Callable[[Tally, Carried], Rows]) -> tuple[Table, Seconds, int]:
    """One run over the last day, from a tally that does not know it; seconds, and bytes written."""
    from qunflow.store.retention_state import carry_on

    tally = season.folder / "run"
    shutil.rmtree(tally, ignore_errors=True)
    shutil.copytree(season.folder / "tally", tally)
    os.sync()
    before = {path.name: path.stat().st_size for path in tally.iterdir()}
    started = time.perf_counter(), time.process_time()
    rows = carry_on(tally, season.source, work)
    spent = time.perf_counter() - started[0], time.process_time() - started[1]
    size = sum(path.stat().st_size - before.get(path.name, 0) for path in tally.iterdir())
    return table_of(rows), spent, size


def least(season: Season, size: int) -> Seconds:
    """What no run can do without: reading the columns of the day's file, appending so many bytes, one flush."""
    with season.source.store.reading() as conn:
        batches = season.source.history.batches(conn, LAST, LAST)
    content = os.urandom(size)
    with (season.folder / "least").open("wb", buffering=0) as file:
        started = time.perf_counter(), time.process_time()
        season.source.history.columns(batches, ["person_id", "group_id", "happened_at", "kind"])
        file.write(content)
        os.fdatasync(file.fileno())
        return time.perf_counter() - started[0], time.process_time() - started[1]


def counted(season: Season) -> tuple[Table, Seconds]:
    """Everything, by the public engine in DuckDB."""
    import duckdb
    import ibis

    from qunflow.retention import measure

    with duckdb.connect() as duck:
        duck.execute("SET TimeZone = 'UTC'")
        duck.read_parquet(str(season.log)).create_view("log")
        engine = _Watched(duck, ibis.to_sql)
        found = measure(ibis.duckdb.from_connection(duck).table("log"), QUERY, engine=engine, notes=False)
    return [list(row.counts) for row in found.rows], engine.running


class _Watched:
    """DuckDB with a watch on what it does itself."""

    name, version = "duckdb", "bench"

    def __init__(self, duck: Any, to_sql: Callable[[Any], object]) -> None:
        self._duck, self._to_sql = duck, to_sql
        self.running: Seconds = (0.0, 0.0)

    def rows(self, expression: Any) -> list[dict[str, Any]]:
        """Run an expression."""
        text = str(self._to_sql(expression))
        started = time.perf_counter(), time.process_time()
        found: list[dict[str, Any]] = self._duck.sql(text).to_arrow_table().to_pylist()
        spent = time.perf_counter() - started[0], time.process_time() - started[1]
        self.running = (self.running[0] + spent[0], self.running[1] + spent[1])
        return found


@contextmanager
def seasons(sizes: Sequence[int]) -> Iterator[list[Season]]:
    """Histories of these lengths before one last day, with tallies that have lived through the days before it."""
    import pyarrow.parquet as pq

    path = written(Path(tempfile.gettempdir()) / f"qunflow-bench-retention-{max(sizes)}-events.parquet", max(sizes))
    log = _with_a_usual_end(pq.read_table(path))
    day = _day(log)
    with tempfile.TemporaryDirectory() as folder:
        yield [_season(Path(folder) / str(size), log, day, size) for size in sizes]


def _day(log: pa.Table) -> Any:
    return (log.column("at").cast("int64").to_numpy() - FIRST_US) // DAY_US


def _with_a_usual_end(log: pa.Table) -> pa.Table:
    """
    The log with a last day as long as the mean of all, joins and leaves kept.

    Its people say all they have to say before the season ends, so its last days are longer than any real ones.
    """
    import numpy as np

    last = _day(log) == WEEKS * 7 - 1
    said = last & (log.column("event").to_numpy() == "message")
    spare = np.flatnonzero(said)
    usual = max(0, len(log) // (WEEKS * 7) - int(last.sum() - said.sum()))
    kept = np.ones(len(log), bool)
    kept[np.random.default_rng(6).choice(spare, max(0, len(spare) - usual), replace=False)] = False
    return log.filter(kept)


def _season(folder: Path, log: pa.Table, day: Any, size: int) -> Season:
    import pyarrow.parquet as pq

    from qunflow.retention.events import Scope
    from qunflow.store.engine import Store
    from qunflow.store.history import History
    from qunflow.store.migrate import upgrade
    from qunflow.store.retention_state import Source, carry_on

    folder.mkdir()
    last = int(day[-1])
    delta = int((day == last).sum())
    mine, day = log.slice(max(0, len(log) - size - delta)), day[max(0, len(log) - size - delta) :]
    pq.write_table(mine, folder / "log.parquet", compression="zstd", row_group_size=1_000_000)
    url = f"sqlite:///{folder / 'qunflow.sqlite3'}"
    upgrade(url)
    store = Store.open(url)
    history = History(folder / "history", store)
    source = Source(history, store, Scope("bench", (), True, LAST, NOW), ("message",), ZoneInfo("UTC"))
    edges = [int(edge) for edge in _edges(day, range(int(day[0]), last + 2))]
    for number, (start, end) in enumerate(pairwise(edges), int(day[0])):
        if number in (last - LIVED_DAYS, last):
            # The days before are read at once, the next ones day by day, the last one in the rounds.
            _lived(folder, source)
        if start < end:
            _append(history, store, mine.slice(start, end - start), number)
        if last - LIVED_DAYS <= number < last:
            carry_on(folder / "tally", source, whole_day)
    return Season(len(mine) - delta, delta, folder, source, folder / "log.parquet")


def _lived(folder: Path, source: Source) -> None:
    from qunflow.store.retention_state import carry_on

    carry_on(folder / "tally", source, whole_day)


def _edges(day: Any, numbers: range) -> Any:
    import numpy as np

    return np.searchsorted(day, list(numbers))


def _append(history: Any, store: Any, rows: pa.Table, number: int) -> None:
    """One visible file of a day; written without the checks of an append, which are not what is measured here."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from sqlalchemy import insert

    from qunflow.store.tables import history_batches

    count, local_day = len(rows), FIRST + timedelta(days=number)
    table = pa.table(
        {
            "happened_at": rows.column("at"),
            "local_day": pa.repeat(pa.scalar(local_day, pa.date32()), count),
            "kind": rows.column("event").cast("string"),
            "person_id": rows.column("actor"),
            "group_id": rows.column("group"),
            "channel": pa.repeat("", count),
            "amount": pa.repeat(0, count),
            "props": pa.repeat("{}", count),
        }
    )
    path = history.directory / f"day={local_day}" / "bench.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(table, path, compression="zstd")
    row = {
        **dict.fromkeys(("name", "source"), f"bench:{number}"),
        **dict.fromkeys(("first_day", "last_day"), local_day),
        "path": str(path.relative_to(history.directory)),
        "rows": count,
        "bytes": path.stat().st_size,
        "sha256": "",
        "recorded_at": NOW,
    }
    store.write(lambda conn: conn.execute(insert(history_batches), row))


def digest(table: Table) -> str:
    """The same for the same cells; the size of a cohort that is not over is left out, it is told differently."""
    return hashlib.md5(json.dumps(table).encode(), usedforsecurity=False).hexdigest()[:12]


def main(arguments: Sequence[str] = ()) -> int:
    """Print medians and ratios; 1 when the answers differ."""
    asked = _parsed(arguments)
    differs = 0
    per_event: dict[int, Seconds] = {}
    with seasons(asked.events) as all_seasons:
        found: dict[int, dict[str, list[Any]]] = {season.events: {} for season in all_seasons}
        for _ in range(asked.rounds + 1):
            for season in all_seasons:
                table, spent, size = carried(season, cells)
                runs = {
                    "cells": (table, spent, size),
                    "least": (table, least(season, size), size),
                    "whole day": carried(season, whole_day),
                    "full": (*counted(season), 0),
                }
                for name, run in runs.items():
                    found[season.events].setdefault(name, []).append(run)
        print(f"{asked.rounds} rounds after one to warm up; the last day has {all_seasons[0].delta:,} events")
        print(f"{'history':>12} {'way':<10} {'wall ms':>8} {'CPU ms':>8} {'written KB':>11} {'of full':>13}  digest")
        for season in all_seasons:
            middle = _told(season, found[season.events])
            differs |= len({digest(run[0]) for runs in found[season.events].values() for run in runs}) > 1
            per_event[season.events] = middle["cells"]
    short, long = min(per_event), max(per_event)
    wall, cpu = (per_event[long][place] / per_event[short][place] - 1 for place in (0, 1))
    print(f"per event of the day: wall {wall:+.0%}, CPU {cpu:+.0%} while the history grows {long / short:.0f}×")
    print("answers DIFFER" if differs else "answers equal")
    return int(differs)


def _told(season: Season, found: Mapping[str, list[Any]]) -> dict[str, Seconds]:
    """Print the lines of one history; its median seconds by way."""
    runs = {name: rounds[1:] for name, rounds in found.items()}
    wall, cpu = ({name: median(run[1][place] for run in rounds) for name, rounds in runs.items()} for place in (0, 1))
    for name, rounds in runs.items():
        ratio = "1" if name == "full" else "1/{:.0f} 1/{:.0f}".format(*(of["full"] / of[name] for of in (wall, cpu)))
        written_kb = median(run[2] for run in rounds) / 1024
        digests = "/".join(sorted({digest(run[0]) for run in rounds}))
        numbers = f"{wall[name] * 1000:>8.1f} {cpu[name] * 1000:>8.1f} {written_kb:>11,.0f} {ratio:>13}"
        print(f"{season.events:>12,} {name:<10} {numbers}  {digests}")
    return {name: (wall[name], cpu[name]) for name in runs}


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench incremental")
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args(list(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
