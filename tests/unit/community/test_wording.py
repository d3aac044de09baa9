"""What settings can fill in a message, and what a day is about."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from qunflow.community.offers import offer_of_day, yuan
from qunflow.community.wording import community_variables, missing_variables, slot_variables
from qunflow.rendering import Templates
from qunflow.settings.paths import builtin_templates
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import Community, load_workspace

MONDAY = date(2026, 3, 2)


@pytest.fixture
def community(tmp_path: Path) -> Community:
    return load_workspace(write_workspace(tmp_path / "w", None, MONDAY)).community()


@pytest.mark.parametrize(
    ("fen", "text"), [(2990, "29.9"), (300, "3"), (1, "0.01"), (100000, "1000"), (2995, "29.95"), (0, "0")]
)
def test_money_is_written_as_people_write_it(fen: int, text: str) -> None:
    """No needless zeros, none lost."""
    assert yuan(fen) == text


def test_a_thing_is_not_sold_before_it_is_warmed_up(community: Community) -> None:
    """Held back during the warm-up, alone from offer to close, one of all before and after."""
    keys = [offer.key if (offer := offer_of_day(community, date(2026, 3, day))) else "" for day in range(4, 8)]
    assert "orange-5jin" not in keys[:2]
    assert keys[2:] == ["orange-5jin", "orange-5jin"]
    month = {offer.key for day in range(1, 29) if (offer := offer_of_day(community, date(2026, 4, day)))}
    assert month == {"orange-5jin", "small-pot", "rice-10jin"}


def test_a_community_without_offers_has_none_on_any_day(community: Community) -> None:
    """Nothing to push is None, not an error."""
    assert offer_of_day(community.model_copy(update={"offers": (), "campaigns": ()}), MONDAY) is None


def test_a_slot_gets_only_what_it_declares(community: Community) -> None:
    """The flash sale of a day is filled from settings but for its link, which the sender adds."""
    slot = Templates([builtin_templates()]).playbook("benefit-daily").slot("flash-sale")
    assert slot is not None
    filled = slot_variables("小满生活", community, community.groups[0], slot, MONDAY)
    assert set(filled) == {"item", "price", "old_price", "stock", "deadline"}
    assert filled["deadline"] == "今天 14:00"
    assert missing_variables(slot, filled) == ("link",)
    assert missing_variables(slot, {**filled, "link": ""}) == ("link",)
    assert missing_variables(slot, {**filled, "link": "https://q.example.com/s/x"}) == ()


def test_a_campaign_speaks_of_its_own_offer_and_close(community: Community) -> None:
    """A conversion slot is filled from its campaign, whatever the day's own offer is."""
    slot = Templates([builtin_templates()]).playbook("warmup-2day").slot("offer")
    assert slot is not None
    (campaign,) = community.campaigns
    filled = slot_variables("小满生活", community, community.groups[0], slot, campaign.offer_on, campaign)
    assert (filled["item"], filled["price"], filled["closes"]) == ("砂糖橘 5 斤装", "29.9", "周六 20:50")


def test_a_community_without_coupon_or_prize_names_none(community: Community) -> None:
    """What is not set is absent, so that copy about it is not sent."""
    full = community_variables("小满生活", community)
    assert (full["coupon"], full["prize"], full["prize_days"]) == ("3", "抽纸一提", 7)
    bare = Community(key="x", name="x", type="购物", helper="h")
    assert not {"coupon", "prize", "prize_days"} & set(community_variables("x", bare))
