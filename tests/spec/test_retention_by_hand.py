"""Random logs with renamed columns, repeated rows and changing clocks, against loops that share no code."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from qunflow.retention import measure
from qunflow.retention.measuring.facts import Columns
from tests.spec.retention_by_hand import Row, counted

# Each with its clock changed in the time of the logs: by an hour, by half an hour, at midnight, or not at all.
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kolkata",
    "Asia/Shanghai",
)
CHANGES = (
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
)
SPAN = {
    "hour": timedelta(hours=14),
    "day": timedelta(days=12),
    "week": timedelta(days=60),
    "month": timedelta(days=200),
}
SEEDS = range(50)
KINDS = ("join", "leave", "message", "checkin")
RENAMED = Columns(actor="成员 id", at="at", event="select", group="from")


def a_log(luck: random.Random, around: datetime, span: timedelta) -> list[Row]:
    """Some 200 events of people who came one after the other, a third at full seconds, some rows twice."""
    rows: list[Row] = []
    came = {f"p{number}": luck.random() * 1.2 for number in range(luck.randint(8, 25))}
    for _ in range(luck.randint(80, 300)):
        who = luck.choice(list(came))
        when = around + span * (came[who] + luck.random() ** 2 * 0.6 - 1.2)
        when = when.replace(microsecond=0) if luck.random() < 0.3 else when
        rows.append((who, luck.choice(KINDS), when, luck.choice(("g1", "g2"))))
        if luck.random() < 0.1:
            rows.append(rows[-1])
    luck.shuffle(rows)
    return rows


def a_query(luck: random.Random, around: datetime, period: str) -> dict[str, Any]:
    """A matrix query with every field drawn by lot."""
    zone = luck.choice(ZONES if period != "hour" else tuple(zone for zone in ZONES if zone != "Australia/Lord_Howe"))
    query = {
        "period": period,
        "total_intervals": luck.randint(4, 12),
        "date_to": around.replace(tzinfo=None).isoformat(),
        "timezone": zone,
        "week_start": luck.choice(("monday", "sunday")),
        "target_event": luck.choice((None, "join", ["join", "checkin"])),
        "returning_event": luck.choice((None, "message", ["message", "checkin"])),
        "cohort_rule": luck.choice(("recurring", "first_time")),
        "cumulative": luck.random() < 0.3,
        "minimum_occurrences": luck.choice((1, 1, 1, 2)),
        "drop_duplicates": luck.random() < 0.3,
    }
    if luck.random() < 0.3:
        query["as_of"] = (around - SPAN[period] * luck.random() * 0.3).replace(tzinfo=None).isoformat()
    return query


def by_days(luck: random.Random, query: dict[str, Any]) -> dict[str, Any]:
    """The same question by days after each one's start."""
    wanted = luck.sample(["stay", "classic", "rolling", "bracket"], luck.randint(1, 4))
    made = {**query, "definitions": wanted, "days": [0, 1, 3, 7], "brackets": [(1, 2), (3, 7)], "cumulative": False}
    made["windows"] = luck.choice(("calendar", "exact_24h"))
    made["as_of"] = (datetime.fromisoformat(query["date_to"]) + timedelta(days=luck.randint(0, 15))).isoformat()
    return made if "stay" not in wanted or made["target_event"] else {**made, "target_event": "join"}


def table_of(rows: list[Row]) -> pa.Table:
    """The rows as a table whose columns have other names, one of them reserved in SQL."""
    columns: list[Any] = [list(values) for values in zip(*rows, strict=True)]
    at = pa.array(columns[2], pa.timestamp("us", tz="UTC"))
    return pa.table({"成员 id": columns[0], "select": columns[1], "at": at, "from": columns[3]})


def found(rows: list[Row], query: dict[str, Any]) -> list[list[int | None]]:
    return [list(row.counts) for row in measure(table_of(rows), query, columns=RENAMED, notes=False).rows]


def drawn(seed: int) -> tuple[list[Row], list[dict[str, Any]]]:
    """A log and what is asked of it: a matrix, and columns by days."""
    luck = random.Random(seed)
    period, around = luck.choice(tuple(SPAN)), luck.choice(CHANGES)
    rows = a_log(luck, around, SPAN[period])
    query = a_query(luck, around, period)
    return rows, [query, by_days(luck, query)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_log_gives_what_loops_give(seed: int) -> None:
    """The matrix and the columns by days of a log drawn by lot, cell for cell."""
    rows, queries = drawn(seed)
    for query in queries:
        assert found(rows, query) == counted(rows, query), query


def test_the_random_logs_say_something() -> None:
    """People come back in nearly all of them, and some cells of theirs are blank: zeros alone would prove nothing."""
    cells = [counted(rows, query) for rows, queries in map(drawn, SEEDS) for query in queries]

    assert sum(any(cell for line in table for cell in line[1:]) for table in cells) >= 90
    assert sum(any(None in line for line in table) for table in cells) >= 30
