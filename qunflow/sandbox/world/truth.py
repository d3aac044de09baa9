"""
What really is (``/_sandbox/truth``): moods, contacts, what the people did, and everything a spec file planted.

For tests and for judging a product's findings, never for flows: no other address tells any of it.
"""

from __future__ import annotations

from typing import Any

from qunflow.sandbox.storage import Event
from qunflow.sandbox.world import effects
from qunflow.sandbox.world.community import Community
from qunflow.sandbox.world.exports import instant
from qunflow.sandbox.world.records import Person


def truth(community: Community) -> dict[str, Any]:
    """The plan, the people with what was planted in each, the groups, and all events; instants are UTC."""
    platform = community.platform
    return {
        "now": instant(platform.now()),
        "plan": effects.planted(community),
        "people": [_person(community, person) for person in community.people],
        "groups": [
            {
                "chat_id": c.chat_id,
                "members": len(platform.customers_in(c.chat_id)),
                "posts": community.posts.count("chat", c.chat_id),
            }
            for c in platform.chats
        ],
        "events": [_event(event) for event in platform.storage.events(0, platform.now() + 1)],
        "unreached": community.outside.failures,
    }


def _person(community: Community, person: Person) -> dict[str, Any]:
    treated = effects.TREATED.of(community.platform).where("who", person.who)
    return {
        "external_userid": person.who,
        "channel": person.channel,
        "pulled": person.pulled,
        "arrived_at": instant(person.arrived_at),
        "warmth": round(person.warmth, 4),
        "friend": community.platform.is_friend(community.spec.helper, person.who),
        "groups": community.chats_of(person),
        "orders": person.orders,
        "junk": person.junk,
        "ring": person.ring,
        "invited_by": person.invited_by,
        "treated": {one.campaign: instant(one.at) for one in treated},
    }


def _event(event: Event) -> dict[str, Any]:
    at, kind, who, chat, amount = event
    return {"at": instant(at), "kind": kind, "external_userid": who, "chat_id": chat, "amount_fen": amount}
