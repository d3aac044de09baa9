"""
What a gate found, as values and as Markdown for people.

A report holds counts and ids, never a raw value: samples are ids of rows, and an id that could identify a person
is replaced by a short digest. Running the checks is the gate's business, storing and publishing them the tasks'.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qunflow.language import catalogue

CRITICAL, WARNING, INFO = "critical", "warning", "info"
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:/#-]{1,64}")
_LIKE_A_PHONE = re.compile(r"\d{7,}")


@dataclass(frozen=True, slots=True)
class CheckResult:
    """
    The verdict of one expectation.

    Args:
        expectation: stable name with its columns, for example ``column_values_to_be_in_set(kind)``.
        severity: critical, warning or info; a check that could not run is always critical.
        passed: whether the data met it.
        could_run: False when the check itself failed; ``passed`` is then False too.
        observed: plain numbers only, JSON-ready.
        unexpected_count: rows that broke it, 0 for a check of the whole frame.
        sample_ids: up to five ids of such rows.
        said: the expectation in words, by language.
    """

    expectation: str
    severity: str
    passed: bool
    could_run: bool
    observed: Mapping[str, float | int | str] = field(default_factory=dict)
    unexpected_count: int = 0
    sample_ids: tuple[int | str, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)

    def words(self, lang: str) -> str:
        """The expectation in a language, its stable name where no words were given."""
        return self.said.get(lang) or self.expectation


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The verdicts of one suite on one frame of ``rows`` rows, in the order of the suite."""

    suite: str
    results: tuple[CheckResult, ...]
    rows: int

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """Failures that stop the step: critical ones, and every check that could not run."""
        return tuple(r for r in self.results if not r.passed and (r.severity == CRITICAL or not r.could_run))

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """Failures that are shown and do not stop the step."""
        return tuple(r for r in self.results if not r.passed and r.could_run and r.severity != CRITICAL)

    @property
    def passed_count(self) -> int:
        """How many of the expectations the data met."""
        return sum(result.passed for result in self.results)

    def markdown(self, lang: str = "zh", quarantined: Mapping[str, int] | None = None) -> str:
        """The report for people: a verdict, a table, and how many rows were set aside for which reason."""
        words = catalogue(lang)
        verdict = "blocked" if self.blocking else "warned" if self.warnings else "passed"
        lines = [
            f"# {words.text('checks.heading', suite=self.suite)}",
            words.text(f"checks.{verdict}", rows=self.rows, passed=self.passed_count, total=len(self.results)),
            "",
            *_table(self.results, lang),
        ]
        return "\n".join([*lines, *_set_aside(quarantined or {}, lang)]) + "\n"


def safe_id(value: object) -> int | str:
    """An id that may be shown: whole numbers and plain keys as they are, anything else as a short digest."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int | float) and float(value).is_integer() and abs(value) < 10**9:
        return int(value)
    text = str(value)
    if _PLAIN_ID.fullmatch(text) and not _LIKE_A_PHONE.search(text):
        return text
    return "#" + hashlib.sha256(text.encode()).hexdigest()[:8]


def _table(results: Sequence[CheckResult], lang: str) -> list[str]:
    words = catalogue(lang)
    columns = [words.text(f"checks.column_{name}") for name in ("verdict", "what", "severity", "found", "samples")]
    return [_row(columns), _row(["---"] * len(columns)), *(_row(_cells(result, lang)) for result in results)]


def _cells(result: CheckResult, lang: str) -> list[str]:
    words = catalogue(lang)
    mark = "ok" if result.passed else "cannot_run" if not result.could_run else "failed"
    found = ", ".join(f"{value}" for name, value in result.observed.items() if name != "rows_checked")
    return [
        words.text(f"checks.mark_{mark}"),
        result.words(lang),
        words.text(f"checks.severity_{result.severity}"),
        str(result.unexpected_count) if result.unexpected_count else found,
        ", ".join(str(sample) for sample in result.sample_ids),
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _set_aside(quarantined: Mapping[str, int], lang: str) -> list[str]:
    if not quarantined:
        return []
    words = catalogue(lang)
    listed = [f"- {reason}: {count}" for reason, count in sorted(quarantined.items())]
    return ["", words.text("checks.quarantined", count=sum(quarantined.values())), "", *listed]
