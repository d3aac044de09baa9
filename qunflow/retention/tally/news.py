"""
Which of the events that came in are counted now, and which are held back for later.

The community's own events are those of its groups, of its imports, and those outside any group of people it has seen;
what happens later than now has not happened. An event that may still become one's own, or come due, is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from qunflow.retention.tally.links import Links
from qunflow.retention.tally.pages import Ints, Marks, Truths, distinct, ints, packed, unpacked


@dataclass(frozen=True, slots=True)
class News:
    """
    Events as columns: ``at_us`` microseconds since 1970 UTC; ``kind`` a number of the caller's.

    ``own``: 1 = of the community whoever did it, 0 = outside any group, of the community once it knows the person.
    ``repeated``: 1 = an equal event was read in the same go.
    """

    person: Ints
    group: Ints
    at_us: Ints
    kind: Ints
    own: Ints
    repeated: Ints

    @classmethod
    def joined(cls, parts: Sequence[News]) -> News:
        """Several as one."""
        some = [part for part in parts if len(part)]
        if len(some) == 1:
            return some[0]
        return cls(*(np.concatenate([ints(), *(getattr(part, f.name) for part in some)]) for f in fields(cls)))

    def __len__(self) -> int:
        return len(self.person)

    def take(self, where: Truths) -> News:
        """Some of them."""
        if where.all():
            return self
        return News(*(getattr(self, field.name)[where] for field in fields(self)))

    def to_bytes(self) -> bytes:
        """For ``from_bytes``."""
        return packed([getattr(self, field.name) for field in fields(self)])

    @classmethod
    def from_bytes(cls, content: bytes | None) -> News:
        """What ``to_bytes`` gave; nothing for None."""
        return cls(*unpacked(content)) if content else cls.joined([])


@dataclass(frozen=True, slots=True)
class Sifted:
    """Events that count now, those held back, and how many of those are the community's and lie in the future."""

    counted: News
    held: News
    in_the_future: int


def sifted(news: News, known: Marks, links: Links, now_us: int, alone: bool) -> Sifted:
    """Tell them apart; ``known`` learns the people of own events."""
    news = replace(news, own=np.ones(len(news), np.int64)) if alone else news
    meant = links.now(news.person)
    if not alone:
        known.add(distinct(meant[(news.own == 1) & (meant > 0)]))
        owned = (news.own == 1) | ((meant > 0) & known.has(np.maximum(meant, 0)))
    else:
        owned = np.ones(len(news), bool)
    future = news.at_us > now_us
    due = owned & ~future
    return Sifted(news.take(due), news.take(~due), int((owned & future).sum()))
