"""The table every proof of delivery prints: what was tried, what was killed, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

import pytest

_PROPERTY = "score"
_COLUMNS = ("test", "cases", "messages", "kills", "doubled", "lost", "unknown", "violations")


@dataclass(frozen=True)
class Score:
    """One line: counts, and a note such as a rate."""

    test: str
    cases: int
    messages: int
    kills: int
    doubled: int
    lost: int
    unknown: int
    violations: int
    note: str = ""


def of_run(reports: Iterable[pytest.TestReport]) -> str:
    """The table of a whole run, from what its tests recorded with ``record_property(*kept(score))``."""
    properties = [one for report in reports if report.when == "call" for one in report.user_properties]
    scores = [Score(*value) for name, value in properties if name == _PROPERTY and isinstance(value, list)]
    return table(scores) if scores else ""


def kept(score: Score) -> tuple[str, list[object]]:
    """A score in the form in which it reaches the end of the run, from another process too."""
    return _PROPERTY, list(astuple(score))


def table(scores: Iterable[Score]) -> str:
    """The lines under their headings."""
    rows = [[str(getattr(one, name)) for name in _COLUMNS] + [one.note] for one in scores]
    heads = [*_COLUMNS, ""]
    widths = [max(len(row[place]) for row in [heads, *rows]) for place in range(len(heads))]
    lines = []
    for row in [heads, *rows]:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)),
        ]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)
