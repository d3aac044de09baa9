"""
Figures: the numbers the stages compute, each with the day it is about and the instant it was computed.

A figure that changes is not overwritten: the old one keeps the instant at which it was revised, so a report of
yesterday can be printed again as it was, and a late event shows as a revision.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, insert, or_, select, update

from qunflow.errors import BadInput
from qunflow.store.engine import lock
from qunflow.store.rows import chunks
from qunflow.store.tables import figures

Unit = Literal["count", "rate", "fen", "days", "seconds", "text"]
Value = float | int | str | None
Key = tuple[str, str, str, date, str]


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One number.

    Args:
        dimensions: what it is broken down by, such as ``{"channel": "poster-a"}``.
        as_of: the local day it is about.
        value: ``None`` while its window has not passed (immature): shown blank, never 0.
        numerator, denominator: what a rate is made of.
        source: where it is known from, such as ``history`` or ``wecom:roster``.
    """

    community: str
    stage: str
    name: str
    as_of: date
    value: Value
    unit: Unit
    source: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    numerator: int | None = None
    denominator: int | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A figure with the time during which it was the current one; ``superseded_at`` is ``None`` for the last."""

    figure: Figure
    recorded_at: datetime
    superseded_at: datetime | None


def record(conn: Connection, new: Sequence[Figure], at: datetime) -> int:
    """
    Keep figures: one that says the same as the current one changes nothing, another one revises it.

    Returns:
        How many are new or revised.

    Raises:
        BadInput: for a value that is not a finite number, or a text where the unit is not text.
    """
    lock(conn, "figures")
    # Of two figures with one key in the same call the last counts, as if they had been recorded in turn.
    rows = {_key(figure): _row(figure) for figure in new}
    known = _current_rows(conn, new)
    changed = {key: row for key, row in rows.items() if not _same(known.get(key), row)}
    superseded = [known[key].figure_id for key in changed if key in known]
    for part in chunks(superseded):
        conn.execute(update(figures).where(figures.c.figure_id.in_(part)).values(superseded_at=at))
    if changed:
        conn.execute(insert(figures), [{**row, "recorded_at": at} for row in changed.values()])
    return len(changed)


def record_day(conn: Connection, community: str, stage: str, as_of: date, new: Sequence[Figure], at: datetime) -> int:
    """
    Keep the figures of a stage's day as a whole: those it had before and has no more are superseded, not replaced.

    Returns:
        How many are new, revised or superseded.
    """
    changed = record(conn, new, at)
    kept = {(figure.name, _dimensions(figure)) for figure in new}
    rows = conn.execute(
        select(figures.c.figure_id, figures.c.name, figures.c.dimensions).where(
            figures.c.community == community,
            figures.c.stage == stage,
            figures.c.as_of == as_of,
            figures.c.superseded_at.is_(None),
        )
    )
    gone = [row.figure_id for row in rows if (row.name, row.dimensions) not in kept]
    for part in chunks(gone):
        conn.execute(update(figures).where(figures.c.figure_id.in_(part)).values(superseded_at=at))
    return changed + len(gone)


def current(
    conn: Connection,
    community: str,
    stage: str | None = None,
    as_of: date | None = None,
    *,
    name: str | None = None,
    known_at: datetime | None = None,
) -> list[Figure]:
    """
    The figures that hold now, or those that held at ``known_at``.

    Ordered by stage, name, day and dimensions.
    """
    query = select(figures).where(figures.c.community == community)
    for column, wanted in ((figures.c.stage, stage), (figures.c.as_of, as_of), (figures.c.name, name)):
        query = query if wanted is None else query.where(column == wanted)
    found = (_figure(row) for row in conn.execute(_held(query, known_at)))
    # Ordered here, because databases do not agree on the order of texts.
    return sorted(found, key=lambda one: (one.stage, one.name, one.as_of, sorted(one.dimensions.items())))


def revisions(conn: Connection, community: str, name: str, as_of: date) -> list[Revision]:
    """Every version of the figures of one name and day, oldest first."""
    query = (
        select(figures)
        .where(figures.c.community == community, figures.c.name == name, figures.c.as_of == as_of)
        .order_by(figures.c.recorded_at, figures.c.figure_id)
    )
    return [Revision(_figure(row), row.recorded_at, row.superseded_at) for row in conn.execute(query)]


def _held(query: Select[Any], known_at: datetime | None) -> Select[Any]:
    if known_at is None:
        return query.where(figures.c.superseded_at.is_(None))
    later = or_(figures.c.superseded_at.is_(None), figures.c.superseded_at > known_at)
    return query.where(figures.c.recorded_at <= known_at, later)


def _current_rows(conn: Connection, new: Sequence[Figure]) -> dict[Key, Any]:
    found: dict[Key, Any] = {}
    for community, stage in sorted({(figure.community, figure.stage) for figure in new}):
        days = sorted({figure.as_of for figure in new if (figure.community, figure.stage) == (community, stage)})
        for part in chunks(days):
            query = select(figures).where(
                figures.c.community == community, figures.c.stage == stage, figures.c.as_of.in_(part)
            )
            for row in conn.execute(query.where(figures.c.superseded_at.is_(None))):
                found[(row.community, row.stage, row.name, row.as_of, row.dimensions)] = row
    return found


def _key(figure: Figure) -> Key:
    return figure.community, figure.stage, figure.name, figure.as_of, _dimensions(figure)


def _dimensions(figure: Figure) -> str:
    return json.dumps(dict(figure.dimensions), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _row(figure: Figure) -> dict[str, Any]:
    return {
        "community": figure.community,
        "stage": figure.stage,
        "name": figure.name,
        "dimensions": _dimensions(figure),
        "as_of": figure.as_of,
        "value": _stored(figure),
        "numerator": None if figure.numerator is None else int(figure.numerator),
        "denominator": None if figure.denominator is None else int(figure.denominator),
        "unit": figure.unit,
        "source": figure.source,
    }


def _same(known: Any, row: Mapping[str, Any]) -> bool:
    compared = ("value", "numerator", "denominator", "unit", "source")
    return known is not None and all(getattr(known, name) == row[name] for name in compared)


def _stored(figure: Figure) -> str | None:
    value = figure.value
    if value is None:
        return None
    if figure.unit == "text" and isinstance(value, str):
        return value
    if isinstance(value, str) or figure.unit == "text" or not math.isfinite(value):
        raise BadInput(
            f"the figure {figure.name} has the value {value!r}, which is no {figure.unit}",
            "give a finite number, or nothing while it is not mature",
        )
    whole = float(value).is_integer() and figure.unit != "rate"
    return str(int(value)) if whole else repr(float(value))


def _figure(row: Any) -> Figure:
    return Figure(
        community=row.community,
        stage=row.stage,
        name=row.name,
        as_of=row.as_of,
        value=_read(row.value, row.unit),
        unit=row.unit,
        source=row.source,
        dimensions=json.loads(row.dimensions),
        numerator=row.numerator,
        denominator=row.denominator,
    )


def _read(stored: str | None, unit: str) -> Value:
    if stored is None or unit == "text":
        return stored
    return float(stored) if unit == "rate" or not stored.lstrip("-").isdigit() else int(stored)
