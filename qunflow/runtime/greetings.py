"""
What a newcomer hears first, and how to get into a group: the welcome with its coupon and the live code's address.

Both the acquisition flow and the resident sender say the same words; when they may be sent is delivery's business.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from functools import cache, partial

from sqlalchemy import Connection

from qunflow.acquisition.leads import UNKNOWN_CHANNEL
from qunflow.clock import instant_of, local_day
from qunflow.community.offers import offer_of_day, yuan
from qunflow.community.wording import Plain, community_variables
from qunflow.delivery.model import Content
from qunflow.delivery.personal import reaches_others
from qunflow.delivery.welcome import Composer, Newcomer
from qunflow.errors import ConfigurationError
from qunflow.runtime import Runtime
from qunflow.settings.workspace import Community
from qunflow.store import coupons, merging
from qunflow.store.live_codes import codes_of

log = logging.getLogger(__name__)


def welcome_composer(here: Runtime) -> Composer:
    """
    What the resident sender says to each newcomer in this workspace.

    Broken copy must not stop everything else it sends: it is logged, and the acquisition flow reports it by line and
    greets those people once it is mended.
    """
    return partial(_compose_or_leave, here)


def _compose_or_leave(here: Runtime, conn: Connection, newcomer: Newcomer) -> Content | None:
    try:
        return compose_welcome(here, conn, newcomer)
    except ConfigurationError as error:
        log.error("the welcome cannot be written: %s", error)
        return None


def compose_welcome(here: Runtime, conn: Connection, newcomer: Newcomer) -> Content | None:
    """
    The welcome of one newcomer; their coupon is issued in the same transaction.

    None while no live code exists: a greeting that cannot say how to get in waits for one.

    Raises:
        ConfigurationError: the community's welcome template is missing or broken.
    """
    return compose_welcomes(here, conn, newcomer.community, [newcomer])[0]


def compose_welcomes(
    here: Runtime, conn: Connection, community: Community, newcomers: Sequence[Newcomer]
) -> list[Content | None]:
    """
    The welcomes of many newcomers of one community in order, as ``compose_welcome``; equal texts are written once.

    Raises:
        ConfigurationError: the community's welcome template is missing or broken; then no coupon is issued.
    """
    links = join_links(conn, community, here.environment.web_url)
    addresses = [links.get(one.channel) or links.get(UNKNOWN_CHANNEL) for one in newcomers]
    reachable = [(one, address) for one, address in zip(newcomers, addresses, strict=True) if address]
    if not reachable:
        return [None] * len(newcomers)
    texts = iter(_welcome_texts(here, community, reachable))
    contents = [Content(next(texts)) if address else None for address in addresses]
    for one, _ in reachable:
        _issue_coupon(conn, community, one, local_day(one.received_at, community.zone_info))
    return contents


def _welcome_texts(here: Runtime, community: Community, reachable: Sequence[tuple[Newcomer, str]]) -> list[str]:
    of_day = cache(partial(greeting_variables, here, community))
    rows = [
        of_day(local_day(one.received_at, community.zone_info)) | {"join_link": address} for one, address in reachable
    ]
    texts = []
    for text in here.templates.render_many(community.acquisition.welcome, rows):
        if isinstance(text, ConfigurationError):
            raise text
        texts.append(text)
    return texts


def join_links(conn: Connection, community: Community, web_url: str) -> Mapping[str, str]:
    """
    Channel → address of its live code: our page, which shows the group with room and counts who came.

    While nobody else can reach our pages it is the picture at the platform.
    """
    codes = [code for code in codes_of(conn, community.key) if code.url]
    if not reaches_others(web_url):
        return {code.channel: code.url for code in codes}
    return {code.channel: f"{web_url.rstrip('/')}/g/{code.community}.{code.channel}" for code in codes}


def greeting_variables(here: Runtime, community: Community, day: date) -> dict[str, Plain]:
    """What welcomes and re-invitations may speak of, but for the live code."""
    known = community_variables(here.workspace.brand, community)
    key = community.acquisition.welcome_coupon
    if key:
        expires_on = day + timedelta(days=community.coupon(key).days_valid)
        known["coupon_expire"] = f"{expires_on.month}月{expires_on.day}日"
    offer = offer_of_day(community, day)
    if offer:
        known |= {"item": offer.name, "price": yuan(offer.price_fen)}
    return known


def _issue_coupon(conn: Connection, community: Community, newcomer: Newcomer, day: date) -> None:
    key = community.acquisition.welcome_coupon
    if not key:
        return
    last_day = day + timedelta(days=community.coupon(key).days_valid + 1)
    # Somebody who was two numbers has had theirs if either had.
    before = merging.former_numbers(conn, newcomer.person_id)
    if coupons.codes(conn, [f"welcome:{community.key}:{one}" for one in before]):
        return
    order = coupons.CouponOrder(
        event_key=f"welcome:{community.key}:{newcomer.person_id}",
        offer_key=key,
        community=community.key,
        person_id=newcomer.person_id,
        expires_at=instant_of(last_day, time.min, community.zone_info),
    )
    coupons.issue(conn, [order], newcomer.received_at)
