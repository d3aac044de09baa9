"""
Owners who send on their own: mass messages by hand beside the product, which eat the quota of their groups.
"""

from __future__ import annotations

from typing import Any

from qunflow.sandbox import own_sends
from qunflow.sandbox.areas.statistics import day_start
from qunflow.sandbox.world.community import DAY_S, Community

OWN_WORDS = (
    "店里刚到一批新鲜的菜,路过进来看看。",
    "大家晚上好,天冷了记得加衣服。",
    "今天早市的鱼不错,要的跟我说一声。",
    "周末店里人多,想省时间的早点来。",
    "谢谢各位邻居一直照顾生意。",
)


def plan_own_sends(community: Community) -> None:
    """Put the first own send of every such owner on the agenda; each send plans the next."""
    start = day_start(community.platform.now())
    for member in community.spec.staff:
        if member.own_sends:
            _plan(community, {"userid": member.userid, "a_week": member.own_sends, "since": start, "nth": 0})


async def own_send(community: Community, about: dict[str, Any]) -> None:
    """Send one message to all own groups by hand; who has left the corp sends no more."""
    platform, userid = community.platform, about["userid"]
    if userid not in platform.staff:
        return
    chats = [chat.chat_id for chat in platform.chats.where("owner", userid) if not chat.dismissed_at]
    words = community.dice.pick(OWN_WORDS, "own words", userid, about["nth"])
    if chats:
        own_sends.send(platform, userid, "group", chats, words)
    _plan(community, {**about, "nth": about["nth"] + 1})


def _plan(community: Community, about: dict[str, Any]) -> None:
    """Evenly over the week, at some hour of the day."""
    week, place = divmod(about["nth"], about["a_week"])
    day = 7 * week + place * 7 // about["a_week"]
    hour = 9 + 12 * community.dice.roll("own send", about["userid"], about["nth"])
    at = about["since"] + day * DAY_S + int(hour * 3_600)
    community.plan(max(at, community.platform.now()), "own_send", **about)
