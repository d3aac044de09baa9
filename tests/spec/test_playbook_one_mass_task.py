"""Definition: a group has at most one mass task a day, and what gives way to what."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import pytest

from qunflow.community.calendar import OPENING, Occurrence, group_day, one_mass_task, playbooks_needed
from qunflow.community.playbook import Days, Slot, Stage, Way
from qunflow.rendering import Templates
from qunflow.settings.paths import builtin_templates, playbook_names
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import Community, load_workspace

START = date(2026, 3, 2)
BUILTIN = Templates([builtin_templates()])
PLAYBOOKS = {name: BUILTIN.playbook(name) for name in playbook_names(BUILTIN.paths)}


def occurrence(
    key: str, stage: Stage, way: Way = "mass_task", *, marketing: bool = True, goes_with: str | None = None
) -> Occurrence:
    at = {"daily_content": time(12), "weekly_activity": time(10), "conversion": time(20)}[stage]
    slot = Slot(
        key, key, stage, at, at, Days(daily=True), way, "owner", "x.j2", marketing=marketing, goes_with=goes_with
    )
    return Occurrence(slot, "p")


DAILY = occurrence("sale", "daily_content")
NEWS = occurrence("news", "daily_content", marketing=False)
TEASER = occurrence("teaser", "daily_content", "hand_send", goes_with="sale")
WEEKLY = occurrence("week", "weekly_activity")
OFFER = occurrence("offer", "conversion")
CARD = occurrence("card", "daily_content", "hand_send")

# what meets on a day → what is left of it, with its way
MEETINGS = [
    ([DAILY], [("sale", "mass_task")]),
    ([DAILY, TEASER, CARD], [("card", "hand_send"), ("sale", "mass_task"), ("teaser", "hand_send")]),
    ([DAILY, TEASER, OFFER], [("offer", "mass_task")]),
    ([DAILY, WEEKLY, CARD], [("week", "mass_task"), ("card", "hand_send")]),
    ([WEEKLY, OFFER], [("offer", "mass_task")]),
    ([NEWS, OFFER], [("news", "hand_send"), ("offer", "mass_task")]),
    ([CARD], [("card", "hand_send")]),
    ([], []),
]


@pytest.mark.parametrize(("meeting", "left"), MEETINGS)
def test_the_more_important_mass_task_wins(meeting: list[Occurrence], left: list[tuple[str, str]]) -> None:
    """Offer before weekly before daily; a replaced sale takes its company along, news goes out by hand."""
    found = [(one.slot.key, one.slot.way) for one in one_mass_task(meeting)]
    assert sorted(found) == sorted(left)


def test_what_goes_out_by_hand_instead_is_the_admins() -> None:
    """The admin posts what was to be the owner's task, at its minute and not before."""
    news = next(one.slot for one in one_mass_task([NEWS, OFFER]) if one.slot.key == "news")
    assert (news.speaker, news.lead_minutes) == ("admin", 0)


@pytest.fixture
def community(tmp_path: Path) -> Community:
    return load_workspace(write_workspace(tmp_path / "w", None, START)).community()


@pytest.mark.parametrize("sop", ["benefit-daily", "member-daily", "camp-7day"])
@pytest.mark.parametrize("campaign_sop", ["warmup-2day", "warmup-camp"])
@pytest.mark.parametrize("offer_day", range(2, 9))
def test_no_group_gets_two_mass_tasks_on_any_day(
    community: Community, sop: str, campaign_sop: str, offer_day: int
) -> None:
    """Every built-in SOP, with every campaign at every weekday, from before the opening to two weeks after."""
    offer_on = START + timedelta(days=offer_day)
    campaign = community.campaigns[0].model_copy(
        update={
            "sop": campaign_sop,
            "warm_up_on": offer_on - timedelta(days=2),
            "offer_on": offer_on,
            "closes_on": offer_on + timedelta(days=1),
        }
    )
    kind = "camp_group" if sop == "camp-7day" else "benefit_group"
    group = community.groups[0].model_copy(update={"sop": sop, "kind": kind, "opened_on": START})
    crowded = community.model_copy(update={"campaigns": (campaign, campaign), "groups": (group,)})
    for offset in range(-1, 15):
        found = group_day(crowded, group, PLAYBOOKS, START + timedelta(days=offset))
        assert sum(one.slot.way == "mass_task" for one in found) <= 1
        assert list(found) == sorted(found, key=lambda one: one.slot.at)


def test_the_demo_week_sells_what_it_warmed_up(community: Community) -> None:
    """Monday to Sunday of the demo: daily sales, then the campaign's offer and its last call instead."""
    group = community.groups[0]
    tasks = [
        [one.slot.key for one in group_day(community, group, PLAYBOOKS, START + timedelta(n)) if _is_task(one)]
        for n in range(7)
    ]
    assert tasks == [["flash-sale"]] * 4 + [["offer"], ["last-call"], ["flash-sale"]]


def _is_task(one: Occurrence) -> bool:
    return one.slot.way == "mass_task"


def test_only_the_ceremony_speaks_in_a_new_group(community: Community) -> None:
    """For four days nothing else is heard; on the fifth the daily SOP begins."""
    group = community.groups[0].model_copy(update={"opened_on": START})
    for offset in range(4):
        found = group_day(community, group, PLAYBOOKS, START + timedelta(days=offset))
        assert {one.playbook for one in found} == {OPENING}
    after = group_day(community, group, PLAYBOOKS, START + timedelta(days=4))
    assert OPENING not in {one.playbook for one in after} and after


def test_a_campaign_is_kept_with_its_slots(community: Community) -> None:
    """Whoever fills the copy of an offer knows which campaign it is."""
    (campaign,) = community.campaigns
    found = group_day(community, community.groups[0], PLAYBOOKS, campaign.offer_on)
    assert {one.campaign.key if one.campaign else "" for one in found if one.slot.stage == "conversion"} == {
        campaign.key
    }


def test_the_playbooks_a_community_needs_are_known(community: Community) -> None:
    """Groups, campaigns, the weekly activity and the opening, each once."""
    assert set(playbooks_needed(community)) == {
        "benefit-daily",
        "member-daily",
        "warmup-2day",
        "checkin-week",
        "opening-ceremony",
    }
