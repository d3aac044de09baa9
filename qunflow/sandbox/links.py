"""
What people do with acquisition links and in single chats: open a link, become a friend through it, write.

Only these raise the events of wecom-api §9.5 ``customer_acquisition``.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from qunflow.sandbox import clients
from qunflow.sandbox.areas import sensitive_words
from qunflow.sandbox.areas.acquisition_links import (
    CHAT_KEYS,
    CLICKS,
    CUSTOMERS,
    LINKS,
    ChatKey,
    Link,
    LinkClick,
    LinkCustomer,
    balance,
)
from qunflow.sandbox.areas.members import members_of
from qunflow.sandbox.areas.statistics import WORDS, PrivateWords
from qunflow.sandbox.clients import CannotAct
from qunflow.sandbox.platform import Platform

_CHANNEL_BYTES = 64
_EVENT = "customer_acquisition"


def follow(platform: Platform, url: str, who: str, *, accepted: bool = True) -> str:
    """
    Somebody opens a link and, with balance left, becomes the friend of one of its members; the userid.

    Args:
        url: the link, with ``customer_channel`` in its query for the channel; a longer one is cut.
        accepted: whether the member says yes where the link asks for it.

    Raises:
        CannotAct: for a link that is no more, and an unknown person.
    """
    link, state = _opened(platform, url)
    if who not in platform.customers:
        raise CannotAct("unknown customer")
    CLICKS.of(platform).put(LinkClick(platform.number("click"), link.link_id, who, platform.now()))
    if not balance(platform):
        platform.tell(_EVENT, "link_unavailable", LinkId=link.link_id)
        return ""
    if not link.fields["skip_verify"]:
        platform.tell(_EVENT, "friend_request", LinkId=link.link_id, State=state)
        if not accepted:
            return ""
    userid = _member_of(platform, link, who)
    if not platform.is_friend(userid, who):
        _befriend(platform, LinkCustomer(link.link_id, who, userid, state, platform.now()))
    return userid


def say_privately(platform: Platform, userid: str, who: str, text: str, *, by_member: bool) -> tuple[int, str]:
    """
    Something is said in a single chat: what the sensitive-word rules say of it, and the chat key if one was given out.

    Raises:
        CannotAct: when the two are not friends.
    """
    if not platform.is_friend(userid, who):
        raise CannotAct("not friends")
    hit = sensitive_words.found_in(platform, userid, text) if by_member else 0
    if hit == sensitive_words.BLOCK:
        return hit, ""
    WORDS.of(platform).put(PrivateWords(platform.number("words"), userid, who, platform.now(), by_member, text))
    return hit, "" if by_member else _count(platform, userid, who)


def _count(platform: Platform, userid: str, who: str) -> str:
    """Count a customer's words for the link they came through; the first begin the chat, later ones give a key."""
    came = [one for one in CUSTOMERS.of(platform) if (one.userid, one.who) == (userid, who)]
    if not came:
        return ""
    one = CUSTOMERS.of(platform).put(replace(came[-1], messages=came[-1].messages + 1))
    if one.messages == 1:
        platform.tell(_EVENT, "customer_start_chat", UserID=userid, ExternalUserID=who)
        return ""
    key = platform.dice.letters(32, "0123456789abcdef", "chat key", platform.number("chat key"))
    CHAT_KEYS.of(platform).put(ChatKey(key, f"{one.link_id}/{who}", platform.now()))
    platform.tell(_EVENT, "message_from_customer", UserID=userid, ExternalUserID=who, ChatKey=key)
    return key


def _opened(platform: Platform, url: str) -> tuple[Link, str]:
    parts = urlsplit(url)
    found = LINKS.of(platform).where("url", parts._replace(query="", fragment="").geturl())
    if not found:
        raise CannotAct("the link is no more")
    state = parse_qs(parts.query).get("customer_channel", [""])[0]
    return found[0], state.encode()[:_CHANNEL_BYTES].decode(errors="ignore")


def _member_of(platform: Platform, link: Link, who: str) -> str:
    scope = link.fields["range"]
    below = [userid for number in scope["department_list"] for userid in members_of(platform, number)]
    choice = [userid for userid in dict.fromkeys([*scope["user_list"], *below]) if userid in platform.staff]
    if not choice:
        raise CannotAct("the link has nobody left")
    chosen: str = platform.dice.pick(choice, "link", link.link_id, who)
    return chosen


def _befriend(platform: Platform, one: LinkCustomer) -> None:
    clients.add_friend(platform, one.userid, one.who, one.state)
    friend = platform.follows[f"{one.userid}/{one.who}"]
    platform.follows.put(replace(friend, add_way=platform.limits.acquisition_add_way))
    CUSTOMERS.of(platform).put(one)
    _warn(platform)


def _warn(platform: Platform) -> None:
    left = balance(platform)
    if not left:
        platform.tell(_EVENT, "balance_exhausted")
    elif left == platform.limits.acquisition_low:
        platform.tell(_EVENT, "balance_low")
