"""
The log that retention is measured on: joins, leaves and messages of a season, in the order of time, always the same.

A fiftieth as many members as events, 200 members a group, 26 weeks; a third leave again; activity is
Pareto distributed. It is made in batches that are laid down by day and sorted day by day, so that memory grows with
the members and not with the events.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

WEEKS = 26
DAY_US = 86_400_000_000
# A Monday, 2026-01-05 00:00 UTC.
FIRST_US = 1_767_571_200_000_000
SPAN_US = WEEKS * 7 * DAY_US
JOIN, LEAVE, MESSAGE = 0, 1, 2
ROW_GROUP = 1_000_000
BATCH = 4_000_000
# Microseconds, members counted from 0, and what they did.
ROW = np.dtype([("at", np.int64), ("who", np.int32), ("what", np.int8)])
Rows = npt.NDArray[np.void]
SCHEMA = pa.schema(
    [
        ("actor", pa.int64()),
        ("event", pa.dictionary(pa.int8(), pa.string())),
        ("at", pa.timestamp("us", tz="UTC")),
        ("group", pa.int64()),
    ]
)


def written(path: Path, events: int) -> Path:
    """Write the log, unless it is there already."""
    if not path.is_file():
        unfinished = path.with_suffix(".part")
        with (
            TemporaryDirectory(dir=path.parent) as folder,
            pq.ParquetWriter(unfinished, SCHEMA, compression="zstd") as log,
        ):
            for rows in _full(_by_day(Path(folder), events)):
                log.write_table(_table(rows), ROW_GROUP)
        unfinished.rename(path)
    return path


def _batches(events: int) -> Iterator[Rows]:
    """All rows, in no order of time."""
    luck = np.random.default_rng(6)
    members = events // 50
    joined = FIRST_US + np.sort(luck.integers(0, SPAN_US, members))
    leavers = np.flatnonzero(luck.random(members) < 0.35)
    left = joined[leavers] + (luck.exponential(30 * DAY_US, len(leavers))).astype(np.int64)
    leavers, left = leavers[left < FIRST_US + SPAN_US], left[left < FIRST_US + SPAN_US]
    yield _rows(joined, np.arange(members), JOIN)
    yield _rows(left, leavers, LEAVE)
    weights = np.cumsum(luck.pareto(1.1, members) + 0.05)
    messages = events - members - len(leavers)
    for done in range(0, messages, BATCH):
        count = min(BATCH, messages - done)
        spoke = np.searchsorted(weights, luck.random(count) * weights[-1], side="right")
        ahead = FIRST_US + SPAN_US - joined[spoke]
        yield _rows(joined[spoke] + (ahead * luck.random(count) ** 2).astype(np.int64), spoke, MESSAGE)


def _rows(at: npt.NDArray[np.int64], who: npt.NDArray[np.int64], what: int) -> Rows:
    rows = np.empty(len(at), ROW)
    rows["at"], rows["who"], rows["what"] = at, who, what
    return rows


def _by_day(folder: Path, events: int) -> Iterator[Rows]:
    """The rows of one day after the other, in the order of time."""
    for batch in _batches(events):
        day = (batch["at"] - FIRST_US) // DAY_US
        ordered = batch[np.argsort(day, kind="stable")]
        edges = np.searchsorted(np.sort(day), np.arange(WEEKS * 7 + 1))
        for number in range(WEEKS * 7):
            with (folder / str(number)).open("ab") as file:
                ordered[edges[number] : edges[number + 1]].tofile(file)
    for number in range(WEEKS * 7):
        rows = np.fromfile(folder / str(number), ROW)
        yield rows[np.argsort(rows["at"], kind="stable")]


def _full(days: Iterator[Rows]) -> Iterator[Rows]:
    """The same rows, a row group at a time."""
    waiting = np.empty(0, ROW)
    for rows in days:
        waiting = np.concatenate([waiting, rows])
        while len(waiting) >= ROW_GROUP:
            yield waiting[:ROW_GROUP]
            waiting = waiting[ROW_GROUP:]
    if len(waiting):
        yield waiting


def _table(rows: Rows) -> pa.Table:
    who = rows["who"].astype(np.int64)
    names = pa.DictionaryArray.from_arrays(pa.array(rows["what"]), ["join", "leave", "message"])
    at = pa.array(rows["at"], pa.timestamp("us", tz="UTC"))
    return pa.table({"actor": who + 1, "event": names, "at": at, "group": who // 200 + 1}, SCHEMA)
