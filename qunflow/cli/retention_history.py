"""
``qunflow retention --history``: the workspace's own history of one community as a log to measure.

It needs the database, the history and the workspace only; nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qunflow.clock import SystemClock, local_day
from qunflow.errors import BadInput

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from sqlalchemy import Connection

    from qunflow.retention.measuring.query import Query
    from qunflow.retention.measuring.result import Measured
    from qunflow.settings.workspace import Community, Workspace
    from qunflow.store.history import History

    Given = Mapping[str, Any] | None


def measured_history(
    workspace: Path | None, community: str, given: Given, period: str, split_by: str, engine: str, engine_url: str
) -> Measured:
    """
    The table of a community's history.

    Args:
        community: its key; may be left out where there is one only.
        given: a query as JSON gives it; without one stay and activity of those who joined first in each ``period``.
            Where it names no zone, days are those of the community.
        split_by: one of the store's dimensions; empty: none.

    Raises:
        BadInput: a query or dimension that does not fit.
        ConfigurationError: no such community.
    """
    from qunflow.cli.report import opened_source
    from qunflow.settings.environment import load_environment
    from qunflow.store.history import History

    now = SystemClock().now()
    with opened_source(workspace) as source:
        chosen = _chosen(source.workspace, community)
        history = History(load_environment(source.directory).history_dir, source.store)
        with source.store.reading() as conn:
            query = _asked(given, chosen, period, _known_until(conn, chosen, now))
            query = replace(query, split_by=split_by) if split_by else query
            events = _events(conn, history, source.workspace, chosen, query, now)
            found = _measured(events, query, engine, engine_url)
    # A part that nobody of a cohort belongs to says nothing; a cohort that nobody joined does.
    return replace(
        found, rows=tuple(row for row in found.rows if row.counts[0] != 0 or not found.definition["split_by"])
    )


def _known_until(conn: Connection, community: Community, now: datetime) -> datetime:
    """When a stage last looked: of what came later nothing is known, not even that nobody left."""
    from sqlalchemy import func, select

    from qunflow.store.tables import runs

    query = select(func.max(runs.c.finished_at)).where(runs.c.community == community.key)
    last = conn.execute(query).scalar()
    return min(now, last) if last else now


def _chosen(workspace: Workspace, key: str) -> Community:
    if key:
        return workspace.community(key)
    if len(workspace.communities) == 1:
        return workspace.communities[0]
    names = ", ".join(one.key for one in workspace.communities)
    raise BadInput(f"the workspace has {len(workspace.communities)} communities", f"name one: --community {names}")


def _asked(given: Given, community: Community, period: str, as_of: datetime) -> Query:
    from qunflow.retention.measuring.query import read_query

    usual = {
        "period": period or community.retention.period,
        "target_event": "join",
        "returning_event": list(community.retention.active_kinds),
        "cohort_rule": "first_time",
        "definitions": ["stay", "classic"],
        "as_of": as_of.isoformat(),
    }
    return read_query({"timezone": community.zone, **(usual if given is None else given)})


def _events(
    conn: Connection, history: History, workspace: Workspace, community: Community, query: Query, now: datetime
) -> ir.Table:
    from qunflow.retention.events import Scope, counted
    from qunflow.store.members import groups_of
    from qunflow.store.retention_dimensions import DIMENSIONS, split_events

    scope = Scope(
        community=community.key,
        group_ids=tuple(group.group_id for group in groups_of(conn, community.key)),
        alone=len(workspace.communities) == 1,
        day=local_day(now, community.zone_info),
        now=now,
    )
    events = counted(history.table(), scope)
    for name in query.properties:
        if name in DIMENSIONS:
            events = split_events(events, name, conn, community)
    if query.split_by and query.split_by not in DIMENSIONS and query.split_by not in events.columns:
        # Told here with the names there are, instead of a table of one nameless part.
        return split_events(events, query.split_by, conn, community)
    return events


def _measured(events: ir.Table, query: Query, engine: str, engine_url: str) -> Measured:
    from qunflow.retention import measure
    from qunflow.retention.whole import HISTORY
    from qunflow.store.event_logs import EventLog
    from qunflow.store.query_engines import placed

    if engine == "duckdb":
        return measure(events, query, columns=HISTORY)
    with placed(EventLog(HISTORY, table=events.to_pyarrow()), engine, engine_url) as (table, runs_on):
        return measure(table, query, columns=HISTORY, engine=runs_on)
