"""
Cohorts of a measured table side by side: which differ, by how much, and whether that may be luck.

A row is named by its label, or ``label/part`` where cohorts are split.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qunflow.errors import BadInput
from qunflow.retention.comparing import Difference, Reached, differences
from qunflow.settings.words import did_you_mean

if TYPE_CHECKING:
    from qunflow.language import Catalogue
    from qunflow.retention.measuring.result import Measured, Row

# Without a wish: so many of the newest.
NEWEST = 3


def name_of(row: Row) -> str:
    """What a row is called where cohorts are chosen."""
    return f"{row.label}/{row.split}" if row.split else row.label


def compared(found: Measured, names: Sequence[str] = ()) -> tuple[Difference, ...]:
    """
    Each named row against the one named before it; without names the newest rows that have reached anything.

    ``day`` of a difference is the place of its column in ``found.columns``.

    Raises:
        BadInput: a name no row has, or only one name.
    """
    rows = {name_of(row): row for row in found.rows}
    for name in names:
        if name not in rows:
            raise BadInput(f"there is no cohort {name!r}", did_you_mean(name, list(rows)))
    if len(names) == 1:
        raise BadInput("one cohort cannot be compared", "name two or more, separated by commas")
    chosen = list(names) or _newest(found)
    return differences([cell for name in chosen for cell in _reached(name, rows[name])], chosen)


def lines(found: Measured, told: Sequence[Difference], words: Catalogue) -> list[str]:
    """One sentence a difference, and a word of care where a person may be in several cohorts."""
    said = [_sentence(one, found.columns[one.later.day], words) for one in told]
    if told:
        said.append(words.text("compare.widened", count=len(told)))
    return said + ([words.text("compare.not_apart")] if told and _overlap(found) else [])


def as_json(found: Measured, told: Sequence[Difference]) -> list[dict[str, Any]]:
    """``later``, ``earlier``, ``column``, ``difference`` with its ``interval``, and ``verdict``."""
    return [
        {
            "later": one.later.cohort,
            "earlier": one.earlier.cohort,
            "column": found.columns[one.later.day],
            "difference": round(one.share, 6),
            "interval": [round(one.low, 6), round(one.high, 6)],
            "verdict": one.verdict,
        }
        for one in told
    ]


def column_told(column: str, words: Catalogue) -> str:
    """A column in words: ``stay_d7`` is the stay rate of day 7."""
    kind, _, day = column.partition("_d")
    if day and words.has(f"compare.of.{kind}"):
        return words.text(f"compare.of.{kind}", day=day.replace("_", "–"))
    return words.text("compare.of.period", place=column) if column.isdigit() else column


def _newest(found: Measured) -> list[str]:
    """The newest cohorts that have reached anything; of split ones the parts of the newest."""
    rows = [row for row in found.rows if _reached("", row)]
    if found.definition.get("split_by") is not None:
        return [name_of(row) for row in rows if row.label == rows[-1].label]
    return [name_of(row) for row in rows[-NEWEST:]]


def _reached(name: str, row: Row) -> list[Reached]:
    size = row.counts[0] or 0
    if not size:
        return []
    cells = enumerate(row.counts[1:], start=1)
    return [Reached(name, place, count, size) for place, count in cells if count is not None]


def _sentence(one: Difference, column: str, words: Catalogue) -> str:
    return words.text(
        f"compare.row.{one.verdict}",
        later=one.later.cohort,
        earlier=one.earlier.cohort,
        column=column_told(column, words),
        points=f"{abs(one.share) * 100:.1f}".removesuffix(".0"),
        low=f"{one.low * 100:+.0f}",
        high=f"{one.high * 100:+.0f}",
    )


def _overlap(found: Measured) -> bool:
    return found.definition.get("cohort_rule") == "recurring"
