"""
What changed since it was first told, as a table for engineers: figure and day, before and now, why and when.

A figure told while its day was still going on is completed the day after; such changes are counted and not listed.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from qunflow.community.finality import Reason
from qunflow.report import wording
from qunflow.report.model import Cell, ReportData, Table, Words
from qunflow.report.tables import dimensions_told
from qunflow.store.figure_changes import Change

SHOWN = 60


def revisions_table(data: ReportData, words: Words) -> Table:
    """The latest changes of the figures of the period, newest first; corrections that came too late say so."""
    told = [one for one in data.changes if one.reason is not Reason.DAY_WENT_ON]
    rows = tuple(_row(data, one, words) for one in reversed(told[-SHOWN:]))
    head = tuple(words.text(f"figures.column.{name}") for name in ("figure", "change", "why"))
    summary = [words.text("figures.revisions", count=len(told))]
    if len(told) > SHOWN:
        summary.append(words.text("figures.revisions_more", shown=SHOWN))
    if completed := len(data.changes) - len(told):
        summary.append(words.text("figures.revisions_day", count=completed))
    return Table(words.text("report.semicolon").join(summary), head, rows)


def change_told(change: Change, words: Words) -> str:
    """Before and now, as far as either was there."""
    old = words.text("figures.absent") if change.kind == "added" else wording.told_value(change.old, change.unit, words)
    new = words.text("figures.absent") if change.kind == "gone" else wording.told_value(change.new, change.unit, words)
    return f"{old} → {new}"


def fate(change: Change, words: Words) -> str:
    """Whether a change was applied, or stands beside a figure that is final."""
    if change.applied:
        return ""
    return words.text("figures.came_too_late" if change.settled_at is None else "figures.settled")


def _row(data: ReportData, change: Change, words: Words) -> tuple[Cell, ...]:
    told_at = change.told_at.astimezone(ZoneInfo(data.zone))
    run = words.text("figures.run", run=change.run_id) if change.run_id else ""
    when = " · ".join(part for part in (f"{told_at:%m-%d %H:%M}", run) if part)
    about = (wording.short_day(change.as_of), dimensions_told(data, change.dimensions, words))
    return (
        Cell(wording.known(words, "figure", change.name), " · ".join(part for part in about if part)),
        Cell(change_told(change, words), fate(change, words), tone="" if change.applied else "wait"),
        Cell(words.text(f"figures.reason.{change.reason}"), when),
    )
