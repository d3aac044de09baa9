"""Numbers that are one person: which number is meant, and which others mean the same."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qunflow.retention.tally.pages import Ints, distinct, ints, packed, unpacked


class Links:
    """Aliases, followed to their end: ``{number: the number meant}``."""

    def __init__(self, aliases: Mapping[int, int]) -> None:
        order = sorted(aliases)
        self.alias, self.meant = ints(order), ints([aliases[one] for one in order])

    @classmethod
    def from_bytes(cls, content: bytes | None) -> Links:
        """What ``to_bytes`` gave; none for None."""
        alias, meant = unpacked(content) if content else (ints(), ints())
        return cls(dict(zip(alias.tolist(), meant.tolist(), strict=True)))

    def to_bytes(self) -> bytes:
        """For ``from_bytes``."""
        return packed([self.alias, self.meant])

    def now(self, people: Ints) -> Ints:
        """Who each is."""
        if not len(self.alias):
            return people
        place = np.minimum(np.searchsorted(self.alias, people), len(self.alias) - 1)
        return np.where(self.alias[place] == people, self.meant[place], people)

    def linked(self) -> Ints:
        """Every number that is not alone."""
        return distinct(np.concatenate([self.alias, self.meant]))

    def family(self, people: Ints) -> Ints:
        """These and all who are one with any of them, in order."""
        meant = distinct(self.now(people))
        return distinct(np.concatenate([people, meant, self.alias[np.isin(self.meant, meant)]]))

    def differing(self, other: Links) -> Ints:
        """The numbers that mean somebody else than they do in another."""
        both = distinct(np.concatenate([self.alias, other.alias]))
        differing: Ints = both[self.now(both) != other.now(both)]
        return differing


def families(people: Ints, before: Links, after: Links) -> Ints:
    """These and all who are, were, or were in between one with any of them, in order."""
    if not len(before.alias) and not len(after.alias):
        return distinct(people)
    while True:
        more = after.family(before.family(people))
        if len(more) == len(people):
            return more
        people = more
