"""From an opened workspace to a report file or a list of figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Protocol

from qunflow.clock import Clock, local_day
from qunflow.community.finality import is_final
from qunflow.language import catalogue
from qunflow.report.gather import DAYS_SHOWN, Period, figures_of, gather, period
from qunflow.report.model import ReportData
from qunflow.report.page import render_html
from qunflow.report.titles import slot_titles
from qunflow.settings.workspace import Community, Workspace
from qunflow.store.engine import Store
from qunflow.store.figures import Figure
from qunflow.store.files import write_durably


class Source(Protocol):
    """An opened workspace: the runtime is one."""

    @property
    def directory(self) -> Path: ...
    @property
    def workspace(self) -> Workspace: ...
    @property
    def store(self) -> Store: ...
    @property
    def clock(self) -> Clock: ...


def write_report(
    source: Source,
    path: Path,
    *,
    lang: str = "zh",
    day: date | None = None,
    days: int = DAYS_SHOWN,
    community: str = "",
    cohorts: Sequence[str] = (),
) -> Path:
    """
    Draw the report and put it in place whole: a reader never meets half a file.

    Args:
        day: the last local day shown; without one the newest day a stage ran for.
        days: how many days up to it, at least 1.
        community: one community's key; empty means all of them.
        cohorts: those to put side by side, by their labels; empty means the newest.

    Raises:
        ConfigurationError: no such community, or a playbook that cannot be read.
        PermanentError: the disk is full or the folder may not be written; an earlier report stays.
    """
    data = [replace(one, cohorts=tuple(cohorts)) for one in gathered(source, day=day, days=days, community=community)]
    write_durably(path, render_html(data, catalogue(lang), lang=lang).encode())
    return path


def write_retention_book(
    source: Source,
    path: Path,
    community: str,
    *,
    lang: str = "zh",
    day: date | None = None,
    note: Callable[[int], None] = lambda _rows: None,
) -> Path:
    """
    Write the workbook of retention of one community, as of a day; ``note`` as in ``spreadsheet.write_book``.

    Raises:
        ConfigurationError: no such community, or a playbook that cannot be read.
        PermanentError: the file cannot be written; one that was there stays.
    """
    from qunflow.report.spreadsheet import write_book
    from qunflow.report.workbook import retention_sheets

    (data,) = gathered(source, day=day, community=community)
    write_book(path, retention_sheets(data, catalogue(lang)), note=note)
    return path


def gathered(
    source: Source, *, day: date | None = None, days: int = DAYS_SHOWN, community: str = ""
) -> list[ReportData]:
    """What a report is drawn from, community by community."""
    made_at = source.clock.now()
    shown = _shown(source, community, day, days)
    with source.store.reading() as conn:
        return [
            gather(conn, source.workspace.brand, one, when, made_at, slot_titles(source.directory, one))
            for one, when in shown
        ]


def report_figures(
    source: Source, *, day: date | None = None, days: int = DAYS_SHOWN, community: str = ""
) -> list[Figure]:
    """Every figure of the days shown, as it holds now, community by community."""
    shown = _shown(source, community, day, days)
    with source.store.reading() as conn:
        return [figure for one, when in shown for figure in figures_of(conn, one.key, when)]


def finality(source: Source) -> Callable[[Figure], bool]:
    """Whether a figure is final now, by its community's zone and setting; asked of its communities only."""
    now = source.clock.now()
    terms = {one.key: (local_day(now, one.zone_info), one.figures) for one in source.workspace.communities}

    def final(figure: Figure) -> bool:
        today, setting = terms[figure.community]
        return is_final(figure.as_of, today, setting.final_after_days)

    return final


def _shown(source: Source, key: str, day: date | None, days: int) -> list[tuple[Community, Period]]:
    chosen = (source.workspace.community(key),) if key else source.workspace.communities
    now = source.clock.now()
    with source.store.reading() as conn:
        return [(one, period(conn, one.key, day, local_day(now, one.zone_info), max(days, 1))) for one in chosen]
