"""
``python -m tests.definitions_table`` writes docs/reference/definitions.md: what each figure of retention means.

The definitions and their examples are those of ``tests.spec.retention_definitions``, which the test suite runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from qunflow.retention.measuring.quality import RULES
from tests.spec.retention_care_rules import RULES as CARE_RULES
from tests.spec.retention_care_rules import Rule
from tests.spec.retention_definitions import DEFINITIONS, Definition
from tests.spec.retention_outlook_rules import RULES as OUTLOOK_RULES

ROOT = Path(__file__).resolve().parent.parent
OUTLOOK = "What is ahead: each rule with its cases"
CARE = "What is done about it: each rule with its cases"
PAGE = ROOT / "docs" / "reference" / "definitions.md"
HEAD = """# Retention: what each figure means

Made by `python -m tests.definitions_table` from `tests/spec/retention_definitions.py`, whose examples the tests run; do
not edit. Every query below can be given to `qunflow retention --events FILE --query FILE`, and to
`qunflow.retention.measure`. A row of a result is a cohort: its label, its size, then its cells; `.` is a cell that has
not come due and is blank everywhere, never 0. Times of the examples are UTC, and noon where none is given.

`qunflow retention check CASES.json` holds these definitions against cases of another tool: each with `events`, a
`query`, `identity_aliases` and `expected_counts`.
"""
RATES = """## Rates, means and intervals

* **rate** = cell ÷ size of its cohort; none for a cohort of nobody.
* **mean** of a column = sum of its cells that have come due ÷ sum of the sizes of those cohorts, so every actor weighs
  the same; a 0 is counted, a blank is not, and the number of cohorts stands beside it.
* **interval** of a rate = Wilson's 95 % interval, (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) ÷ (1 + z²/n), z = 1.959964
  (E. B. Wilson, JASA 22, 1927).
* **difference** of a cohort from the one before it = rate less rate, with the range of Newcombe's method 10: with p the
  rates and [l, u] their Wilson intervals, d − √((p₂ − l₂)² + (u₁ − p₁)²) to d + √((u₂ − p₂)² + (p₁ − l₁)²)
  (R. Newcombe, Statistics in Medicine 17, 1998), its z taken at 1 − 2.5 % ÷ n where n differences are looked at
  (Bonferroni); the highest of n parts against the lowest counts as n(n − 1) ÷ 2. Lower or higher is said only where the
  range leaves 0 out; else it may be chance, and below 30 people in either nothing is said.

## Sales data: a cleaning rule comes first

Real sales data need a cleaning rule before anything can be compared. That of the published Online Retail table, which
the tests reproduce in all 91 cells with revenue and active customers: the customer is known, the invoice is no
cancellation (its number does not start with C), quantity and price are above 0; calendar months.
"""


def page(definitions: Iterable[Definition] = DEFINITIONS) -> str:
    """The Markdown page."""
    sections = (part for definition in definitions for part in _section(definition))
    ruled = (*_ruled(OUTLOOK, OUTLOOK_RULES), *_ruled(CARE, CARE_RULES))
    return "\n".join([HEAD, *sections, RATES, *_dirt(), *ruled])


def _section(definition: Definition) -> Iterator[str]:
    yield f"## {definition.name}\n"
    yield f"| formula | {definition.formula} |\n|---|---|"
    yield f"| unit | {definition.unit} |\n| source | {definition.source} |\n"
    if definition.remark:
        yield f"{definition.remark}\n"
    yield _block("text", definition.log)
    yield _block("json", json.dumps(definition.query, ensure_ascii=False))
    if definition.aliases:
        yield _block("json", json.dumps(definition.aliases, ensure_ascii=False))
    yield _block("text", definition.expected)
    if definition.notes:
        yield "Told beside it: " + ", ".join(f"{kind} {count}" for kind, count in definition.notes.items()) + ".\n"


def _dirt() -> Iterator[str]:
    yield "## What is odd in a log, and what is done with it\n"
    yield "| kind | rule |\n|---|---|"
    yield "\n".join(f"| {kind} | {rule} |" for kind, rule in RULES.items()) + "\n"


def _ruled(title: str, rules: Iterable[Rule]) -> Iterator[str]:
    yield f"# {title}\n"
    for rule in rules:
        yield f"## {rule.name}\n"
        yield f"| formula | {rule.formula} |\n|---|---|"
        yield f"| unit | {rule.unit} |\n| source | {rule.source} |\n"
        if rule.remark:
            yield f"{rule.remark}\n"
        yield "| given | found |\n|---|---|"
        yield "\n".join(f"| {case.given} | {case.expected} |" for case in rule.cases) + "\n"


def _block(language: str, text: str) -> str:
    lines = "\n".join(line.strip() for line in text.strip().splitlines())
    return f"```{language}\n{lines}\n```\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
