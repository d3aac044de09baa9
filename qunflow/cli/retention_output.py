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
from typing import TYPE_CHECKING, Any

from qunflow.language import LANGUAGES, Catalogue, catalogue

if TYPE_CHECKING:
    from qunflow.retention.result import Measured, Row

Cells = Sequence[int | None]


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


def as_json(found: Measured) -> str:
    """One line of JSON."""
    return json.dumps(found.as_json(), ensure_ascii=False) + "\n"


def as_csv(found: Measured) -> str:
    """A header and a line a cohort; a cell that has not come due is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    split = _is_split(found)
    writer.writerow(["cohort", *(["split"] if split else []), *found.columns])
    for row in found.rows:
        writer.writerow([row.label, *([row.split] if split else []), *map(_shown, _padded(row, found))])
    return out.getvalue()


def as_table(found: Measured) -> str:
    """A table, the means under it, and what is odd in the log."""
    from rich.console import Console
    from rich.table import Table

    words, out = _words(), io.StringIO()
    split = _is_split(found)
    table = Table(words.text("retention.cohort"), *([""] if split else []), *_heads(found, words))
    for row in found.rows:
        table.add_row(row.label, *([row.split] if split else []), *map(_shown, _padded(row, found)))
    means = [_percent(mean.rate) for mean in found.means]
    table.add_section()
    table.add_row(words.text("retention.mean"), *([""] if split else []), "", *means)
    console = Console(file=out, soft_wrap=True, width=None)
    console.print(table)
    for line in _told(found, words):
        console.print(line, markup=False, highlight=False)
    return out.getvalue()


def as_html(found: Measured) -> str:
    """One page that needs nothing else: the table shaded by rate, the means, the definition, what is odd."""
    words = _words()
    heads = "".join(f"<th>{escape(name)}</th>" for name in (words.text("retention.cohort"), *_heads(found, words)))
    rows = "\n".join(_html_row(row, found) for row in found.rows)
    means = "".join(f"<td>{_percent(mean.rate)}<small>{mean.cohorts}</small></td>" for mean in found.means)
    told = "\n".join(f"<li>{escape(line)}</li>" for line in _told(found, words))
    title = escape(words.text("retention.title"))
    return (
        f'<!doctype html><html lang="{words.lang}"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style>\n"
        f"<h1>{title}</h1>\n<table><tr>{heads}</tr>\n{rows}\n"
        f"<tr><th>{escape(words.text('retention.mean'))}</th><td></td>{means}</tr></table>\n<ul>\n{told}\n</ul>\n"
        f"<pre>{escape(json.dumps(dict(found.definition), ensure_ascii=False, indent=1))}</pre>\n</html>\n"
    )


FORMATS: Mapping[str, Callable[[Any], str]] = {"json": as_json, "csv": as_csv, "table": as_table, "html": as_html}
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


def _told(found: Measured, words: Catalogue) -> list[str]:
    lines = [words.text("retention.blank_cells"), f"{found.engine['name']} {found.engine['version']}"]
    lines += [f"{words.text(f'retention.note_{note.kind}')}: {note.count:,}" for note in found.notes]
    return lines


def _heads(found: Measured, words: Catalogue) -> list[str]:
    return [words.text("retention.size"), *found.columns[1:]]


def _is_split(found: Measured) -> bool:
    return any(row.split for row in found.rows)


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
