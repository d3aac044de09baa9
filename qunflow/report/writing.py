"""From an opened workspace to a report file or a list of figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Protocol

from qunflow.clock import Clock, local_day
from qunflow.community.finality import is_final
from qunflow.language import catalogue
from qunflow.report.gather import DAYS_SHOWN, Period, figures_of, gather, period
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
) -> Path:
    """
    Draw the report and put it in place whole: a reader never meets half a file.

    Args:
        day: the last local day shown; without one the newest day a stage ran for.
        days: how many days up to it, at least 1.
        community: one community's key; empty means all of them.

    Raises:
        ConfigurationError: no such community, or a playbook that cannot be read.
        PermanentError: the disk is full or the folder may not be written; an earlier report stays.
    """
    made_at = source.clock.now()
    shown = _shown(source, community, day, days)
    with source.store.reading() as conn:
        data = [
            gather(conn, source.workspace.brand, one, when, made_at, slot_titles(source.directory, one))
            for one, when in shown
        ]
    write_durably(path, render_html(data, catalogue(lang), lang=lang).encode())
    return path


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
