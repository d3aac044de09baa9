"""
``qunflow retention``: the activity matrix of a log, straight from a file and without a workspace.

Shares reading and rules with the import and the retention flow, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from qunflow.errors import BadInput

if TYPE_CHECKING:
    import ibis.expr.types as ir

Matrix = Mapping[str, Mapping[int, int]]


def retention(
    *,
    events: Annotated[Path, Parameter(help="日志文件:Parquet、CSV、Excel 或 JSONL")],
    columns: Annotated[str, Parameter(name="--map", help="列对应:actor=…,event=…,at=…")],
    period: Annotated[Literal["day", "week", "month"], Parameter(help="按天、周(周一起)或月")] = "week",
    kinds: Annotated[str, Parameter(help="哪些事件算活跃,用逗号分开;留空表示全部")] = "",
    zone: Annotated[str, Parameter(help="按哪个时区分天,没写时区的时间也按它")] = "UTC",
    format: Annotated[Literal["table", "csv", "json"], Parameter(help="输出格式")] = "table",  # noqa: A002
) -> int:
    """
    Print the activity matrix of a log: cohorts by the period of the first event, cells by periods later.

    Events keep the names they have in the file. Cell 0 is the size of the cohort; a cell without people is 0.
    """
    found = measured(events, columns, period, tuple(filter(None, kinds.split(","))), ZoneInfo(zone))
    if not found:
        raise BadInput(f"{events.name} has no event of these kinds", "check --kinds against the names in the file")
    {"json": _print_json, "csv": _print_csv, "table": _print_table}[format](found)
    return 0


def measured(
    path: Path, columns: str, period: Literal["day", "week", "month"], kinds: tuple[str, ...], zone: ZoneInfo
) -> Matrix:
    """The matrix of a file: cohort label → distance → people. Raises: BadInput."""
    from qunflow.retention.cohorts import activity_matrix
    from qunflow.retention.periods import label_of

    events = _events(path, columns, zone)
    chosen = kinds or tuple(events.kind.topk(10_000).to_pandas()["kind"])
    matrix: dict[str, dict[int, int]] = {}
    for row in activity_matrix(events, chosen, period).to_pandas().itertuples():
        matrix.setdefault(label_of(row.cohort.date(), period), {})[int(row.distance)] = int(row.people)
    return matrix


def _events(path: Path, columns: str, zone: ZoneInfo) -> ir.Table:
    import duckdb
    import ibis
    import pyarrow as pa

    from qunflow.store.importing.files import read_table
    from qunflow.store.importing.mapping import parse_map, require_columns
    from qunflow.store.importing.rows import judge

    mapping, table = parse_map(columns), read_table(path)
    require_columns(mapping, table.columns, path.name)
    good = judge(table.frame, mapping, {}, zone, datetime.max.replace(tzinfo=UTC)).good
    frame = good.assign(
        kind=good["event"],
        person_id=good["actor"].factorize()[0],
        local_day=good["happened_at"].dt.tz_convert(zone).dt.date,
    )
    shown = pa.Table.from_pandas(frame[["kind", "person_id", "local_day"]], preserve_index=False)
    connection = duckdb.connect()
    connection.register("events", shown)
    return ibis.duckdb.from_connection(connection).table("events")


def _print_json(matrix: Matrix) -> None:
    import json

    print(json.dumps({"labels": list(matrix), "counts": _square(matrix)}, indent=None))


def _print_csv(matrix: Matrix) -> None:
    print(",".join(["cohort", *map(str, range(_width(matrix)))]))
    for label, cells in zip(matrix, _square(matrix), strict=True):
        print(",".join([label, *map(str, cells)]))


def _print_table(matrix: Matrix) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("cohort", *map(str, range(_width(matrix))))
    for label, cells in zip(matrix, _square(matrix), strict=True):
        table.add_row(label, *(str(cell) if cell else "" for cell in cells))
    Console(soft_wrap=True).print(table)


def _width(matrix: Matrix) -> int:
    return 1 + max(distance for cells in matrix.values() for distance in cells)


def _square(matrix: Mapping[str, Any]) -> list[list[int]]:
    width = _width(matrix)
    return [[cells.get(distance, 0) for distance in range(width)] for cells in matrix.values()]
