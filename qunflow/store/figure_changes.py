"""
What changed since a figure was first told: revisions that were applied, and corrections that came too late.

Written by ``qunflow.store.figures`` only, in the transaction that records the figures. A correction stands beside its
final figure until the values agree again or the day is opened; of one figure at most one stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from qunflow.community.finality import Reason
from qunflow.store.figure_rows import NUMBERS, Key, Unit, Value, key_of_row, read_value
from qunflow.store.rows import chunks
from qunflow.store.tables import figure_changes

Kind = Literal["changed", "added", "gone"]


@dataclass(frozen=True, slots=True)
class Change:
    """
    One figure's change.

    Args:
        kind: changed · added: a cell that was not there when the others were told · gone: a cell there is no more.
        old, new: the values; ``None`` is "not due", or "not there" in an added or gone cell.
        applied: the figure was revised; else the value came too late and the figure stayed as it was.
        settled_at: for one that came too late, the instant since which it no longer differs.
        run_id: the run that told it, where one did.
    """

    community: str
    stage: str
    name: str
    as_of: date
    dimensions: Mapping[str, str]
    unit: Unit
    kind: Kind
    old: Value
    old_fraction: tuple[int | None, int | None]
    new: Value
    new_fraction: tuple[int | None, int | None]
    reason: Reason
    run_id: int | None
    told_at: datetime
    applied: bool
    settled_at: datetime | None


def changes(
    conn: Connection,
    community: str,
    first: date | None = None,
    last: date | None = None,
    *,
    stage: str | None = None,
    name: str | None = None,
    run_id: int | None = None,
) -> list[Change]:
    """The changes of the figures about some local days, both included, in the order they were told."""
    query = select(figure_changes).where(figure_changes.c.community == community)
    query = query if first is None else query.where(figure_changes.c.as_of >= first)
    query = query if last is None else query.where(figure_changes.c.as_of <= last)
    for column, wanted in (("stage", stage), ("name", name), ("run_id", run_id)):
        query = query if wanted is None else query.where(figure_changes.c[column] == wanted)
    return [_change(row) for row in conn.execute(query.order_by(figure_changes.c.told_at, figure_changes.c.change_id))]


def standing(conn: Connection, community: str, stage: str, days: Iterable[date]) -> dict[Key, Any]:
    """The corrections that stand beside final figures of these days, as rows by the figure's key."""
    found: dict[Key, Any] = {}
    for part in chunks(sorted(days)):
        rows = conn.execute(
            select(figure_changes).where(
                figure_changes.c.community == community,
                figure_changes.c.stage == stage,
                figure_changes.c.as_of.in_(part),
                figure_changes.c.applied.is_(False),
                figure_changes.c.settled_at.is_(None),
            )
        )
        found.update({key_of_row(row): row for row in rows})
    return found


def settle(conn: Connection, rows: Iterable[Any], at: datetime) -> None:
    """Corrections that stand no longer."""
    for part in chunks([row.change_id for row in rows]):
        conn.execute(update(figure_changes).where(figure_changes.c.change_id.in_(part)).values(settled_at=at))


def keep(conn: Connection, rows: list[dict[str, Any]]) -> None:
    """Write changes down."""
    if rows:
        conn.execute(insert(figure_changes), rows)


def change_row(key: Key, old: Any, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """One change without its circumstances; ``old`` is the current row or ``None``, ``new`` the one to be told."""
    community, stage, name, as_of, dimensions = key
    return {
        "community": community,
        "stage": stage,
        "name": name,
        "as_of": as_of,
        "dimensions": dimensions,
        "unit": old.unit if new is None else new["unit"],
        "kind": "added" if old is None else "gone" if new is None else "changed",
        **{f"old_{part}": None if old is None else getattr(old, part) for part in NUMBERS},
        **{f"new_{part}": None if new is None else new[part] for part in NUMBERS},
    }


def says(standing_row: Any, row: Mapping[str, Any]) -> bool:
    """Whether a correction that stands says what a new one would say."""
    compared = ("kind", *(f"new_{part}" for part in NUMBERS))
    return all(getattr(standing_row, part) == row[part] for part in compared)


def _change(row: Any) -> Change:
    return Change(
        community=row.community,
        stage=row.stage,
        name=row.name,
        as_of=row.as_of,
        dimensions=json.loads(row.dimensions),
        unit=row.unit,
        kind=row.kind,
        old=read_value(row.old_value, row.unit),
        old_fraction=(row.old_numerator, row.old_denominator),
        new=read_value(row.new_value, row.unit),
        new_fraction=(row.new_numerator, row.new_denominator),
        reason=Reason(row.reason),
        run_id=row.run_id,
        told_at=row.told_at,
        applied=row.applied,
        settled_at=row.settled_at,
    )
