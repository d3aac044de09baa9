"""
What planted truths do to chances: a channel's quality, effects of content, the lift of campaigns.

Everything is a factor on a chance that `rules` gives, so the truth of a season can be written down as a formula.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import prod
from typing import Any

from qunflow.sandbox.kept import Kept
from qunflow.sandbox.world import rules
from qunflow.sandbox.world.community import DAY_S, Community
from qunflow.sandbox.world.content import LEAST_APPEAL, Features, features_of
from qunflow.sandbox.world.planting import ContentSpec, Kind
from qunflow.sandbox.world.records import Person, Post

MOST = 0.95


@dataclass(frozen=True, slots=True)
class Treated:
    """Somebody who got a campaign's message, first ``at``; it works until ``until``."""

    campaign: str
    who: str
    at: int
    until: int


TREATED = Kept(Treated, lambda r: f"{r.campaign}/{r.who}", who=lambda r: r.who)


def kind_of(features: Features) -> Kind:
    """The sort of message a reader takes it for."""
    if features.offers:
        return "offer"
    if features.check_ins:
        return "check_in"
    return "question" if features.asks else "plain"


def appeal_of(community: Community, text: str, attachments: list[dict[str, Any]]) -> float:
    """A message's appeal, 0.05 to 1, with what was planted for its sort."""
    features = features_of(text, attachments)
    planted = sum(one.appeal for one in _about(community.spec.content, text, kind_of(features)))
    return min(max(features.appeal + planted, LEAST_APPEAL), 1.0)


def treat(community: Community, text: str, reached: Iterable[str]) -> None:
    """Note who got a message that belongs to a campaign; the first time counts, every time prolongs."""
    now, shelf = community.platform.now(), TREATED.of(community.platform)
    for campaign in community.spec.campaigns:
        if campaign.marks not in text:
            continue
        until = now + int(campaign.days * DAY_S)
        for who in reached:
            old = shelf.get(f"{campaign.key}/{who}")
            shelf.put(Treated(campaign.key, who, old.at if old else now, until))


def click_chance(community: Community, person: Person, post: Post, warm_up: float) -> float:
    """The chance of `rules` times the factors of the message's sort."""
    chance = rules.click_chance(community.traits(person), post.appeal, warm_up)
    return min(chance * prod(one.clicking for one in _of_post(community, post)), MOST)


def buying_chance(community: Community, person: Person, post: Post, warm_up: float, price_fen: int) -> float:
    """The chance of `rules` × the channel's quality × the message's sort × ``1 + lift`` of each campaign at work."""
    chance = rules.buying_chance(community.traits(person), person.warmth, warm_up, price_fen)
    return min(
        chance * person.buying * prod(one.buying for one in _of_post(community, post)) * _lift(community, person), MOST
    )


def leaving_factor(community: Community, posts: Iterable[Post]) -> float:
    """What a day's messages do to the chance to leave a group on the next day; every sort counts once."""
    sorts = dict.fromkeys(one for post in posts for one in _of_post(community, post))
    return prod(one.leaving for one in sorts)


def planted(community: Community) -> dict[str, Any]:
    """The plan of the season: everything a spec file planted, as JSON values."""
    spec = community.spec
    lists: dict[str, tuple[Any, ...]] = {
        "content": spec.content,
        "campaigns": spec.campaigns,
        "rings": spec.rings,
        "outages": spec.outages,
    }
    quality = ("key", "keen", "buying", "leaving", "junk")
    habits = ("userid", "habit", "own_sends")
    return {
        "channels": [{name: getattr(one, name) for name in quality} for one in spec.channels],
        "staff": [{name: getattr(one, name) for name in habits} for one in spec.staff],
        **{name: [_plain(asdict(one)) for one in some] for name, some in lists.items()},
    }


def _lift(community: Community, person: Person) -> float:
    if not community.spec.campaigns:
        return 1.0
    lifts = {one.key: one.lift for one in community.spec.campaigns}
    now = community.platform.now()
    at_work = [one for one in TREATED.of(community.platform).where("who", person.who) if now < one.until]
    return prod(1 + lifts.get(one.campaign, 0.0) for one in at_work)


def _of_post(community: Community, post: Post) -> tuple[ContentSpec, ...]:
    if not community.spec.content:
        return ()
    return _about(community.spec.content, post.text, kind_of(features_of(post.text, post.attachments)))


@lru_cache(maxsize=512)
def _about(content: tuple[ContentSpec, ...], text: str, kind: Kind) -> tuple[ContentSpec, ...]:
    return tuple(one for one in content if one.kind in ("any", kind) and one.subject in text)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}
