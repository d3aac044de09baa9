"""
How ``qunflow retention`` shows what was measured: JSON, CSV, a table for the terminal, and one HTML page.

A blank cell has not come due. Words come from the language catalogue.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qunflow.cli.retention_comparing import as_json as differences_json
from qunflow.cli.retention_comparing import column_told, compared, lines
from qunflow.errors import BadInput
from qunflow.language import LANGUAGES, Catalogue, catalogue
from qunflow.store.files import write_durably

if TYPE_CHECKING:
    from qunflow.retention.comparing import Difference
    from qunflow.retention.measuring.result import Mean, Measured, Row

Cells = Sequence[int | None]
_WIDTH = 1_000
# Only the roster knows these of a join; who left before it was read is in no other part.
_FROM_ROSTER = ("channel", "inviter", "entry")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One case: ``difference`` is "" when it is equal."""

    name: str
    difference: str
    first_interval_start: str | None
    counts: tuple[Cells, ...]

    @classmethod
    def of(cls, name: str, found: Measured, expected_start: str | None, expected: Sequence[Cells]) -> Verdict:
        """Compare a table with what is expected; a start that is not stated is not compared."""
        start = found.first_interval_start.isoformat() if found.first_interval_start else None
        counts = tuple(row.counts for row in found.rows)
        difference = _other_start(start, expected_start) or _other_cell(counts, expected)
        return cls(name, difference, start, counts)

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.difference

    def as_json(self) -> dict[str, Any]:
        """``name``, ``equal``, ``first_interval_start``, ``counts`` and, if there is one, ``difference``."""
        told: dict[str, Any] = {"difference": self.difference} if self.difference else {}
        counts = [list(row) for row in self.counts]
        start = self.first_interval_start
        return {"name": self.name, "equal": self.equal, "first_interval_start": start, "counts": counts, **told}


def verdict_line(verdict: Verdict) -> str:
    """``name: equal``, or what differs."""
    words = _words()
    if verdict.equal:
        return words.text("retention.case_equal", name=verdict.name)
    return words.text("retention.case_differs", name=verdict.name, difference=verdict.difference)


def require_target(form: str, out: Path | None) -> None:
    """Raises: BadInput where a workbook has no file to go to."""
    if form == "xlsx" and out is None:
        raise BadInput("a workbook cannot be printed", "say where it goes: --out 留存.xlsx")


def hand_out(found: Measured, names: Sequence[str], form: str, out: Path | None) -> None:
    """
    Print a table, or write it to a file.

    Args:
        names: cohorts to put side by side; a workbook does so with the newest where none are named.

    Raises:
        BadInput: a name no cohort has, or a form that has no room for a comparison.
        PermanentError: the file cannot be written; one that was there stays.
    """
    told = compared(found, names) if names or form == "xlsx" else ()
    if told and form == "csv":
        raise BadInput("a CSV table has no room for --compare", "choose another --format, or leave it out")
    if form == "xlsx" and out is not None:
        from qunflow.cli.retention_workbook import write_workbook

        write_workbook(out, found, told, _words())
    elif out is not None:
        write_durably(out, FORMATS[form](found, told).encode())
    else:
        print(FORMATS[form](found, told), end="")


def as_json(found: Measured, told: Sequence[Difference] = ()) -> str:
    """One line of JSON."""
    more = {"compared": differences_json(found, told)} if told else {}
    return json.dumps(found.as_json() | more, ensure_ascii=False) + "\n"


def as_csv(found: Measured, _told: Sequence[Difference] = ()) -> str:
    """A header and a line a cohort; a cell that has not come due is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    split = _is_split(found)
    writer.writerow(["cohort", *(["split"] if split else []), *found.columns])
    for row in found.rows:
        writer.writerow([row.label, *([row.split] if split else []), *map(_shown, _padded(row, found))])
    return out.getvalue()


def as_table(found: Measured, told: Sequence[Difference] = ()) -> str:
    """A table, the means under it with over how many they go, what is odd in the log, and cohorts compared."""
    from rich.console import Console
    from rich.table import Table

    words, out = _words(), io.StringIO()
    split, unknown = _is_split(found), words.text("compare.unknown_part")
    table = Table(words.text("retention.cohort"), *([""] if split else []), *_heads(found, words))
    for row in found.rows:
        table.add_row(row.label, *([row.split or unknown] if split else []), *map(_shown, _padded(row, found)))
    means = [_percent(mean.rate) for mean in found.means]
    table.add_section()
    table.add_row(words.text("retention.mean"), *([""] if split else []), "", *means)
    over = [_over(mean, words) for mean in found.means]
    table.add_row("", *([""] if split else []), "", *over)
    # As wide as the table is: a terminal wraps a long line, where a cut cell would be lost.
    console = Console(file=out, soft_wrap=True, width=_WIDTH)
    console.print(table)
    for line in [*told_beside(found, words), *lines(found, told, words)]:
        console.print(line, markup=False, highlight=False)
    return out.getvalue()


def as_html(found: Measured, told: Sequence[Difference] = ()) -> str:
    """One page that needs nothing else: the table shaded by rate, the means, what is odd, cohorts compared."""
    words = _words()
    heads = "".join(f"<th>{escape(name)}</th>" for name in (words.text("retention.cohort"), *_heads(found, words)))
    rows = "\n".join(_html_row(row, found) for row in found.rows)
    means = "".join(
        f"<td>{_percent(mean.rate)}<small>{escape(_over(mean, words))}</small></td>" for mean in found.means
    )
    said = "\n".join(f"<li>{escape(line)}</li>" for line in [*told_beside(found, words), *lines(found, told, words)])
    title = escape(words.text("retention.title"))
    return (
        f'<!doctype html><html lang="{words.lang}"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style>\n"
        f"<h1>{title}</h1>\n<table><tr>{heads}</tr>\n{rows}\n"
        f"<tr><th>{escape(words.text('retention.mean'))}</th><td></td>{means}</tr></table>\n<ul>\n{said}\n</ul>\n"
        f"<pre>{escape(json.dumps(dict(found.definition), ensure_ascii=False, indent=1))}</pre>\n</html>\n"
    )


FORMATS: Mapping[str, Callable[..., str]] = {"json": as_json, "csv": as_csv, "table": as_table, "html": as_html}
_STYLE = (
    "body{font:14px system-ui;margin:2em}table{border-collapse:collapse}th,td{padding:3px 8px;text-align:right}"
    "td.blank{border:1px dashed #bbb}small{display:block;color:#777}ul{color:#555}"
)


def _html_row(row: Row, found: Measured) -> str:
    rates = (None, *found.rates(row))
    cells = []
    for place, count in enumerate(_padded(row, found)):
        rate = rates[place] if place < len(rates) else None
        if count is None:
            cells.append('<td class="blank"></td>')
        else:
            shade = f' style="background:rgba(38,120,180,{0.6 * rate:.2f})"' if rate else ""
            told = f"<small>{rate:.0%}</small>" if rate is not None else ""
            cells.append(f"<td{shade}>{count}{told}</td>")
    name = f"{row.label} {row.split}".strip()
    return f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>"


def _over(mean: Mean, words: Catalogue) -> str:
    return words.text("compare.over", cohorts=mean.cohorts, people=f"{mean.size:,}")


def told_beside(found: Measured, words: Catalogue) -> list[str]:
    lines = [words.text("retention.blank_cells"), f"{found.engine['name']} {found.engine['version']}"]
    lines += [f"{words.text(f'retention.note_{note.kind}')}: {note.count:,}" for note in found.notes]
    nowhere = sum(row.counts[0] or 0 for row in found.rows if not row.split)
    if nowhere and found.definition.get("split_by") in _FROM_ROSTER:
        lines.append(words.text("compare.unknown_told", people=f"{nowhere:,}"))
    return lines


def _heads(found: Measured, words: Catalogue) -> list[str]:
    return [words.text("retention.size"), *(column_told(name, words) for name in found.columns[1:])]


def _is_split(found: Measured) -> bool:
    return found.definition.get("split_by") is not None


def _padded(row: Row, found: Measured) -> list[int | None]:
    return [*row.counts, *[None] * (len(found.columns) - len(row.counts))]


def _shown(count: int | None) -> str:
    return "" if count is None else str(count)


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.1%}"


def _words() -> Catalogue:
    lang = os.environ.get("QUNFLOW_LANG", "zh")
    return catalogue(lang if lang in LANGUAGES else "zh")


def _other_start(start: str | None, expected: str | None) -> str:
    if expected is None or (start and _instant(start) == _instant(expected)):
        return ""
    return f"first_interval_start: {start} ≠ {expected}"


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _other_cell(counts: Sequence[Cells], expected: Sequence[Cells]) -> str:
    if len(counts) != len(expected):
        return f"{len(counts)} rows ≠ {len(expected)}"
    for number, (ours, theirs) in enumerate(zip(map(_trimmed, counts), map(_trimmed, expected), strict=True)):
        if ours != theirs:
            return f"row {number}: {ours} ≠ {theirs}"
    return ""


def _trimmed(row: Cells) -> list[int | None]:
    cells = list(row)
    while cells and cells[-1] is None:
        cells.pop()
    return cells
