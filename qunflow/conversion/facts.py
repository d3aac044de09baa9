"""
What is known of a campaign on a day, before any rule is applied: what reached the groups, who clicked, who is where.

Leaves asking the store and the history to the tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from qunflow.conversion.campaign import WarmUp

# One row a person, group and local day on which somebody clicked a link of the campaign.
CLICKS_SQL = """
SELECT DISTINCT person_id, group_id, local_day
FROM events
WHERE kind = 'click' AND json_extract_string(props, '$.campaign') = $campaign AND local_day <= $last_day
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """A message of the campaign that people in a group could read; ``replies`` None when nobody counted them."""

    slot_key: str
    group_id: int
    day: date
    replies: int | None


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
    What the warm-up brought, one row a group of the community.

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
            members=count,
        )
        for group_id, count in sorted(members.items())
    )


def offered_groups(reached: Iterable[Reached], link_slots: Collection[tuple[str, int]]) -> frozenset[int]:
    """The groups in which a message with the campaign's link could be read."""
    return frozenset(one.group_id for one in reached if (one.slot_key, one.group_id) in link_slots)


def offer_clickers(clicked: Iterable[ClickedOn], offer_on: date) -> frozenset[int]:
    """Persons who clicked from the day of the offer on."""
    return frozenset(one.person_id for one in clicked if one.day >= offer_on)
