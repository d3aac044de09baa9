"""
What a group's chat shows: posts of the staff, words of the members, who came and went, oldest first.

The platform gives no message texts away and the simulated chatter has none; the page puts small talk in its place,
the same for the same person and moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from qunflow.sandbox.platform import Platform
from qunflow.sandbox.world.community import DAY_S, Community
from qunflow.sandbox.world.records import Post

DAYS = 4
EVENTS = 400
SHOWN = 80
CROWD = 3
_NAMED = 4
_SENT = 1
_LAST = 2**62
SMALL_TALK = (
    "早呀各位",
    "今天菜场的青菜又涨了",
    "上次的橘子家里老人说好吃",
    "有人一起拼一箱牛奶吗",
    "收到货了，包装挺好",
    "周末天气不错，带娃去公园",
    "晚上吃什么，求推荐",
    "蹲一个排骨",
    "楼下快递放门卫了",
    "刚下班，看看今天有啥",
    "鸡蛋还新鲜，炒了一盘",
    "谢谢群主",
    "第一次买，观望一下",
    "我家小朋友爱吃这个",
    "降温了，大家加衣服",
    "昨天的汤我照着炖了，不错",
)


@dataclass(frozen=True, slots=True)
class Bubble:
    """
    One line of a chat.

    ``side`` is staff, member or notice; ``how`` tells how a post of the staff got there; ``faint`` marks small talk;
    ``place`` orders what happened in the same second.
    """

    at: int
    side: str
    who: str
    name: str
    text: str
    how: str = ""
    attachments: tuple[dict[str, Any], ...] = ()
    replies: int = 0
    faint: bool = False
    names: tuple[str, ...] = ()
    place: int = 0


def bubbles_of(community: Community, chat_id: str) -> list[Bubble]:
    """The newest lines of a group's last days."""
    since = community.platform.now() - DAYS * DAY_S
    lines = [*_posts(community, chat_id), *_sayings(community, chat_id), *_events(community, chat_id, since)]
    recent = sorted((line for line in lines if line.at >= since), key=lambda line: (line.at, line.place))
    return list(_crowds(recent))[-SHOWN:]


def name_of(platform: Platform, who: str) -> str:
    """What somebody is called, of the staff or of the customers; the id itself when nobody knows it."""
    staff, customer = platform.staff.get(who), platform.customers.get(who)
    return staff.name if staff else customer.name if customer else who


def _posts(community: Community, chat_id: str) -> Iterator[Bubble]:
    confirmed = _confirmed(community.platform, chat_id)
    spoken = {(saying.at, saying.text): saying for saying in community.sayings.where("chat", chat_id)}
    for post in community.posts.where("chat", chat_id):
        saying = spoken.get((post.at, post.text))
        who, how = (saying.who, "现场说") if saying else _sender(community, post, confirmed)
        line = Bubble(post.at, "staff", who, name_of(community.platform, who), post.text, how)
        place = saying.number if saying else 0
        yield replace(line, attachments=tuple(post.attachments), replies=len(post.repliers), place=place)


def _sender(community: Community, post: Post, confirmed: dict[tuple[int, str], str]) -> tuple[str, str]:
    """Who a post is from: whoever confirmed the task, else the admin, who posts by hand."""
    if who := confirmed.get((post.at, post.text)):
        return who, "群发"
    chat = community.platform.chats[post.chat_id]
    return (chat.admins[0] if chat.admins else chat.owner), "手工发"


def _confirmed(platform: Platform, chat_id: str) -> dict[tuple[int, str], str]:
    found = {}
    for share in platform.shares:
        state, at = share.results.get(chat_id, (0, 0))
        if state == _SENT:
            found[at, platform.tasks[share.msgid].text] = share.userid
    return found


def _sayings(community: Community, chat_id: str) -> Iterator[Bubble]:
    for saying in community.sayings.where("chat", chat_id):
        if saying.who not in community.platform.staff:
            name = name_of(community.platform, saying.who)
            yield Bubble(saying.at, "member", saying.who, name, saying.text, place=saying.number)


def _events(community: Community, chat_id: str, since: int) -> Iterator[Bubble]:
    said = {(saying.at, saying.who) for saying in community.sayings.where("chat", chat_id)}
    for at, kind, who in community.platform.storage.chat_events(chat_id, since, EVENTS):
        name = name_of(community.platform, who)
        if kind == "join":
            yield Bubble(at, "notice", who, name, "加入了群聊", names=(name,), place=-1)
        elif kind == "leave":
            yield Bubble(at, "notice", who, name, "退出了群聊", names=(name,), place=_LAST)
        elif kind == "reply":
            yield Bubble(at, "member", who, name, "1", names=(name,))
        elif kind == "message" and (at, who) not in said:
            talk = community.dice.pick(SMALL_TALK, "small talk", at, who)
            yield Bubble(at, "member", who, name, talk, faint=True)


def _crowds(lines: Iterable[Bubble]) -> Iterator[Bubble]:
    """Several people doing the same in a row are told in one line."""
    for (crowdable, _, _), found in groupby(lines, key=lambda line: (bool(line.names), line.side, line.text)):
        same = list(found)
        if not crowdable or len(same) < CROWD:
            yield from same
            continue
        names = tuple(line.names[0] for line in same)
        some = "、".join(names[:_NAMED]) + (f" 等 {len(names)} 人" if len(names) > _NAMED else "")
        text = same[0].text if same[0].side == "notice" else f"回了 {same[0].text}"
        yield replace(same[-1], side="notice", name=some, names=names, text=text)
