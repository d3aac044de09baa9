"""
Fraud rings: accounts of few hands that come in a burst, take what is given away, never talk or buy, and leave.

What a product can see of it is what a real one sees: shared phones and addresses in the form, the burst, the channel,
the silence. That they are a ring stands in the truth alone.
"""

from __future__ import annotations

from qunflow.sandbox.world.community import DAY_S, Community
from qunflow.sandbox.world.planting import RingSpec

# Far above the number of any person, so that a ring's phones and addresses are nobody else's.
FIRST_HAND = 50_000_000
HANDS = 10_000


def plan_rings(community: Community) -> None:
    """Put every ring's burst on the agenda; one that lies before now is left out."""
    dice, now = community.dice, community.platform.now()
    for ring in community.spec.rings:
        start = int(ring.at.timestamp())
        for nth in range(ring.size if start >= now else 0):
            at = start + int(dice.roll("ring at", ring.key, nth) * ring.minutes * 60)
            community.plan(at, "arrive", ring=ring.key, nth=nth)


def ring_of(community: Community, key: str) -> RingSpec | None:
    """A ring by its key; none when the file no longer has it, as after a restart with another one."""
    return next((ring for ring in community.spec.rings if ring.key == key), None)


def hand(community: Community, ring: RingSpec, nth: int, of: int) -> int:
    """Which of a ring's ``of`` phones or addresses the nth account uses, as a number of its own."""
    place = community.spec.rings.index(ring)
    return FIRST_HAND + place * HANDS + nth % of


def leaves_at(community: Community, ring: RingSpec, nth: int) -> int:
    """When the nth account goes: all within a fifth of the time they stayed."""
    share = 0.9 + 0.2 * community.dice.roll("ring leaves", ring.key, nth)
    return community.platform.now() + int(ring.stays_days * share * DAY_S)
