"""
Cohorts and the activity matrix counted over a whole history by the public engine (``qunflow.retention.measure``).

The daily run carries a tally on instead (``tally``) and says the same; this is what it is held against, and the way
for a question that the tally was not made for. Which cells have come due is decided in ``cells``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir

from qunflow.retention import measure
from qunflow.retention.measuring.facts import Columns
from qunflow.retention.measuring.query import Query
from qunflow.retention.periods import Period, first_day
from qunflow.retention.tally.cells import DAYS

HISTORY = Columns("person_id", "happened_at", "kind", "group_id")
Rows = list[dict[str, Any]]


def cohort_rows(
    events: ir.Table, kinds: Sequence[str], period: Period, through: date, zone: str, days: Sequence[int] = DAYS
) -> tuple[Rows, Rows]:
    """
    Stay and classic retention by cohort of first joining.

    Args:
        events: columns of the history, none after ``through``.
        kinds: what counts as active.

    Returns:
        Twice rows with ``cohort`` (first day of the period), ``size`` and ``on_<k>`` in people, due or not.
    """
    query = _query(kinds, period, through, zone, target_event=("join",), definitions=("stay", "classic"))
    rows = [row for row in _measured(events, query, days=tuple(days)) if row.counts[0]]
    stay, classic = (
        [
            {
                "cohort": first_day(row.label),
                "size": row.counts[0],
                **{f"on_{k}": row.counts[1 + place + at] for at, k in enumerate(days)},
            }
            for row in rows
        ]
        for place in (0, len(days))
    )
    return stay, classic


def matrix_rows(events: ir.Table, kinds: Sequence[str], period: Period, through: date, zone: str) -> Rows:
    """
    Who acted, by the period of their first act and how many periods later they acted again.

    Returns:
        Rows with ``cohort`` (first day of the period), ``distance`` in periods and ``people``; none without people.
    """
    query = _query(kinds, period, through, zone, target_event=tuple(kinds), definitions=("matrix",))
    return [
        {"cohort": first_day(row.label), "distance": distance, "people": people}
        for row in _measured(events, query)
        for distance, people in enumerate(row.counts)
        if people
    ]


def _query(kinds: Sequence[str], period: Period, through: date, zone: str, **more: Any) -> dict[str, Any]:
    # Late enough for every cell to be counted: whether it may be shown is not decided here.
    all_known = through + timedelta(days=max(DAYS) + 33)
    return {
        "period": period,
        "timezone": zone,
        "date_to": through.isoformat(),
        "as_of": all_known.isoformat(),
        "returning_event": tuple(kinds),
        "cohort_rule": "first_time",
        **more,
    }


def _measured(events: ir.Table, query: dict[str, Any], **more: Any) -> Sequence[Any]:
    return measure(events, Query(**query, **more), columns=HISTORY, notes=False).rows
