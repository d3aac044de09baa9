"""
What a report is made of: the data handed in, and the sections that come out.

Plain frozen values, so that a report can be drawn from a test, a store or a file alike. Reading the store is left to
``gather``, choosing words and pictures to ``sections``, and HTML to ``page``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from qunflow.community.finality import FINAL_AFTER_DAYS
from qunflow.store.figure_changes import Change
from qunflow.store.figures import Figure


class Words(Protocol):
    """A language catalogue: texts by key."""

    @property
    def lang(self) -> str:
        """``zh`` or ``en``."""

    def text(self, key: str, **values: object) -> str:
        """The text of a key with its blanks filled in."""

    def has(self, key: str) -> bool:
        """Whether there is a text for the key."""


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group as the operator knows it; ``refs`` are the keys figures may call it by."""

    name: str
    kind: str
    owner: str
    members: int
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PushLine:
    """
    One planned message to one group: when (local), what, who, and what became of it.

    ``late`` says that its last moment has passed, so that it counts whatever became of it.
    """

    day: date
    at: str
    slot: str
    group: str
    way: str
    sender: str
    state: str
    outcome: str
    late: bool = False
    replies: int | None = None


@dataclass(frozen=True, slots=True)
class CheckLine:
    """
    One data check of one run.

    ``said`` is what it checks, by language; ``found`` what it saw, as plain text.
    """

    stage: str
    suite: str
    expectation: str
    severity: str
    passed: bool
    could_run: bool
    unexpected: int
    day: date
    said: Mapping[str, str] = field(default_factory=dict)
    found: str = ""


@dataclass(frozen=True, slots=True)
class QuarantineLine:
    """How many rows of a stage were set aside for one reason."""

    stage: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run of a stage."""

    stage: str
    day: date
    state: str
    dry_run: bool
    rows_in: int | None = None
    rows_out: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything one community's report is drawn from; days are local days of ``zone``, ``made_at`` is UTC."""

    brand: str
    community: str
    kind: str
    positioning: str
    zone: str
    first_day: date
    last_day: date
    made_at: datetime
    figures: Sequence[Figure] = ()
    changes: Sequence[Change] = ()
    final_after_days: int = FINAL_AFTER_DAYS
    groups: Sequence[GroupLine] = ()
    pushes: Sequence[PushLine] = ()
    checks: Sequence[CheckLine] = ()
    quarantine: Sequence[QuarantineLine] = ()
    runs: Sequence[RunLine] = ()
    channel_names: dict[str, str] = field(default_factory=dict)
    campaign_names: dict[str, str] = field(default_factory=dict)
    slot_titles: dict[str, str] = field(default_factory=dict)
    # Cohorts somebody chose to see side by side; without any, the newest.
    cohorts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """How complete the data behind a figure are: a letter, or a dash, and what it says."""

    letter: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell: what counts, the mark beside it, and the small print under it."""

    main: str
    small: str = ""
    tone: str = ""
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A folded table: its summary line, its head and its rows."""

    summary: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline number with its trend."""

    label: str
    value: str
    small: str = ""
    trend: str = ""
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class GroupCard:
    """A group on the board; ``health`` is 0–100 or ``None`` while it is not known."""

    name: str
    kind: str
    owner: str
    members: str
    health: int | None
    tone: str
    facts: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A sentence, a picture, figures folded below; ``lines`` say more, ``mark`` is of the sentence and the picture."""

    key: str
    title: str
    sentence: str
    picture: str = ""
    note: str = ""
    cards: tuple[GroupCard, ...] = ()
    bullets: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    wide: bool = False
    lines: tuple[str, ...] = ()
    mark: Mark | None = None
