"""
``qunflow report``: one HTML page for people, or every figure as JSON.

It needs the database and the workspace only: no platform secret and no network.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from qunflow.cli.options import JsonOption, WorkspaceOption
from qunflow.clock import Clock, SystemClock

if TYPE_CHECKING:
    from qunflow.settings.workspace import Workspace
    from qunflow.store.engine import Store

LangOption = Annotated[Literal["zh", "en"] | None, Parameter(help="报告语言,默认 QUNFLOW_LANG (language)")]
OutOption = Annotated[Path | None, Parameter(help="写到哪里,默认 <工作区>/report.html (where to write)")]
DayOption = Annotated[date | None, Parameter(help="截至哪天,默认最近跑过的一天 (last day)")]
DaysOption = Annotated[int, Parameter(help="一共几天 (days shown)")]
CohortsOption = Annotated[
    str, Parameter(help="把哪几批放在一起看，用逗号分开，如 2026-03-02,2026-03-09，默认最近几批 (side by side)")
]
CommunityOption = Annotated[str, Parameter(help="只看一个社群的 key (one community)")]


@dataclass(frozen=True, slots=True)
class Opened:
    """The parts of a workspace a report is drawn from, with the language its owner reads."""

    directory: Path
    workspace: Workspace
    store: Store
    clock: Clock
    lang: str


def report(
    *,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
    lang: LangOption = None,
    out: OutOption = None,
    day: DayOption = None,
    days: DaysOption = 7,
    community: CommunityOption = "",
    cohorts: CohortsOption = "",
) -> int:
    """Write the report of a workspace, or print its figures."""
    from qunflow.language import catalogue
    from qunflow.report import finality, report_figures, write_report
    from qunflow.report.listing import listed

    with opened_source(workspace) as source:
        if json:
            figures = report_figures(source, day=day, days=days, community=community)
            found = listed(figures, finality(source), catalogue(lang or source.lang))
            print(jsonlib.dumps(found, ensure_ascii=False, indent=1))
            return 0
        tongue = lang or source.lang
        target = out or source.directory / "report.html"
        chosen = tuple(name.strip() for name in cohorts.split(",") if name.strip())
        path = write_report(source, target, lang=tongue, day=day, days=days, community=community, cohorts=chosen)
        print(catalogue(tongue).text("report.written", path=path, size=path.stat().st_size // 1024))
    return 0


@contextmanager
def opened_source(directory: Path | None) -> Iterator[Opened]:
    """What a report is drawn from, closed at the end; the database must have the program's version."""
    from qunflow.settings.environment import load_environment, workspace_directory
    from qunflow.settings.workspace import load_workspace
    from qunflow.store.engine import Store
    from qunflow.store.migrate import require_current

    home = workspace_directory(directory)
    workspace, environment = load_workspace(home), load_environment(home)
    store = Store.open(environment.database_url)
    try:
        require_current(store)
        yield Opened(home, workspace, store, SystemClock(), environment.lang)
    finally:
        store.close()
