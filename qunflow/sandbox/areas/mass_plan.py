"""
To whom a mass message goes and through whom (wecom-api §7.3).

A group task goes to groups the sender owns. A single one goes to friends: of the sender, or through whoever of the
members talked with the customer last; a tag filter takes those who wear a tag of each list.
"""

from __future__ import annotations

from typing import Any

from qunflow.sandbox.areas import tags
from qunflow.sandbox.areas.statistics import WORDS
from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Follow
from qunflow.sandbox.wire import Refusal

Plan = tuple[dict[str, list[str]], list[str]]
_FILTER = (Field("group_list", "list"),)
_TAGS = (Field("tag_list", "list", required=True, items="text"),)


def planned(platform: Platform, body: dict[str, Any]) -> Plan:
    """
    Recipients by sender, and those who cannot be reached.

    Raises:
        Refusal: 40063 no sender where one is needed, 60111 an unknown one, 40068 an unknown tag.
    """
    return (_group_plan if body["chat_type"] == "group" else _single_plan)(platform, body)


def _group_plan(platform: Platform, body: dict[str, Any]) -> Plan:
    sender = body["sender"]
    if not sender:
        raise Refusal(40063, "sender missing")
    _require_member(platform, sender)
    if body["tag_filter"]:
        raise Refusal(40058, "tag_filter is for single chats only")
    mine = [chat.chat_id for chat in platform.chats.where("owner", sender) if not chat.dismissed_at]
    wanted = list(dict.fromkeys(body["chat_id_list"])) or mine
    reached = [chat_id for chat_id in wanted if chat_id in mine]
    failed = [chat_id for chat_id in wanted if chat_id not in mine]
    return ({sender: reached} if reached else {}), failed


def _single_plan(platform: Platform, body: dict[str, Any]) -> Plan:
    sender, wanted = body["sender"], list(dict.fromkeys(body["external_userid"]))
    if not sender and not wanted:
        raise Refusal(40063, "external_userid and sender are both empty")
    if sender:
        _require_member(platform, sender)
    lists = _tag_lists(platform, body["tag_filter"])
    if not wanted:
        wanted = [f.external_userid for f in platform.follows.where("member", sender) if not f.ended_at]
    plan: dict[str, list[str]] = {}
    failed: list[str] = []
    talked = {(one.userid, one.who): one.at for one in WORDS.of(platform)}
    for recipient in wanted:
        follow = _nearest(platform, recipient, sender, talked)
        if follow is None:
            failed.append(recipient)
        elif all(not some.isdisjoint(follow.tags) for some in lists):
            plan.setdefault(follow.userid, []).append(recipient)
    return plan, failed


def _nearest(platform: Platform, who: str, sender: str, talked: dict[tuple[str, str], int]) -> Follow | None:
    """The friendship a message goes through: the sender's, else of whoever talked last, else the latest."""
    follows = [f for f in platform.follows.where("who", who) if not f.ended_at and sender in ("", f.userid)]
    return max(follows, key=lambda f: (talked.get((f.userid, who), 0), f.createtime), default=None)


def _tag_lists(platform: Platform, given: dict[str, Any]) -> list[set[str]]:
    """Lists of tags of which one each is needed."""
    lists = []
    for one in checked(_FILTER, given)["group_list"]:
        if not isinstance(one, dict):
            raise Refusal(40058, "tag_filter.group_list holds objects")
        tag_list = checked(_TAGS, one)["tag_list"]
        if len(tag_list) > platform.limits.tags_per_list:
            raise Refusal(40058, "tag_list is too long")
        if not all(tags.is_living(platform, tag_id) for tag_id in tag_list):
            raise Refusal(40068)
        lists.append(set(tag_list))
    return lists


def _require_member(platform: Platform, userid: str) -> None:
    if userid not in platform.staff:
        raise Refusal(60111)
