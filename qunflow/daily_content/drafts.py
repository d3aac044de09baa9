"""
A day's content on its way to the outbox, as values that travel between the steps.

Only shapes: rendering and planning are done elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from qunflow.community.calendar import Occurrence
from qunflow.daily_content.agenda import slot_ref
from qunflow.settings.workspace import Group


@dataclass(frozen=True, slots=True)
class Draft:
    """One slot of one group with its finished text; ``findings`` counts what the copy check would look at twice."""

    group: Group
    group_id: int
    occurrence: Occurrence
    text: str
    findings: int = 0

    @property
    def ref(self) -> str:
        """What it is called in checks and previews."""
        return slot_ref(self.group, self.occurrence.slot)


@dataclass(frozen=True, slots=True)
class BrokenSlot:
    """A slot that could not be written; ``problem`` names file, line and what is wrong."""

    ref: str
    problem: str


@dataclass(frozen=True, slots=True)
class Written:
    """
    The day's content as far as it could be written.

    Args:
        held: slots some variable of which nobody filled (缺一个就不发).
        for_persons: private messages, whose recipients a person has to choose.
    """

    drafts: tuple[Draft, ...]
    broken: tuple[BrokenSlot, ...] = ()
    held: tuple[str, ...] = ()
    for_persons: tuple[str, ...] = ()

    @property
    def slots(self) -> int:
        """How many slots the day has, written or not."""
        return len(self.drafts) + len(self.broken) + len(self.held) + len(self.for_persons)
