"""
From what is known of one person and one member of staff to the times they were friends.

What comes out depends only on the set of what is known, never on the order in which callbacks came. An end that comes
before every beginning ends nothing: whose friendship began before Qunflow is known from the contact list.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Friendship:
    """One interval; open while ``deleted_at`` is ``None``, ``channel`` is how it began."""

    added_at: datetime
    channel: str
    deleted_at: datetime | None


def friendships(added: Mapping[datetime, str], ended: Collection[datetime]) -> list[Friendship]:
    """
    Every time two were friends, oldest first.

    Args:
        added: instant → channel, of every beginning that was told or listed; one while they are friends adds nothing.
        ended: every instant at which an end was told.
    """
    ends = sorted(set(ended))
    found: list[Friendship] = []
    for at in sorted(added):
        last = found[-1] if found else None
        if last is not None and bisect_left(ends, last.added_at) == bisect_left(ends, at):
            continue
        place = bisect_left(ends, at)
        found.append(Friendship(at, added[at], ends[place] if place < len(ends) else None))
    return found
