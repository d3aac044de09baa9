"""
The grade beside a figure: how complete the data of its community's day, or of its group's, are known to be.

The grades themselves are figures named ``completeness``, made by ``qunflow.runtime.completeness``. A day is graded
after it is over, so open figures take the grade up when it becomes known; a final figure keeps the one it has, and
takes one only while it has none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from qunflow.store.figure_rows import Figure
from qunflow.store.rows import chunks
from qunflow.store.tables import figures

NAME = "completeness"


@dataclass(frozen=True, slots=True)
class Grades:
    """What is known of one community's day: its letter, and the letter of each group."""

    community: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)

    def of(self, dimensions: Mapping[str, str]) -> str | None:
        """The grade of a figure with these dimensions; ``None`` when nobody graded what it is about."""
        group = dimensions.get("group")
        return self.community if group is None else self.groups.get(group)


def grades_on(conn: Connection, community: str, days: Iterable[date]) -> dict[date, Grades]:
    """The grades of some local days as they are known now; every day asked for has an entry."""
    asked = sorted(set(days))
    letters: dict[date, dict[str | None, str]] = {day: {} for day in asked}
    for part in chunks(asked):
        query = select(figures.c.as_of, figures.c.dimensions, figures.c.value).where(
            figures.c.community == community,
            figures.c.name == NAME,
            figures.c.as_of.in_(part),
            figures.c.superseded_at.is_(None),
        )
        for row in conn.execute(query):
            letters[row.as_of][json.loads(row.dimensions).get("group")] = row.value
    return {
        day: Grades(found.get(None), {group: letter for group, letter in found.items() if group is not None})
        for day, found in letters.items()
    }


def grade_behind(conn: Connection, community: str, day: date) -> tuple[date, str | None]:
    """
    The community's grade that figures about a day stand on, and the day it is of.

    While a day goes on it cannot be graded: what is told of it then stands on the day before.
    """
    before = day - timedelta(days=1)
    known = grades_on(conn, community, [before, day])
    found = next((one for one in (day, before) if known[one].community), day)
    return found, known[found].community


def with_day_before(conn: Connection, community: str, found: Sequence[Figure]) -> list[Figure]:
    """Figures nobody graded get the grade of the day before: while a day goes on, what is told of it stands on that."""
    ungraded = {one.as_of for one in found if one.grade is None and one.name != NAME}
    before = grades_on(conn, community, {day - timedelta(days=1) for day in ungraded})
    return [
        replace(one, grade_before=before[one.as_of - timedelta(days=1)].of(one.dimensions))
        if one.grade is None and one.name != NAME
        else one
        for one in found
    ]


def graded(conn: Connection, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of figures with the grade that is known beside each; a grade itself has none."""
    rows = list(rows)
    known = {
        community: grades_on(conn, community, {row["as_of"] for row in rows if row["community"] == community})
        for community in {row["community"] for row in rows}
    }
    return [{**row, "grade": _of(row, known[row["community"]][row["as_of"]])} for row in rows]


def _of(row: Mapping[str, Any], known: Grades) -> str | None:
    return None if row["name"] == NAME else known.of(json.loads(row["dimensions"]))


def carry(conn: Connection, community: str, days: Iterable[date], *, is_final: bool) -> None:
    """Put the grades of days beside the figures that are current for them; final ones that have a grade keep it."""
    for day, known in grades_on(conn, community, days).items():
        current = select(figures.c.figure_id, figures.c.dimensions, figures.c.grade).where(
            figures.c.community == community,
            figures.c.as_of == day,
            figures.c.name != NAME,
            figures.c.superseded_at.is_(None),
        )
        moved: dict[str | None, list[int]] = {}
        for row in conn.execute(current):
            letter = known.of(json.loads(row.dimensions))
            if letter != row.grade and not (is_final and row.grade):
                moved.setdefault(letter, []).append(row.figure_id)
        for letter, ids in moved.items():
            for part in chunks(ids):
                conn.execute(update(figures).where(figures.c.figure_id.in_(part)).values(grade=letter))
