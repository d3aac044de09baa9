"""
What people do with moments in their clients: publish what the corp made, post an own one, comment, like.

Nothing of it raises a callback. Used by ``/_sandbox/act``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox import ids
from qunflow.sandbox.assets import Moment, MomentShare
from qunflow.sandbox.clients import CannotAct
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.world.community import Community

Body = dict[str, Any]
_PUBLIC = 1


def publish(platform: Platform, moment_id: str, userid: str) -> list[str]:
    """A member publishes a corp moment; the customers who can see it now."""
    moment, share = platform.moments.get(moment_id), platform.moment_shares.get(f"{moment_id}/{userid}")
    if moment is None or share is None or moment.create_time > platform.now():
        raise CannotAct("no such moment for that member")
    if moment.cancelled_at or share.published_at:
        raise CannotAct("the moment is cancelled or already published")
    reached = [who for who in share.visible if platform.is_friend(userid, who)]
    platform.moment_shares.put(replace(share, published_at=platform.now(), reached=reached))
    return reached


def post(platform: Platform, userid: str, text: str) -> str:
    """A member posts a moment of their own to all their customers; the moment_id."""
    if userid not in platform.staff:
        raise CannotAct("unknown member")
    moment_id, now = ids.moment_id(platform.dice, platform.number("moment")), platform.now()
    friends = [follow.external_userid for follow in platform.follows.where("member", userid) if not follow.ended_at]
    platform.moments.put(Moment(moment_id, now, userid, _PUBLIC, text, []))
    platform.moment_shares.put(MomentShare(moment_id, userid, friends, now, friends))
    return moment_id


def comment(platform: Platform, moment_id: str, userid: str, who: str) -> None:
    """Somebody who sees a member's moment, or a colleague, comments on it."""
    share = _seen(platform, moment_id, userid, who)
    platform.moment_shares.put(replace(share, comments=[*share.comments, [who, platform.now()]]))


def like(platform: Platform, moment_id: str, userid: str, who: str) -> None:
    """Somebody who sees a member's moment, or a colleague, likes it, once."""
    share = _seen(platform, moment_id, userid, who)
    if any(liker == who for liker, _ in share.likes):
        raise CannotAct("already liked")
    platform.moment_shares.put(replace(share, likes=[*share.likes, [who, platform.now()]]))


def _seen(platform: Platform, moment_id: str, userid: str, who: str) -> MomentShare:
    share = platform.moment_shares.get(f"{moment_id}/{userid}")
    if share is None or not share.published_at or (who not in share.reached and who not in platform.staff):
        raise CannotAct("that person does not see this moment")
    return share


async def _publish_moment(community: Community, body: Body) -> dict[str, Any]:
    return {"reached": publish(community.platform, body["moment_id"], body["userid"])}


async def _post_moment(community: Community, body: Body) -> dict[str, Any]:
    return {"moment_id": post(community.platform, body["userid"], body["text"])}


async def _comment_moment(community: Community, body: Body) -> dict[str, Any]:
    comment(community.platform, body["moment_id"], body["userid"], body["who"])
    return {}


async def _like_moment(community: Community, body: Body) -> dict[str, Any]:
    like(community.platform, body["moment_id"], body["userid"], body["who"])
    return {}


ACTS = {
    "publish_moment": _publish_moment,
    "post_moment": _post_moment,
    "comment_moment": _comment_moment,
    "like_moment": _like_moment,
}
