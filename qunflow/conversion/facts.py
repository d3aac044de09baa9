"""
What is known of a campaign on a day, before any rule is applied: what reached the groups, who clicked, who is where.

Leaves asking the store and the history to the tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from qunflow.conversion.campaign import WarmUp

# One row a person, group and local day on which somebody clicked a link of the campaign.
CLICKS_SQL = """
SELECT DISTINCT person_id, group_id, local_day
FROM events
WHERE kind = 'click' AND json_extract_string(props, '$.campaign') = $campaign AND local_day <= $last_day
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """A message of the campaign people in a group could read from ``at`` on; ``replies`` None: nobody counted them."""

    slot_key: str
    group_id: int
    day: date
    at: datetime
    replies: int | None


class Seat(Protocol):
    """A person's time in a group; still there while ``left_at`` is None."""

    @property
    def group_id(self) -> int: ...
    @property
    def person_id(self) -> int: ...
    @property
    def joined_at(self) -> datetime: ...
    @property
    def left_at(self) -> datetime | None: ...


def in_group_at(seats: Iterable[Seat], at: datetime) -> dict[int, set[int]]:
    """The people of each group at an instant; a group with nobody in it is left out."""
    found: dict[int, set[int]] = {}
    for seat in seats:
        if seat.joined_at <= at and (seat.left_at is None or seat.left_at > at):
            found.setdefault(seat.group_id, set()).add(seat.person_id)
    return found


@dataclass(frozen=True, slots=True)
class ClickedOn:
    """A person who clicked in a group (0 = unknown) on a local day."""

    person_id: int
    group_id: int
    day: date


def warm_ups(
    reached: Iterable[Reached], clicked: Collection[ClickedOn], members: Mapping[int, int], offer_on: date
) -> tuple[WarmUp, ...]:
    """
    What the warm-up brought, one row a group that has members or got one of its messages.

    Of several warm-up messages the one with the most answers counts: the same people answer again, and nobody can
    tell them apart without the chat archive. Everything before the day of the offer is warm-up.
    """
    before = [one for one in reached if one.day < offer_on]
    clickers = {(one.group_id, one.person_id) for one in clicked if one.day < offer_on}
    return tuple(
        WarmUp(
            group_id=group_id,
            delivered=any(one.group_id == group_id for one in before),
            replies=max((one.replies or 0 for one in before if one.group_id == group_id), default=0),
            clickers=sum(1 for group, _ in clickers if group == group_id),
            members=members.get(group_id, 0),
        )
        for group_id in sorted({*members, *(one.group_id for one in before)})
    )


def people_reached(
    reached: Iterable[Reached], link_slots: Collection[tuple[str, int]], seats: Collection[Seat]
) -> frozenset[int]:
    """Persons who were in a group when a message with the campaign's link could first be read there, each once."""
    first: dict[int, datetime] = {}
    for one in reached:
        if (one.slot_key, one.group_id) in link_slots:
            first[one.group_id] = min(one.at, first.get(one.group_id, one.at))
    there = (in_group_at(seats, at).get(group_id, set()) for group_id, at in first.items())
    return frozenset().union(*there)


def offer_clickers(clicked: Iterable[ClickedOn], offer_on: date) -> frozenset[int]:
    """Persons who clicked from the day of the offer on."""
    return frozenset(one.person_id for one in clicked if one.day >= offer_on)
