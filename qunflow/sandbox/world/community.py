"""
The community's memory: people, posts in groups, and what will happen by itself.

Holds no rules; steps are in `arrivals`, `readers`, `staff` and `nights`, and `course` carries them out in time.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from qunflow.sandbox.areas.statistics import ZONE, day_start
from qunflow.sandbox.outside import Outside
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.shelf import Shelf
from qunflow.sandbox.world.records import Happening, Lead, Person, Post, Saying
from qunflow.sandbox.world.rules import is_awake
from qunflow.sandbox.world.spec import CommunitySpec, GroupSpec
from qunflow.sandbox.world.traits import RING, Traits, traits_of

DAY_S = 86_400


class Community:
    """The people of one sandbox and their agenda."""

    def __init__(self, platform: Platform, outside: Outside, spec: CommunitySpec) -> None:
        self.platform = platform
        self.outside = outside
        self.spec = spec
        self.dice = platform.dice
        self.people = Shelf(Person, lambda r: str(r.number), who=lambda r: r.who)
        self.posts = Shelf(Post, lambda r: str(r.number), chat=lambda r: r.chat_id)
        self.agenda = Shelf(Happening, lambda r: str(r.number))
        self.leads = Shelf(Lead, lambda r: str(r.serial))
        self.sayings = Shelf(Saying, lambda r: str(r.number), chat=lambda r: r.chat_id)
        for shelf in (self.people, self.posts, self.agenda, self.leads, self.sayings):
            platform.storage.attach(shelf)
        self._traits: dict[int, Traits] = {}
        self._groups = {group.name: group for group in reversed(spec.groups)}
        self._heap = [_turn(item) for item in self.agenda]
        heapq.heapify(self._heap)

    def plan(self, at: int, kind: str, **about: Any) -> None:
        """Let something happen at an instant."""
        item = self.agenda.put(Happening(self.platform.number("happening"), at, kind, about))
        heapq.heappush(self._heap, _turn(item))

    def next_until(self, at: int) -> Happening | None:
        """The next thing due by an instant; it stays on the agenda until `settle`."""
        if self._heap and self._heap[0][0] <= at:
            return self.agenda[str(self._heap[0][-1])]
        return None

    def settle(self, item: Happening) -> None:
        """Take something off the agenda."""
        if self._heap and self._heap[0][-1] == item.number:
            heapq.heappop(self._heap)
        else:
            self._heap.remove(_turn(item))
            heapq.heapify(self._heap)
        self.agenda.drop(str(item.number))

    def planned(self, kind: str) -> Iterator[Happening]:
        """Everything of a kind on the agenda, by time."""
        found = [item for item in self.agenda if item.kind == kind]
        return iter(sorted(found, key=lambda item: (item.at, item.number)))

    def person_of(self, who: str) -> Person | None:
        """The person behind an external_userid, if it is one of the simulated people."""
        return self.people.first("who", who)

    def traits(self, person: Person) -> Traits:
        """A person's lasting traits."""
        found = self._traits.get(person.number)
        if found is None:
            own = traits_of(self.dice, person.number, person.keen, pulled=person.pulled)
            found = self._traits[person.number] = RING if person.ring else own
        return found

    def chats_of(self, person: Person) -> list[str]:
        """The groups a person is in."""
        return [seat.chat_id for seat in self.platform.seats.where("who", person.who)]

    def group_spec(self, chat_id: str) -> GroupSpec | None:
        """What the spec says of a group; nothing for groups opened later."""
        return self._groups.get(self.platform.chats[chat_id].name)


def local_hour(at: int) -> float:
    """The hour of the day in Shanghai, with fraction."""
    return ((at - _start_of_day_with(at // 3_600)) % DAY_S) / 3_600


@lru_cache(maxsize=512)
def _start_of_day_with(hour: int) -> int:
    # Shanghai's offset is a whole number of hours, so no day begins within an hour.
    return day_start(hour * 3_600)


def local_text(at: int) -> str:
    """An instant as people write it, ``2026-03-02 09:15:00`` in Shanghai."""
    return f"{datetime.fromtimestamp(at, UTC).astimezone(ZONE):%Y-%m-%d %H:%M:%S}"


def utc_text(at: int) -> str:
    """An instant as forms push it: ISO 8601, UTC, milliseconds."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def awake_from(at: int) -> int:
    """The instant itself, or the next morning when people are asleep."""
    if is_awake(local_hour(at)):
        return at
    morning = day_start(at) + 7 * 3_600
    return morning + (at % 5_400) + (0 if local_hour(at) < 7 else int(timedelta(days=1).total_seconds()))


def _turn(item: Happening) -> tuple[int, str, str, int]:
    """Whose turn it is within one second: by kind and person first, since numbers follow the order of planning."""
    return item.at, item.kind, str(item.about.get("person", "")), item.number
