"""Planted truths as factors on chances."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qunflow.sandbox.options import Options
from qunflow.sandbox.outside import Outside
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.storage import Storage
from qunflow.sandbox.world import effects, rules
from qunflow.sandbox.world.community import DAY_S, Community
from qunflow.sandbox.world.planting import CampaignSpec, ContentSpec
from qunflow.sandbox.world.records import Person, Post
from qunflow.sandbox.world.spec import CommunitySpec

OFFER = "砂糖橘 5 斤装,29.9 元一份,备货 120 份。从这里下单:http://127.0.0.1:8790/s/Ab12Cd34Ef"
CAMPAIGN = CampaignSpec("spring", "春日专享", 0.5, days=2)


def community(**spec: object) -> Community:
    """An empty community with things planted."""
    options = Options("wwtest", "secret")
    planted = replace(CommunitySpec(), people=0, past_days=0, **spec)  # type: ignore[arg-type]
    return Community(Platform(options, Storage(":memory:")), Outside(options.hooks), planted)


def person(here: Community, **about: object) -> Person:
    """Somebody of ordinary traits."""
    first = Person(7, "wm7", "王七", "13800000000", "poster-a", 1.0, pulled=False, arrived_at=0, warmth=0.6)
    return here.people.put(replace(first, **about))  # type: ignore[arg-type]


def post(text: str = OFFER) -> Post:
    """A message in a group."""
    return Post(1, "wr1", 0, text, [], 0.7, 1)


def bought(here: Community, who: Person, text: str = OFFER) -> float:
    """The chance to pay after a tap, in proportion to the chance without anything planted."""
    plain = rules.buying_chance(here.traits(who), who.warmth, 1.0, 2_990)
    return effects.buying_chance(here, who, post(text), 1.0, 2_990) / plain


def test_nothing_planted_changes_nothing() -> None:
    """Without a spec file every factor is 1."""
    here = community()
    assert bought(here, person(here)) == 1
    assert effects.leaving_factor(here, [post()]) == 1


def test_lift_multiplies_the_chance_of_those_who_got_the_message_while_it_works() -> None:
    """``1 + lift`` from the message on, for two days; the others and other messages are left alone."""
    here = community(campaigns=(CAMPAIGN,))
    treated, other = person(here), person(here, number=8, who="wm8")
    effects.treat(here, "春天来了", [other.who])
    effects.treat(here, "春日专享:这周下单有惊喜", [treated.who])
    assert (bought(here, treated), bought(here, other)) == (1.5, 1)
    here.platform.set_now(here.platform.now() + 2 * DAY_S)
    assert bought(here, treated) == 1


def test_a_second_message_prolongs_and_keeps_the_first_instant() -> None:
    """Who was treated when is the truth an estimate is held against."""
    here = community(campaigns=(CAMPAIGN,))
    effects.treat(here, "春日专享", ["wm7"])
    first = here.platform.now()
    here.platform.set_now(first + DAY_S)
    effects.treat(here, "春日专享", ["wm7"])
    (noted,) = effects.TREATED.of(here.platform).where("who", "wm7")
    assert (noted.at, noted.until) == (first, first + 3 * DAY_S)


def test_content_works_by_kind_and_by_subject() -> None:
    """Only messages of that kind that contain those words."""
    clearance = ContentSpec(kind="offer", subject="清仓", appeal=-0.3, buying=2.0, leaving=3.0, clicking=0.5)
    here = community(content=(clearance,))
    someone = person(here)
    assert bought(here, someone, f"清仓!{OFFER}") == 2
    assert bought(here, someone) == 1
    assert effects.leaving_factor(here, [post("清仓只在店里"), post()]) == 1
    assert effects.leaving_factor(here, [post(f"清仓!{OFFER}"), post(f"清仓,最后一天 {OFFER}")]) == 3
    assert effects.appeal_of(here, f"清仓!{OFFER}", []) < effects.appeal_of(here, OFFER, [])
    plain = rules.click_chance(here.traits(someone), 0.7, 1.0)
    assert effects.click_chance(here, someone, post(f"清仓!{OFFER}"), 1.0) == pytest.approx(plain / 2)


def test_a_channels_quality_is_a_factor_of_its_people() -> None:
    """People of a channel that buys twice as well have twice the chance, but no chance exceeds 95 %."""
    here = community()
    assert bought(here, person(here, buying=2.0)) == 2
    assert effects.buying_chance(here, person(here, buying=20.0), post(), 3.0, 900) == effects.MOST


def test_the_plan_is_plain_json() -> None:
    """What was planted can be read back as it was written."""
    plan = effects.planted(community(campaigns=(CAMPAIGN,)))
    assert plan["campaigns"] == [{"key": "spring", "marks": "春日专享", "lift": 0.5, "days": 2}]
    assert plan["channels"][0] == {"key": "poster-a", "keen": 0.9, "buying": 1.0, "leaving": 1.0, "junk": 0.0}
    assert {"userid": "owner_he", "habit": "late", "own_sends": 0} in plan["staff"]
