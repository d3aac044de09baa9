"""
Retention 留存: who is still there, who still moves, and which group needs a person's eye.

Everything here is a rule: Ibis expressions over the event history, frozen values and arithmetic. Which engine runs an
expression, what time it is and where figures are kept are decided by the callers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa

    from qunflow.retention.measuring.facts import Columns
    from qunflow.retention.measuring.measure import Engine
    from qunflow.retention.measuring.query import Query
    from qunflow.retention.measuring.result import Measured


def measure(
    events: ir.Table | pd.DataFrame | pa.Table,
    query: Query | Mapping[str, Any],
    *,
    columns: Columns | None = None,
    aliases: Mapping[str, str] | None = None,
    engine: Engine | None = None,
    notes: bool = True,
) -> Measured:
    """
    Measure retention by one query.

    Args:
        events: one row an event: who, when (instants; no zone means UTC) and, where the query names kinds, what. An
            Ibis table stays where it is and is measured there; a frame is measured by DuckDB.
        query: a ``Query``, or its fields as JSON gives them.
        columns: which column means what; by default ``actor``, ``at`` and, if it is there, ``event`` and ``group``.
        aliases: other names of an actor → the name meant; chains are followed to the end.
        engine: what runs the expressions, when the table itself is bound to none.
        notes: count what is odd in the events, too: one more pass.

    Raises:
        BadInput: a query or events that do not fit, naming what and how to mend it.
    """
    from qunflow.retention.measuring.facts import Columns
    from qunflow.retention.measuring.measure import measured
    from qunflow.retention.measuring.query import Query, read_query

    asked = query if isinstance(query, Query) else read_query(query)
    has = _names(events)
    named = columns or Columns(event="event" if "event" in has else None, group="group" if "group" in has else None)
    return measured(events, asked, columns=named, aliases=aliases or {}, engine=engine, with_notes=notes)


def _names(events: ir.Table | pd.DataFrame | pa.Table) -> list[str]:
    import pyarrow as pa

    return list(events.column_names if isinstance(events, pa.Table) else events.columns)
