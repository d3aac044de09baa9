"""
``qunflow retention``: retention of a log straight from a file, or of the workspace's own history.

Reads the command line and the files; what is measured is said in ``qunflow.retention``, how it looks in
``retention_output``, where the history comes from in ``retention_history``. Only ``--out`` writes anything.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from qunflow.cli.options import WorkspaceOption
from qunflow.errors import BadInput

if TYPE_CHECKING:
    from qunflow.retention.measuring.query import Query
    from qunflow.retention.measuring.result import Measured

app = App(name="retention", help="从一份日志，或工作区自己的历史算留存表 (retention of a log)")

EngineOption = Annotated[
    str,
    Parameter(env_var="QUNFLOW_ENGINE", help="duckdb、polars、postgres、clickhouse 或 spark (what computes it)"),
]
EngineUrlOption = Annotated[
    str, Parameter(env_var="QUNFLOW_ENGINE_URL", help="postgres 或 spark 的地址 (address of the server)")
]


@app.default
def retention(
    *,
    events: Annotated[Path | None, Parameter(help="日志文件：Parquet、CSV、Excel 或 JSONL")] = None,
    history: Annotated[
        bool, Parameter(negative="", help="不读文件，算工作区自己的历史 (the workspace's history)")
    ] = False,
    workspace: WorkspaceOption = None,
    community: Annotated[str, Parameter(help="和 --history 一起：哪个社群；只有一个时可不写 (one community)")] = "",
    columns: Annotated[
        str, Parameter(name="--map", help="列对应：actor=…,event=…,at=…[,group=…,props=…]；默认列名就叫这些")
    ] = "",
    query: Annotated[Path | None, Parameter(help="查询（JSON）；留空则按首次事件分批")] = None,
    aliases: Annotated[Path | None, Parameter(help="同一个人的别名：JSON {别名: 本名} 或两列 CSV")] = None,
    period: Annotated[
        Literal["hour", "day", "week", "month"] | None, Parameter(help="没有查询时：按什么分批，默认 week")
    ] = None,
    kinds: Annotated[str, Parameter(help="没有查询时：哪些事件算，用逗号分开；留空表示全部")] = "",
    split_by: Annotated[
        str,
        Parameter(
            help="每批再分开：channel、inviter、entry、campaign、group_kind、owner，文件里可以是任何一列 (split)"
        ),
    ] = "",
    compare: Annotated[
        str, Parameter(help="把哪几批放在一起看，用逗号分开，如 2026-03-02,2026-03-09 (side by side)")
    ] = "",
    zone: Annotated[
        str, Parameter(help="没写时区的时间按哪个时区；没有查询时也按它分天，有查询时按查询里的 timezone")
    ] = "UTC",
    drop_duplicates: Annotated[bool, Parameter(negative="", help="完全相同的行只算一次")] = False,
    format: Annotated[Literal["table", "csv", "json", "html", "xlsx"], Parameter(help="输出格式")] = "table",  # noqa: A002
    out: Annotated[Path | None, Parameter(help="写到哪个文件；xlsx 一定要写 (where to)")] = None,
    engine: EngineOption = "duckdb",
    engine_url: EngineUrlOption = "",
) -> int:
    """
    Print retention by cohorts: of a log by a query or by the period of the first event, or of the own history.

    Cell 0 is the size of the cohort. A cell that has not come due is blank, 0 is a 0.
    """
    from qunflow.cli import retention_output

    retention_output.require_target(format, out)
    if history == (events is not None):
        raise BadInput("there must be one thing to measure", "give --events FILE, or --history for the workspace's own")
    if events is None:
        from qunflow.cli.retention_history import measured_history

        _require_unused(columns=columns, aliases=aliases, kinds=kinds)
        given = _json_query(query) if query else None
        found = measured_history(workspace, community, given, period or "", split_by, engine, engine_url)
    else:
        asked = _query(query) if query else _by_first_event(period or "week", kinds, zone)
        dropped = drop_duplicates or asked.drop_duplicates
        asked = replace(asked, drop_duplicates=dropped, split_by=split_by or asked.split_by)
        found = measured(events, columns, asked, _aliases(aliases), zone, engine, engine_url)
        if query is None:
            found = _with_somebody(found, events)
    names = [name.strip() for name in compare.split(",") if name.strip()]
    retention_output.hand_out(found, names, format, out)
    return 0


def _with_somebody(found: Measured, path: Path) -> Measured:
    found = replace(found, rows=tuple(row for row in found.rows if row.counts[0]))
    if not found.rows:
        raise BadInput(f"{path.name} has no event of these kinds", "check --kinds against the names in the file")
    return found


def _require_unused(**options: object) -> None:
    for name, value in options.items():
        if value:
            option = {"columns": "--map"}.get(name, f"--{name}")
            raise BadInput(f"{option} is about a file, and --history reads none", f"leave out {option}")


@app.command
def check(
    cases: Path,
    *,
    format: Annotated[Literal["table", "json"], Parameter(help="输出格式")] = "table",  # noqa: A002
    engine: EngineOption = "duckdb",
    engine_url: EngineUrlOption = "",
) -> int:
    """
    Hold our definitions against a file of cases: equal, or the first difference. Exit code 1 if any differs.

    A case has events, a query, identity_aliases and expected_counts; blank cells at the end of a row are ignored.
    """
    from qunflow.cli import retention_output

    verdicts = [_verdict(case, engine, engine_url) for case in _cases(cases)]
    if format == "json":
        print(json.dumps([verdict.as_json() for verdict in verdicts], ensure_ascii=False))
    else:
        print("\n".join(retention_output.verdict_line(verdict) for verdict in verdicts))
    return int(not all(verdict.equal for verdict in verdicts))


def measured(
    path: Path,
    columns: str,
    query: Query,
    aliases: Mapping[str, str],
    zone: str,
    engine: str,
    engine_url: str,
) -> Measured:
    """The table of a file. Raises: BadInput, ConfigurationError."""
    from qunflow.retention import measure
    from qunflow.retention.measuring.query import zone_named
    from qunflow.store.event_logs import open_log, parse_columns
    from qunflow.store.query_engines import placed

    meanings = parse_columns(columns) if columns else None
    log = open_log(path, meanings, zone_named(zone), query.properties)
    with placed(log, engine, engine_url) as (table, runs_on):
        found = measure(table, query, columns=log.columns, aliases=aliases, engine=runs_on)
    return replace(found, notes=log.notes + found.notes)


def _by_first_event(period: Literal["hour", "day", "week", "month"], kinds: str, zone: str) -> Query:
    from qunflow.retention.measuring.query import Query

    chosen = tuple(kind.strip() for kind in kinds.split(",") if kind.strip()) or None
    return Query(period=period, timezone=zone, target_event=chosen, returning_event=chosen, cohort_rule="first_time")


def _query(path: Path) -> Query:
    from qunflow.retention.measuring.query import read_query

    return read_query(_json_query(path))


def _json_query(path: Path) -> dict[str, Any]:
    given = _json(path)
    if not isinstance(given, dict):
        raise BadInput(f"{path.name} holds no query", 'write one JSON object, such as {"period": "week"}')
    return given


def _aliases(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    if path.suffix.lower() == ".json":
        given = _json(path)
        if not isinstance(given, dict):
            raise BadInput(f"{path.name} holds no aliases", 'write {"alias": "actor"}')
        return {str(alias): str(actor) for alias, actor in given.items()}
    return dict(_pairs(path))


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    rows = [row for row in csv.reader(_text(path).splitlines()) if row]
    for number, row in enumerate(rows):
        if len(row) != 2:
            raise BadInput(f"{path.name}, row {number + 1}: {len(row)} columns", "give two: alias,actor")
        if number or [cell.strip().lower() for cell in row] != ["alias", "actor"]:
            yield row[0], row[1]


def _cases(path: Path) -> list[Mapping[str, Any]]:
    given = _json(path)
    cases = given.get("cases") if isinstance(given, dict) else given
    if not isinstance(cases, list) or not all(_is_case(case) for case in cases):
        raise BadInput(
            f"{path.name} holds no cases", 'write {"cases": [{"name", "query", "events", "expected_counts"}]}'
        )
    return cases


def _is_case(case: object) -> bool:
    if not isinstance(case, dict) or not isinstance(case.get("query"), dict):
        return False
    events = case.get("events", [])
    return isinstance(events, list) and all(isinstance(event, dict) for event in events)


def _verdict(case: Mapping[str, Any], engine: str, engine_url: str) -> Any:
    from qunflow.cli.retention_output import Verdict
    from qunflow.retention import measure
    from qunflow.retention.measuring.query import read_query, zone_named
    from qunflow.store.event_logs import table_of
    from qunflow.store.query_engines import placed

    name = str(case.get("name", ""))
    try:
        query = read_query(case["query"])
        log = table_of(case.get("events", ()), zone_named("UTC"), query.properties)
        aliases = {str(k): str(v) for k, v in (case.get("identity_aliases") or {}).items()}
        with placed(log, engine, engine_url) as (table, runs_on):
            found = measure(table, query, columns=log.columns, aliases=aliases, engine=runs_on, notes=False)
    except BadInput as error:
        return Verdict(name, str(error), None, ())
    return Verdict.of(name, found, case.get("expected_first_interval_start"), case.get("expected_counts") or [])


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path.name}:{error.lineno}:{error.colno} is no JSON: {error.msg}", "mend the file") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read as UTF-8 text", "check the path and the file") from error
