"""
Figures: the numbers the stages compute, each with the day it is about, the instant it was told, and how complete the
data behind it are.

A figure that changes is not overwritten: the old one keeps the instant at which it was revised, so a report of
yesterday can be printed again as it was, and the change is written down with its reason. After its day is final
(``qunflow.community.finality``) a figure stays as it is, and what differs is kept beside it as a correction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, func, insert, or_, select, update

from qunflow.clock import local_day
from qunflow.community.finality import FINAL_AFTER_DAYS, Outcome, Reason, is_final, outcome, reason_for
from qunflow.store import figure_changes, figure_grades
from qunflow.store.engine import lock
from qunflow.store.figure_rows import NUMBERS, Figure, Key, Unit, Value, figure_of, key_of, key_of_row, row_of
from qunflow.store.rows import chunks
from qunflow.store.tables import figures

__all__ = [
    "Figure",
    "Reason",
    "Revision",
    "Terms",
    "Unit",
    "Value",
    "current",
    "last_day",
    "names",
    "record",
    "record_day",
    "revisions",
]

DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")
Wanted = Mapping[Key, dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Terms:
    """
    Under which terms figures are told.

    Args:
        reason: why a figure whose day was over when it was told before differs now.
        run_id: the row of ``runs`` that tells them.
        zone: of the community; it says when a local day ends.
        final_after_days: so many local days after its own a figure is final.
        reopen: change final figures all the same.
    """

    reason: Reason = Reason.RERUN
    run_id: int | None = None
    zone: ZoneInfo = DEFAULT_ZONE
    final_after_days: int = FINAL_AFTER_DAYS
    reopen: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """A figure with the time during which it was the current one; ``superseded_at`` is ``None`` for the last."""

    figure: Figure
    recorded_at: datetime
    superseded_at: datetime | None


@dataclass(slots=True)
class _Told:
    """What was told before of the keys somebody wants to tell."""

    current: dict[Key, Any] = field(default_factory=dict)
    # Names of a day that were told: whether one of them was after its day was over.
    names: dict[tuple[Any, ...], bool] = field(default_factory=dict)
    late: dict[Key, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Work:
    """What is to be written."""

    superseded: list[int] = field(default_factory=list)
    inserted: list[dict[str, Any]] = field(default_factory=list)
    confirmed: list[int] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    settled: list[Any] = field(default_factory=list)
    done: int = 0


def record(conn: Connection, new: Sequence[Figure], at: datetime, terms: Terms = Terms()) -> int:
    """
    Keep figures: one that says the same as the current one changes nothing, another one revises it.

    Returns:
        How many are new or revised; what came too late is not among them.

    Raises:
        BadInput: for a value that is not a finite number, or a text where the unit is not text.
    """
    lock(conn, "figures")
    # Of two figures with one key in the same call the last counts, as if they had been recorded in turn.
    return _tell(conn, {key_of(figure): row_of(figure) for figure in new}, at, terms)


def record_day(
    conn: Connection,
    community: str,
    stage: str,
    as_of: date,
    new: Sequence[Figure],
    at: datetime,
    *,
    reason: Reason | None = None,
    terms: Terms = Terms(),
) -> int:
    """
    Keep the figures of a stage's day as a whole: those it had before and has no more are superseded, not replaced.

    Args:
        reason: why they differ from what was told before, in place of the one in ``terms``.

    Returns:
        How many are new, revised or superseded; what came too late is not among them.

    Raises:
        BadInput: for a value that is not a finite number, or a text where the unit is not text.
    """
    lock(conn, "figures")
    day = (figures.c.community == community, figures.c.stage == stage, figures.c.as_of == as_of)
    before = conn.execute(select(figures).where(*day, figures.c.superseded_at.is_(None)))
    gone: Wanted = {key_of_row(row): None for row in before}
    wanted = {**gone, **{key_of(figure): row_of(figure) for figure in new}}
    return _tell(conn, wanted, at, terms if reason is None else replace(terms, reason=reason))


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

    Ordered by stage, name, day and dimensions. Those that hold now carry the grade of the day before where their own
    day has none.
    """
    query = select(figures).where(figures.c.community == community)
    for column, wanted in ((figures.c.stage, stage), (figures.c.as_of, as_of), (figures.c.name, name)):
        query = query if wanted is None else query.where(column == wanted)
    found = [figure_of(row) for row in conn.execute(_held(query, known_at))]
    if known_at is None:
        found = figure_grades.with_day_before(conn, community, found)
    # Ordered here, because databases do not agree on the order of texts.
    return sorted(found, key=lambda one: (one.stage, one.name, one.as_of, sorted(one.dimensions.items())))


def last_day(conn: Connection, community: str, stage: str | None = None, name: str | None = None) -> date | None:
    """The newest local day any figure is about; ``None`` where there is none."""
    query = select(func.max(figures.c.as_of)).where(figures.c.community == community, figures.c.superseded_at.is_(None))
    for column, wanted in ((figures.c.stage, stage), (figures.c.name, name)):
        query = query if wanted is None else query.where(column == wanted)
    found: date | None = conn.execute(query).scalar_one()
    return found


def names(conn: Connection, community: str) -> list[str]:
    """The names figures of a community have, sorted."""
    query = select(figures.c.name).where(figures.c.community == community).distinct()
    return sorted(conn.execute(query).scalars())


def revisions(conn: Connection, community: str, name: str, as_of: date) -> list[Revision]:
    """Every version of the figures of one name and day, oldest first."""
    query = (
        select(figures)
        .where(figures.c.community == community, figures.c.name == name, figures.c.as_of == as_of)
        .order_by(figures.c.recorded_at, figures.c.figure_id)
    )
    return [Revision(figure_of(row), row.recorded_at, row.superseded_at) for row in conn.execute(query)]


def _held(query: Select[Any], known_at: datetime | None) -> Select[Any]:
    if known_at is None:
        return query.where(figures.c.superseded_at.is_(None))
    later = or_(figures.c.superseded_at.is_(None), figures.c.superseded_at > known_at)
    return query.where(figures.c.recorded_at <= known_at, later)


def _tell(conn: Connection, wanted: Wanted, at: datetime, terms: Terms) -> int:
    """Tell every key its row, or that it is no more; returns how many figures came, changed or went."""
    told, work, today = _told(conn, wanted), _Work(), local_day(at, terms.zone)
    for key, row in wanted.items():
        _decide(key, row, told, work, today, terms)
    _write(conn, work, at, terms.run_id, today)
    graded = {(row["community"], row["as_of"]) for row in work.inserted if row["name"] == figure_grades.NAME}
    for community, day in sorted(graded):
        ended = is_final(day, today, terms.final_after_days) and not terms.reopen
        figure_grades.carry(conn, community, [day], is_final=ended)
    return work.done


def _told(conn: Connection, keys: Iterable[Key]) -> _Told:
    found, days = _Told(), dict[tuple[str, str], set[date]]()
    for community, stage, _, as_of, _ in keys:
        days.setdefault((community, stage), set()).add(as_of)
    for (community, stage), asked in sorted(days.items()):
        for part in chunks(sorted(asked)):
            query = select(figures).where(
                figures.c.community == community, figures.c.stage == stage, figures.c.as_of.in_(part)
            )
            for row in conn.execute(query):
                name = key_of_row(row)[:4]
                found.names[name] = found.names.get(name, False) or row.day_over
                if row.superseded_at is None:
                    found.current[key_of_row(row)] = row
        found.late |= figure_changes.standing(conn, community, stage, asked)
    return found


def _decide(key: Key, row: dict[str, Any] | None, told: _Told, work: _Work, today: date, terms: Terms) -> None:
    """Put what becomes of one key to the work."""
    as_of, old, late = key[3], told.current.get(key), told.late.get(key)
    ended = is_final(as_of, today, terms.final_after_days)
    became = outcome(
        told_before=key[:4] in told.names,
        differs=not _same(old, row, NUMBERS if ended else (*NUMBERS, "unit", "source")),
        final=ended,
        reopen=terms.reopen,
    )
    if old is not None and became is Outcome.SAME and not old.day_over and today > as_of:
        work.confirmed.append(old.figure_id)
    applied = became in (Outcome.FIRST, Outcome.REVISED)
    if applied:
        _apply(old, row, work)
    change = figure_changes.change_row(key, old, row) if became in (Outcome.REVISED, Outcome.TOO_LATE) else None
    if change and not applied and late is not None and figure_changes.says(late, change):
        return
    if late is not None:
        work.settled.append(late)
    if change:
        over = told.names[key[:4]] if old is None else old.day_over
        work.changes.append({**change, "reason": reason_for(terms.reason, day_was_over=over), "applied": applied})


def _apply(old: Any, row: dict[str, Any] | None, work: _Work) -> None:
    if old is not None:
        work.superseded.append(old.figure_id)
    if row is not None:
        work.inserted.append(row)
    work.done += 1


def _write(conn: Connection, work: _Work, at: datetime, run_id: int | None, today: date) -> None:
    figure_changes.settle(conn, work.settled, at)
    figure_changes.keep(conn, [{**row, "told_at": at, "run_id": run_id or None} for row in work.changes])
    for ids, became in ((work.superseded, {"superseded_at": at}), (work.confirmed, {"day_over": True})):
        for part in chunks(ids):
            conn.execute(update(figures).where(figures.c.figure_id.in_(part)).values(**became))
    if work.inserted:
        rows = [{**row, "recorded_at": at, "day_over": today > row["as_of"]} for row in work.inserted]
        conn.execute(insert(figures), figure_grades.graded(conn, rows))


def _same(old: Any, row: dict[str, Any] | None, compared: Sequence[str]) -> bool:
    if old is None or row is None:
        return False
    return all(getattr(old, part) == row[part] for part in compared)
