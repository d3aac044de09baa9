"""
What one field cannot tell: the framework before the group, and names that must exist somewhere else in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from qunflow.settings.checked import Mistake, SettingsError, in_order
from qunflow.settings.words import did_you_mean
from qunflow.settings.workspace import Campaign, Community, Group, Workspace
from qunflow.settings.yaml import Document, Keys


def require_references(workspace: Workspace, document: Document, sops: Sequence[str]) -> None:
    """
    Check everything that spans two places of the file.

    Args:
        sops: the names of the playbooks that exist.

    Raises:
        SettingsError: all of them, in the order of the file.
    """
    mistakes = list(_in_workspace(workspace, document))
    for number, community in enumerate(workspace.communities):
        at: Keys = ("communities", number)
        for found in (
            _framework(community, document, at, sops),
            _named_things(community, document, at, sops),
            _campaigns(community, document, at),
        ):
            mistakes.extend(found)
        mistakes.extend(_offer_hosts(workspace, community, document, at))
    if mistakes:
        raise SettingsError(in_order(mistakes))


def _in_workspace(workspace: Workspace, document: Document) -> Iterator[Mistake]:
    yield from _twice(document, ("communities",), "key", [community.key for community in workspace.communities])
    chats: dict[str, str] = {}
    for number, community in enumerate(workspace.communities):
        for position, group in enumerate(community.groups):
            keys: Keys = ("communities", number, "groups", position, "chat_id")
            if not group.chat_id and group.platform == "wecom":
                problem = f"group {group.key!r} has no chat_id"
                yield Mistake(document.place_of(keys), problem, "copy its chat_id, or name its platform (qq, wechat)")
            if group.robot:
                robots = [one.key for one in workspace.channels.robots]
                yield from _unknown(document, (*keys[:-1], "robot"), group.robot, robots, "robot")
            if group.chat_id and group.chat_id in chats:
                problem = f"the chat_id of group {group.key!r} is already that of group {chats[group.chat_id]!r}"
                yield Mistake(document.place_of(keys), problem, "give each group its own chat_id")
            chats.setdefault(group.chat_id, group.key)
    channels = workspace.channels
    for name, named in (("robots", channels.robots), ("services", channels.services)):
        # Keys that differ in - and _ only would share one secret.
        yield from _twice(document, ("channels", name), "key", [one.key.replace("_", "-") for one in named])
    communities = [community.key for community in workspace.communities]
    for number, form in enumerate(workspace.forms):
        yield from _unknown(document, ("forms", number, "community"), form.community, communities, "community")


def _framework(community: Community, document: Document, at: Keys, sops: Sequence[str]) -> Iterator[Mistake]:
    """Framework before group: positioning, rules and a SOP stand before a group may."""
    for position, group in enumerate(community.groups):
        keys: Keys = (*at, "groups", position)
        for missing, step in _missing_framework(community, group):
            problem = f"group {group.key!r} cannot be opened: {missing}"
            yield Mistake(document.place_of(keys), problem, step)
        if group.sop:
            yield from _unknown(document, (*keys, "sop"), group.sop, sops, "SOP")
        if group.closed_on and group.closed_on < group.opened_on:
            problem = f"group {group.key!r} closes before it opens"
            yield Mistake(document.place_of((*keys, "closed_on")), problem, "correct opened_on or closed_on")


def _missing_framework(community: Community, group: Group) -> Iterator[tuple[str, str]]:
    if not community.positioning.strip():
        step = "write `positioning:` first: for whom, what they get, why they stay (社群定位)"
        yield f"community {community.key!r} has no positioning", step
    if not community.rules:
        yield f"community {community.key!r} has no rules", "write at least one line under `rules:` first (群规)"
    if not group.sop:
        yield "it has no SOP", "write `sop:`, for example `sop: benefit-daily`"


def _named_things(community: Community, document: Document, at: Keys, sops: Sequence[str]) -> Iterator[Mistake]:
    coupons = [coupon.key for coupon in community.coupons]
    lists: dict[str, list[str]] = {
        "groups": [group.key for group in community.groups],
        "offers": [offer.key for offer in community.offers],
        "coupons": coupons,
        "campaigns": [campaign.key for campaign in community.campaigns],
    }
    for name, keys in lists.items():
        yield from _twice(document, (*at, name), "key", keys)
    channels = [channel.key for channel in community.acquisition.channels]
    yield from _twice(document, (*at, "acquisition", "channels"), "key", channels)
    yield from _unknown(document, (*at, "test_group"), community.test_group, lists["groups"], "group")
    welcome = community.acquisition.welcome_coupon
    yield from _unknown(document, (*at, "acquisition", "welcome_coupon"), welcome, coupons, "coupon")
    if community.groups:
        yield from _unknown(document, (*at, "weekly_activity", "sop"), community.weekly_activity.sop, sops, "SOP")
    for number, offer in enumerate(community.offers):
        yield from _unknown(document, (*at, "offers", number, "coupon"), offer.coupon, coupons, "coupon")
    offers = [offer.key for offer in community.offers]
    for number, campaign in enumerate(community.campaigns):
        yield from _unknown(document, (*at, "campaigns", number, "offer"), campaign.offer, offers, "offer")
        yield from _unknown(document, (*at, "campaigns", number, "sop"), campaign.sop, sops, "SOP")


def _campaigns(community: Community, document: Document, at: Keys) -> Iterator[Mistake]:
    for number, campaign in enumerate(community.campaigns):
        problem, key = _wrong_dates(campaign)
        if problem:
            place = document.place_of((*at, "campaigns", number, key))
            yield Mistake(place, problem, "warm up one or two days before the offer, and close on its day or later")


def _wrong_dates(campaign: Campaign) -> tuple[str, str]:
    if campaign.warm_up_on >= campaign.offer_on:
        return f"campaign {campaign.key!r} has no warm-up before its offer", "warm_up_on"
    if campaign.closes_on < campaign.offer_on:
        return f"campaign {campaign.key!r} closes before its offer", "closes_on"
    return "", ""


def _offer_hosts(workspace: Workspace, community: Community, document: Document, at: Keys) -> Iterator[Mistake]:
    for number, offer in enumerate(community.offers):
        host = urlsplit(offer.url).hostname or ""
        if host not in workspace.redirect_hosts:
            place = document.place_of((*at, "offers", number, "url"))
            step = f"add {host} to redirect_hosts; " + did_you_mean(host, workspace.redirect_hosts)
            yield Mistake(place, f"offer {offer.key!r} leads to {host!r}, which no short link may open", step)


def _unknown(document: Document, keys: Keys, found: str, valid: Iterable[str], what: str) -> Iterator[Mistake]:
    words = list(valid)
    if found and found not in words:
        yield Mistake(document.place_of(keys), f"unknown {what} {found!r}", did_you_mean(found, words))


def _twice(document: Document, keys: Keys, field: str, values: Sequence[str]) -> Iterator[Mistake]:
    for number, value in enumerate(values):
        if value in values[:number]:
            place = document.place_of((*keys, number, field))
            yield Mistake(place, f"found the {field} {value!r} a second time in {keys[-1]}", "give it another key")
