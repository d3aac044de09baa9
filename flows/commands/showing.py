"""
What a person sees at the end of a run: one row a stage, then what went wrong and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from qunflow.language import Catalogue

# Where `./run up` serves the pages of the runs that are shown here.
PAGES = "http://127.0.0.1:4200/runs/flow-run"
NUMBERS = ("rows_in", "rows_out", "checks", "warnings", "seconds")
SHOWN = {"stage", "community", "day", "dry_run", "rows_in", "rows_out", "checks_passed", "checks_total", "warnings"}
SHOWN |= {"seconds", "already_done", "unread"}


def stage_table(title: str, rows: Sequence[Mapping[str, Any]], words: Catalogue) -> Table:
    """
    A row a stage: rows in and out, checks passed of all, warnings, seconds.

    Args:
        rows: summaries of stages; a summary with a ``problem`` gets a cross.
    """
    table = Table(title=title, title_justify="left")
    table.add_column(words.text("cycle.stage"))
    for name in NUMBERS:
        table.add_column(words.text(f"cycle.{name}"), justify="right")
    for row in rows:
        table.add_row(*_cells(row, words))
    return table


def _cells(row: Mapping[str, Any], words: Catalogue) -> tuple[str, ...]:
    mark = "✖" if row.get("problem") else "✔"
    seconds = row.get("seconds")
    return (
        f"{mark} {words.text('stages.' + str(row['stage']))}",
        str(row.get("rows_in", "")),
        str(row.get("rows_out", "")),
        f"{row.get('checks_passed', 0)}/{row.get('checks_total', 0)}",
        str(row.get("warnings", 0) or ""),
        "" if seconds is None else f"{seconds:.1f}",
    )


def tell_links(runs: Mapping[str, str], words: Catalogue, console: Console) -> None:
    """The page of each stage's last run; wide terminals make them links, narrow ones keep them whole."""
    console.print(words.text("demo.links"), markup=False)
    for stage, flow_run in runs.items():
        console.print(f"  {words.text(f'stages.{stage}')}  {PAGES}/{flow_run}", soft_wrap=True, markup=False)


def tell_result(result: Mapping[str, Any], words: Catalogue, console: Console) -> None:
    """What ``./run stage`` prints: the table, whether anything could leave, and each stage's own notes."""
    rows = result.get("stages", [result])
    first = rows[0]
    how = words.text("cycle.rehearsed" if first["dry_run"] else "cycle.sent")
    console.print(stage_table(f"{first['community']} · {first['day']} · {how}", rows, words))
    for row in rows:
        if row["already_done"]:
            console.print(words.text("cycle.already_done", stage=words.text(f"stages.{row['stage']}")))
        notes = ", ".join(f"{name} {value}" for name, value in row.items() if name not in SHOWN and value)
        if notes:
            console.print(f"  {words.text('stages.' + row['stage'])}: {notes}", soft_wrap=True, markup=False)
