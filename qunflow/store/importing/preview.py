"""
What an import would do or did, as values: nothing in them names anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from qunflow.store.importing.kinds import ImportKind
from qunflow.store.importing.mapping import Origin
from qunflow.store.importing.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Told:
    """
    What a file holds under a mapping, before anything is written.

    Args:
        columns: field → column; ``origin`` says where that is from, ``unused`` lists columns that mean nothing.
        sample: the first rows as understood, masked.
        rows_new, rows_known, rows_doubtful: of the usable rows; a doubtful one is brought in and somebody is asked.
        rejected: reason → rows that cannot be used.
        unknown_groups: group as the file calls it → rows.
        details: what else is worth knowing, by its name in the catalogue.
        lines: what is added to the settings.
    """

    kind: ImportKind
    file_name: str
    described: str
    columns: Mapping[str, str]
    origin: Origin
    unused: Sequence[str]
    sample: Sequence[Mapping[str, str]]
    rows_read: int
    rows_new: int
    rows_known: int
    rows_doubtful: int
    rejected: Mapping[str, int]
    unknown_groups: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, int] = field(default_factory=dict)
    lines: str = ""


def told(
    sheet: Sheet,
    statuses: Mapping[int, str],
    rejected: Mapping[str, int],
    unknown_groups: Mapping[str, int] | None = None,
    details: Mapping[str, int] | None = None,
) -> Told:
    """A preview; ``statuses`` is row index → new, known or doubtful."""
    found = list(statuses.values())
    return Told(
        kind=sheet.kind.name,
        file_name=sheet.file_name,
        described=sheet.described,
        columns=dict(sheet.chosen.columns),
        origin=sheet.origin,
        unused=sheet.unused,
        sample=sheet.sample(),
        rows_read=sheet.rows_read,
        rows_new=found.count("new"),
        rows_known=found.count("known"),
        rows_doubtful=found.count("doubtful"),
        rejected=dict(rejected),
        unknown_groups=dict(unknown_groups or {}),
        details={name: count for name, count in (details or {}).items() if count},
    )
