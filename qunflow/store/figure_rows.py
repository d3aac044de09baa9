"""
One figure as a value and as a row of the table; what is done with figures is ``qunflow.store.figures``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from qunflow.errors import BadInput

Unit = Literal["count", "rate", "fen", "days", "seconds", "text"]
Value = float | int | str | None
Key = tuple[str, str, str, date, str]
NUMBERS = ("value", "numerator", "denominator")


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
        grade: A to D, how complete its day's data are; ``None`` when nobody has graded them. It is read only: the
            store puts it beside the figure, and it makes no difference between two figures.
        grade_before: the grade of the day before, where nobody graded the figure's own day yet; read only like it.
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
    grade: str | None = field(default=None, compare=False)
    grade_before: str | None = field(default=None, compare=False)


def dimensions_text(figure: Figure) -> str:
    """The dimensions as one text, the same for any order."""
    return json.dumps(dict(figure.dimensions), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def key_of(figure: Figure) -> Key:
    """What makes a figure one of its own."""
    return figure.community, figure.stage, figure.name, figure.as_of, dimensions_text(figure)


def key_of_row(row: Any) -> Key:
    """``key_of`` for a row of the table."""
    return row.community, row.stage, row.name, row.as_of, row.dimensions


def row_of(figure: Figure) -> dict[str, Any]:
    """
    A figure as a row, without the instant and the grade.

    Raises:
        BadInput: for a value that is not a finite number, or a text where the unit is not text.
    """
    return {
        "community": figure.community,
        "stage": figure.stage,
        "name": figure.name,
        "dimensions": dimensions_text(figure),
        "as_of": figure.as_of,
        "value": _stored(figure),
        "numerator": None if figure.numerator is None else int(figure.numerator),
        "denominator": None if figure.denominator is None else int(figure.denominator),
        "unit": figure.unit,
        "source": figure.source,
    }


def figure_of(row: Any) -> Figure:
    """A row as a figure."""
    return Figure(
        community=row.community,
        stage=row.stage,
        name=row.name,
        as_of=row.as_of,
        value=read_value(row.value, row.unit),
        unit=row.unit,
        source=row.source,
        dimensions=json.loads(row.dimensions),
        numerator=row.numerator,
        denominator=row.denominator,
        grade=row.grade,
    )


def read_value(stored: str | None, unit: str) -> Value:
    """A value as it was before it was stored."""
    if stored is None or unit == "text":
        return stored
    return float(stored) if unit == "rate" or not stored.lstrip("-").isdigit() else int(stored)


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
