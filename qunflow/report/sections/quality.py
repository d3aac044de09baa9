"""Data quality: what was checked, what changed since it was told, what was set aside, and what nobody can know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from qunflow.report import wording
from qunflow.report.charts import Bar, Part, bars_svg
from qunflow.report.model import Cell, CheckLine, ReportData, Section, Table, Words
from qunflow.report.revisions import revisions_table
from qunflow.store.tables import FLOWS

UNTOLD = ("speech", "read", "official", "task")


def quality(data: ReportData, words: Words) -> Section:
    """Checks passed by stage, rows in quarantine with reasons, what the platform does not tell."""
    title = words.text("report.quality.title")
    bullets = tuple(words.text(f"report.quality.untold.{key}") for key in UNTOLD)
    tables = tuple(
        t
        for t in (_failed(data, words), revisions_table(data, words), _quarantine(data, words), _runs(data, words))
        if t.rows
    )
    if not data.checks:
        empty = words.text("report.quality.empty")
        return Section("quality", title, empty, bullets=bullets, tables=tables, wide=True)
    picture = bars_svg(check_bars(data.checks, words), title=title)
    return Section("quality", title, _sentence(data, words), picture, bullets=bullets, tables=tables, wide=True)


def tone_of(check: CheckLine) -> str:
    """Passed, a warning, or a stop; a check that could not run counts as a stop."""
    if check.passed and check.could_run:
        return "good"
    return "bad" if check.severity == "critical" or not check.could_run else "wait"


def check_bars(checks: Iterable[CheckLine], words: Words) -> list[Bar]:
    """One bar a stage."""
    by_stage: dict[str, Counter[str]] = {}
    for check in checks:
        by_stage.setdefault(check.stage, Counter())[tone_of(check)] += 1
    stages = [stage for stage in FLOWS if stage in by_stage]
    return [_stage_bar(stage, by_stage[stage], words) for stage in stages]


def _stage_bar(stage: str, seen: Counter[str], words: Words) -> Bar:
    parts = tuple(Part(words.text(f"report.quality.part.{tone}"), seen[tone], tone) for tone in ("good", "wait", "bad"))
    note = words.text("report.quality.passed", passed=seen["good"], total=seen.total())
    return Bar(words.text(f"report.stage.{stage}"), parts, note, full=seen.total())


def _sentence(data: ReportData, words: Words) -> str:
    passed = sum(tone_of(check) == "good" for check in data.checks)
    kept = sum(line.rows for line in data.quarantine)
    key = "report.quality.sentence_clean" if passed == len(data.checks) else "report.quality.sentence"
    return words.text(key, total=len(data.checks), passed=passed, failed=len(data.checks) - passed, kept=kept)


def _failed(data: ReportData, words: Words) -> Table:
    """Checks that did not pass, the same one of several days in one row, with what it saw last."""
    by_check: dict[tuple[str, str, str], list[CheckLine]] = {}
    for check in data.checks:
        if tone_of(check) != "good":
            by_check.setdefault((check.stage, check.suite, check.expectation), []).append(check)
    rows = tuple(_failed_row(checks, words) for checks in by_check.values())
    head = tuple(words.text(f"report.quality.column.{key}") for key in ("check", "result", "found"))
    return Table(words.text("report.quality.failed", count=len(rows)), head, rows)


def _failed_row(checks: list[CheckLine], words: Words) -> tuple[Cell, ...]:
    last = max(checks, key=lambda check: check.day)
    days = words.text("report.quality.on_days", days=len({check.day for check in checks}))
    where = f"{words.text(f'report.stage.{last.stage}')} · {wording.short_day(last.day)} · {days}"
    rows = words.text("report.quality.rows", rows=last.unexpected) if last.unexpected else ""
    tone = tone_of(last)
    return (
        Cell(last.said.get(words.lang) or last.expectation, where),
        Cell(words.text(f"report.quality.part.{tone}"), tone=tone),
        Cell(last.found or rows, rows if last.found else ""),
    )


def _quarantine(data: ReportData, words: Words) -> Table:
    rows = tuple(
        (
            Cell(wording.known(words, "reason", line.reason)),
            Cell(words.text(f"report.stage.{line.stage}")),
            Cell(wording.count(line.rows, words)),
        )
        for line in sorted(data.quarantine, key=lambda line: -line.rows)
    )
    head = tuple(words.text(f"report.quality.column.{key}") for key in ("reason", "stage", "rows"))
    return Table(words.text("report.quality.quarantine", count=sum(line.rows for line in data.quarantine)), head, rows)


def _runs(data: ReportData, words: Words) -> Table:
    rows = tuple(
        (
            Cell(words.text(f"report.stage.{run.stage}"), wording.short_day(run.day)),
            Cell(
                words.text(f"report.run.{run.state}"),
                words.text("report.run.dry") if run.dry_run else run.problem.split("\n")[0],
                tone="bad" if run.state == "failed" else "",
            ),
            Cell(f"{'–' if run.rows_in is None else run.rows_in} → {'–' if run.rows_out is None else run.rows_out}"),
        )
        for run in sorted(data.runs, key=lambda run: (run.day, run.stage), reverse=True)
    )
    head = tuple(words.text(f"report.quality.column.{key}") for key in ("stage", "state", "in_out"))
    return Table(words.text("report.quality.runs", count=len(rows)), head, rows)
