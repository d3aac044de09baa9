"""``qunflow retention --format xlsx``: one workbook with how it was measured, rates, people, and cohorts compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qunflow.cli.retention_comparing import column_told, lines
from qunflow.cli.retention_output import told_beside
from qunflow.report.spreadsheet import Block, Rate, Sheet, Value, write_book
from qunflow.report.workbook import DIFFERENCE, difference_row, heads
from qunflow.retention.comparing import Difference

if TYPE_CHECKING:
    from qunflow.language import Catalogue
    from qunflow.retention.measuring.result import Measured, Row


def write_workbook(path: Path, found: Measured, told: Sequence[Difference], words: Catalogue) -> None:
    """Raises: PermanentError when the file cannot be written."""
    sheets = (_about(found, words), _rates(found, words), _people(found, words), _compared(found, told, words))
    write_book(path, sheets)


def _about(found: Measured, words: Catalogue) -> Sheet:
    facts: list[Sequence[Value]] = [
        (words.text("compare.book.as_of"), found.as_of.isoformat() if found.as_of else None),
        (words.text("compare.book.zone"), str(found.definition.get("timezone", ""))),
    ]
    defined = [(name, json.dumps(value, ensure_ascii=False)) for name, value in found.definition.items()]
    read = [(words.text("compare.book.mean_rule"),), *((line,) for line in told_beside(found, words))]
    title = words.text("compare.book.about")
    return Sheet(
        title,
        (
            Block(words.text("retention.title"), (), read),
            Block("", (), facts),
            Block(words.text("compare.book.query"), (), defined),
        ),
    )


def _heads(found: Measured, words: Catalogue) -> list[str]:
    split = [words.text("compare.book.part")] if _is_split(found) else []
    names = [column_told(name, words) for name in found.columns[1:]]
    return [words.text("retention.cohort"), *split, words.text("retention.size"), *names]


def _named(row: Row, found: Measured, words: Catalogue) -> list[Value]:
    part = [row.split or words.text("compare.unknown_part")] if _is_split(found) else []
    return [row.label, *part, row.counts[0]]


def _is_split(found: Measured) -> bool:
    return found.definition.get("split_by") is not None


def _rates(found: Measured, words: Catalogue) -> Sheet:
    rows: list[list[Value]] = [
        [*_named(row, found, words), *(None if rate is None else Rate(rate) for rate in found.rates(row))]
        for row in found.rows
    ]
    body, first = len(rows), 3 if _is_split(found) else 2
    blank: list[Value] = [None] * (first - 1)
    rows.append(
        [words.text("retention.mean"), *blank, *(m.rate if m.rate is None else Rate(m.rate) for m in found.means)]
    )
    rows.append([words.text("compare.book.over_people"), *blank, *(mean.size for mean in found.means)])
    rows.append([words.text("compare.book.over_cohorts"), *blank, *(mean.cohorts for mean in found.means)])
    block = Block("", _heads(found, words), rows, shaded=(0, first, body))
    return Sheet(words.text("compare.book.heat"), (block,))


def _people(found: Measured, words: Catalogue) -> Sheet:
    rows = [[*_named(row, found, words), *row.counts[1:]] for row in found.rows]
    return Sheet(words.text("compare.book.people"), (Block("", _heads(found, words), rows),))


def _compared(found: Measured, told: Sequence[Difference], words: Catalogue) -> Sheet:
    rows = [difference_row(one, column_told(found.columns[one.later.day], words), words) for one in told]
    said = [(line,) for line in lines(found, told, words)] or [(words.text("compare.empty"),)]
    return Sheet(words.text("compare.book.compared"), (Block("", heads(DIFFERENCE, words), rows), Block("", (), said)))
