"""
``./run demo``: a season from nothing to a report, with progress, a table of the stages and what to do next.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from flows.commands import living, prepare
from flows.commands import season as seasons
from flows.commands.season import Season
from flows.commands.services import free_port, stop
from flows.commands.showing import stage_table, tell_links
from qunflow.language import Catalogue, catalogue
from qunflow.runtime.stage import StageOutcome

NAMES = ("web", "sandbox", "prefect")


def demo(*, seed: int, days: int, out: Path, lang: str) -> int:
    """
    Live a season and write its report; returns the exit code, 1 when a stage did not complete.

    Args:
        seed: which people and which chances; the same seed gives the same figures.
        days: days lived through the flows, after 60 days of imported past.
        out: folder of the season, emptied first if it holds an earlier one.
        lang: ``zh`` or ``en``, for the terminal and the report.
    """
    words, console, began = catalogue(lang), Console(stderr=True), time.monotonic()
    folder = out.resolve()
    season = Season(folder, folder / "run", seed, free_port(), free_port())
    seasons.clear(season.folder)
    with _services(season, words, console), living.handed_over():
        outcomes = _live(season, days, words, console)
        report = _report(season, days, lang)
    _show(outcomes, report, words, Console())
    console.print(words.text("demo.took", seconds=round(time.monotonic() - began)))
    return 1 if any(outcome.problem for outcome in outcomes) else 0


@contextmanager
def _services(season: Season, words: Catalogue, console: Console) -> Iterator[None]:
    """Everything the season talks to, gone again whatever happens."""
    port = free_port()
    url, home = f"http://127.0.0.1:{port}", season.folder / "prefect"
    try:
        with _progress(console) as progress:
            bar = progress.add_task(words.text("demo.start"), total=None)
            prefect = seasons.start_all(season, [seasons.prefect_service(home, port)])
            living.point_at(season.folder, url, home)
            prepare.workspace(season, lambda step: progress.update(bar, description=words.text(f"demo.{step}")))
            prepare.wait(prefect, lambda step: progress.update(bar, description=words.text(f"demo.{step}")))
        yield
    finally:
        stop(season.run_folder, NAMES)


def _live(season: Season, days: int, words: Catalogue, console: Console) -> list[StageOutcome]:
    """All days, then the last one's evening once more: the same day again does only what is new."""
    outcomes: list[StageOutcome] = []
    with _progress(console) as progress, living.without_heartbeats():
        bar = progress.add_task("", total=days + 1)
        for number in range(days):
            day = seasons.FIRST_DAY + timedelta(days=number)

            def told(stage: str, day: object = day) -> None:
                progress.update(bar, description=f"{day} {words.text(f'stages.{stage}')}")

            outcomes += living.live_day(season, day, told)
            progress.advance(bar)
        outcomes += living.run_stages(day, told)
        progress.advance(bar)
    return outcomes


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console
    )


def _report(season: Season, days: int, lang: str) -> Path:
    from qunflow import runtime
    from qunflow.report import write_report

    path = season.folder / "report.html"
    write_report(runtime.current(), path, lang=lang, day=seasons.FIRST_DAY + timedelta(days=days - 1))
    return path


def _show(outcomes: Sequence[StageOutcome], report: Path, words: Catalogue, console: Console) -> None:
    stages = list(dict.fromkeys(outcome.stage for outcome in outcomes))
    rows = [_summed(stage, [one for one in outcomes if one.stage == stage]) for stage in stages]
    console.print(stage_table(words.text("demo.title"), rows, words))
    for stage, problem in dict.fromkeys((one.stage, one.problem) for one in outcomes if one.problem):
        console.print(f"✖ {words.text(f'stages.{stage}')}: {problem}", markup=False)
    tell_links({outcome.stage: outcome.flow_run_id for outcome in outcomes}, words, console)
    console.print(words.text("demo.report", path=report), soft_wrap=True, markup=False)
    console.print(words.text("demo.next", folder=report.parent), soft_wrap=True, markup=False)


def _summed(stage: str, of_stage: Sequence[StageOutcome]) -> dict[str, Any]:
    """All days of a stage in one row."""
    done = [one.summary for one in of_stage if not one.problem]
    names = ("rows_in", "rows_out", "checks_passed", "checks_total", "warnings")
    return {
        "stage": stage,
        "problem": len(done) < len(of_stage),
        "seconds": sum(one.seconds for one in of_stage),
        **{name: sum(summary[name] for summary in done) for name in names},
    }
