"""Equal rows are found stretch by stretch, so that many rows do not need much memory."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from qunflow.retention import measure
from qunflow.retention.measuring import quality

FIRST = datetime(2026, 3, 2, tzinfo=UTC)


def test_many_rows_are_counted_in_parts_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of one instant, a clock in 1970, one beyond 9999 and rows without an instant: the sum of parts is exact."""
    luck = random.Random(4)
    at = [FIRST + timedelta(minutes=luck.randrange(300)) for _ in range(400)]
    at += [FIRST] * 60 + [datetime(1970, 1, 1, tzinfo=UTC)] * 2
    times = [int(each.timestamp() * 1_000_000) for each in at] + [9_000_000_000_000_000_00] * 2 + [None] * 90
    actors = [luck.choice("abc") for _ in times]
    table = pa.table({"actor": actors, "at": pa.array(times, pa.timestamp("us", tz="UTC"))})
    good = [row for row in zip(actors, times, strict=True) if row[1] is not None]
    monkeypatch.setattr(quality, "SLICE_ROWS", 50)

    found = measure(table, {"period": "day", "total_intervals": 2, "date_to": "2026-03-03"})

    equal = sum(times - 1 for times in Counter(good).values())
    assert {note.kind: note.count for note in found.notes} == {"no_instant": 90, "duplicate_rows": equal}


def test_a_stretch_of_time_is_halved_until_its_parts_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """No part holds more than it may, unless all of it is one instant, and empty parts are left out."""
    instants = [0, 1, 1, 1, 1, 1, 1_000, 1_001, 9_999]
    monkeypatch.setattr(quality, "SLICE_ROWS", 3)

    def rows_of(part: quality.Stretch) -> int:
        return sum(part[0] <= at < part[1] for at in instants)

    parts = list(quality.stretches(len(instants), (0, 10_000), rows_of))

    assert sum(map(rows_of, parts)) == len(instants)
    assert all(0 < rows_of(part) <= 3 or part == (1, 2) for part in parts)
