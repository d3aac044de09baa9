"""
The log that retention is measured on: joins, leaves and messages of a season, in the order of time, always the same.

A fiftieth as many members as events, 200 members a group, 26 weeks; a third leave again; activity is
Pareto distributed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WEEKS = 26
_WEEK_US = 7 * 86_400_000_000
# A Monday, 2026-01-05 00:00 UTC.
FIRST_US = 1_767_571_200_000_000
SPAN_US = WEEKS * _WEEK_US
JOIN, LEAVE, MESSAGE = 0, 1, 2
ROW_GROUP = 1_000_000


def written(path: Path, events: int) -> Path:
    """Write the log, unless it is there already."""
    if not path.is_file():
        unfinished = path.with_suffix(".part")
        pq.write_table(_log(events), unfinished, compression="zstd", row_group_size=ROW_GROUP)
        unfinished.rename(path)
    return path


def _log(events: int) -> pa.Table:
    luck = np.random.default_rng(6)
    members = events // 50
    groups = np.arange(members, dtype=np.int64) // 200 + 1
    joined = FIRST_US + np.sort(luck.integers(0, SPAN_US, members))
    leavers = np.flatnonzero(luck.random(members) < 0.35)
    left = joined[leavers] + (luck.exponential(30 * 86_400e6, len(leavers))).astype(np.int64)
    leavers, left = leavers[left < FIRST_US + SPAN_US], left[left < FIRST_US + SPAN_US]
    weights = luck.pareto(1.1, members) + 0.05
    spoke = luck.choice(members, events - members - len(leavers), p=weights / weights.sum())
    said = joined[spoke] + ((FIRST_US + SPAN_US - joined[spoke]) * luck.random(len(spoke)) ** 2).astype(np.int64)
    who = np.concatenate([np.arange(members), leavers, spoke])
    at = np.concatenate([joined, left, said])
    what = np.repeat(np.array([JOIN, LEAVE, MESSAGE], dtype=np.int8), [members, len(leavers), len(spoke)])
    order = np.argsort(at, kind="stable")
    who, at, what = who[order], at[order], what[order]
    return pa.table(
        {
            "actor": who + 1,
            "event": pa.DictionaryArray.from_arrays(pa.array(what), ["join", "leave", "message"]),
            "at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "group": groups[who],
        }
    )
