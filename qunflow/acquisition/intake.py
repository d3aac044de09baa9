"""
What one run of acquisition took in and found, as values that travel between its steps.

Only shapes: reading, judging and keeping are done elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from qunflow.acquisition.leads import Lead, RefusedRow


@dataclass(frozen=True, slots=True)
class LeadFile:
    """A dropped file that was read; ``kind`` tells under which mapping, so that another mapping reads it again."""

    name: str
    kind: str
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class Intake:
    """
    The rows of every form and file, judged.

    Args:
        files: the files these rows are from; those read before are not among them.
        unreadable: file name and what is wrong with it, for whole files.
        inbox: source/row_ref of a pushed entry → its inbox id.
    """

    leads: tuple[Lead, ...]
    refused: tuple[RefusedRow, ...]
    files: tuple[LeadFile, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()
    inbox: dict[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows came in."""
        return len(self.leads) + len(self.refused)


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping leads changed: new leads, and how many of them repeat a person."""

    new: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Placing:
    """How many leads got a group, and how many none because no group has room."""

    placed: int
    without_room: int


@dataclass(frozen=True, slots=True)
class ContactNews:
    """What callbacks and the contact list brought; ``quarantined`` callbacks could not be understood."""

    added: int = 0
    deleted: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class GroupNews:
    """
    One look at one group.

    Args:
        members_before: open memberships before the look.
        members: open memberships after it.
        listed: external people on the platform's roster.
        left_without_join: people a callback said had left whom nobody ever saw join.
        problem: why the group could not be read, else empty.
        in_flight: how many more people the roster lists than are in, as it shows changes some seconds late.
    """

    group_id: int
    group_key: str
    members_before: int
    members: int
    listed: int
    joins: int
    leaves: int
    left_without_join: int = 0
    problem: str = ""
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class RosterNews:
    """The looks at all groups of a run."""

    groups: tuple[GroupNews, ...]

    @property
    def seen(self) -> int:
        """How many people stand on the rosters, counted by group (人次)."""
        return sum(one.listed for one in self.groups)

    @property
    def changed(self) -> int:
        """How many joins and leaves were new."""
        return sum(one.joins + one.leaves for one in self.groups)


@dataclass(frozen=True, slots=True)
class Said:
    """Who was written to in one step; ``problem`` is why the words could not be found, empty when they could."""

    persons: tuple[int, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What was put into the outbox, or would be in a rehearsal: one line a kind of message, for the preview."""

    lines: tuple[tuple[str, str, int, str], ...] = ()

    @property
    def messages(self) -> int:
        """How many people would get one."""
        return sum(line[2] for line in self.lines)
