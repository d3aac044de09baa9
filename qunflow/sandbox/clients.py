"""
What people do in their clients: become friends, scan, leave, confirm a mass task.

Only these raise callbacks; calls of the API do not (wecom-api §9.2). Used by the world and by ``/_sandbox/act``.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from qunflow.sandbox import ids, lag
from qunflow.sandbox.areas.statistics import ZONE, day_start
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Chat, Customer, Follow, JoinWay, MassTask, Received, Seat, WelcomeCode

SENT, NOT_A_FRIEND, OVER_QUOTA = 1, 2, 3
INVITED, SCANNED = 1, 3
_EVENT_SCENE = {INVITED: 0, SCANNED: 3}


class CannotAct(ValueError):
    """A client act that makes no sense now: an unknown id, somebody who is not there."""


def add_customer(platform: Platform, name: str, gender: int = 0, company: Mapping[str, Any] | None = None) -> str:
    """A new person of the outside, one with a ``company`` uses WeCom; the external_userid."""
    number = platform.number("external")
    who = (ids.partner_userid if company else ids.external_userid)(platform.dice, number)
    union = platform.dice.letters(24, "abcdefghijkmnpqrstuvwxyz23456789", "union", number)
    platform.customers.put(Customer(who, name, gender, f"o{union}", _company(company) if company else {}))
    return who


def add_friend(platform: Platform, userid: str, who: str, state: str, *, greet: bool = True) -> str:
    """
    A customer adds a member; the welcome code.

    It is empty when the console's own welcome is on (``greet`` false) and for customers who use WeCom themselves.
    """
    _require(userid in platform.staff and who in platform.customers, "unknown member or customer")
    _require(not platform.is_friend(userid, who), "already friends")
    platform.follows.put(Follow(userid, who, platform.now(), 1, state))
    code = new_welcome_code(platform, userid, who) if greet and not platform.customers[who].company else ""
    extra = {"WelcomeCode": code} if code else {}
    platform.storage.note_events([(platform.now(), "contact_added", who, "", 0)])
    platform.tell(
        "change_external_contact", "add_external_contact", UserID=userid, ExternalUserID=who, State=state, **extra
    )
    return code


def new_welcome_code(platform: Platform, userid: str, who: str) -> str:
    """The right to greet a new friend, good for seconds."""
    code = ids.welcome_code(platform.dice, platform.number("welcome"))
    return platform.welcome_codes.put(WelcomeCode(code, userid, who, platform.now())).code


def end_friendship(platform: Platform, userid: str, who: str, *, by_customer: bool = True) -> None:
    """One of the two deletes the other."""
    follow = platform.follows.get(f"{userid}/{who}")
    _require(follow is not None and not follow.ended_at, "not friends")
    if follow is not None:
        platform.follows.put(replace(follow, ended_at=platform.now()))
    change = "del_follow_user" if by_customer else "del_external_contact"
    platform.storage.note_events([(platform.now(), "contact_deleted", who, "", 0)])
    platform.tell("change_external_contact", change, UserID=userid, ExternalUserID=who)


def scan(platform: Platform, way: JoinWay, who: str) -> str:
    """Scan a live code: the first group with room, or a new one; the chat_id, empty when all are full."""
    chats = [platform.chats[chat_id] for chat_id in way.fields["chat_id_list"]]
    if any(f"{chat.chat_id}/{who}" in platform.seats for chat in chats):
        return ""
    open_chats = [chat for chat in chats if not chat.dismissed_at and _has_room(platform, chat)]
    if not open_chats and not way.fields["auto_create_room"]:
        return ""
    chat = open_chats[0] if open_chats else _next_room(platform, way, chats[-1])
    enter(platform, chat.chat_id, who, SCANNED, state=way.fields["state"])
    return chat.chat_id


def enter(platform: Platform, chat_id: str, who: str, scene: int, state: str = "", invitor: str = "") -> None:
    """Somebody joins a group; ``scene`` 1 invited, 3 by QR."""
    chat = _chat(platform, chat_id)
    _require(who in platform.customers, "unknown customer")
    _require(f"{chat_id}/{who}" not in platform.seats, "already in the group")
    _require(platform.seats.count("chat", chat_id) < platform.limits.chat_members, "the group is full")
    by_staff = invitor if invitor in platform.staff else ""
    seat = platform.seats.put(Seat(chat.chat_id, who, 2, platform.now(), scene, state, by_staff))
    lag.note(platform, seat, left=False)
    platform.storage.note_events([(platform.now(), "join", who, chat_id, 0)])
    _tell_members(platform, chat_id, "add_member", who, JoinScene=_EVENT_SCENE[scene])


def leave(platform: Platform, chat_id: str, who: str, *, removed: bool = False) -> None:
    """Somebody leaves a group or is removed from it."""
    _require(f"{chat_id}/{who}" in platform.seats, "not in the group")
    lag.note(platform, platform.seats[f"{chat_id}/{who}"], left=True)
    platform.seats.drop(f"{chat_id}/{who}")
    platform.storage.note_events([(platform.now(), "leave", who, chat_id, 0)])
    _tell_members(platform, chat_id, "del_member", who, QuitScene=int(removed))


def rename(platform: Platform, chat_id: str, name: str) -> None:
    """The owner gives the group another name."""
    platform.chats.put(replace(_chat(platform, chat_id), name=name))
    platform.tell("change_external_chat", "update", ChatId=chat_id, UpdateDetail="change_name")


def change_notice(platform: Platform, chat_id: str, notice: str) -> None:
    """The owner writes another notice."""
    platform.chats.put(replace(_chat(platform, chat_id), notice=notice))
    platform.tell("change_external_chat", "update", ChatId=chat_id, UpdateDetail="change_notice")


def hand_over(platform: Platform, chat_id: str, owner: str) -> None:
    """The owner makes another member the owner, who comes into the group for it."""
    _require(owner in platform.staff, "unknown member")
    _require(owner != _chat(platform, chat_id).owner, "the owner already")
    if f"{chat_id}/{owner}" not in platform.seats:
        platform.seats.put(Seat(chat_id, owner, 1, platform.now(), INVITED))
    platform.chats.put(replace(_chat(platform, chat_id), owner=owner))
    platform.tell("change_external_chat", "update", ChatId=chat_id, UpdateDetail="change_owner")


def dismiss(platform: Platform, chat_id: str) -> None:
    """The owner dissolves the group."""
    platform.chats.put(replace(_chat(platform, chat_id), dismissed_at=platform.now()))
    platform.tell("change_external_chat", "dismiss", ChatId=chat_id)


def open_chat(platform: Platform, name: str, owner: str, admins: list[str]) -> Chat:
    """A member makes a customer group; the staff sit in it from the start."""
    chat_id = ids.chat_id(platform.dice, platform.number("chat"))
    chat = platform.chats.put(Chat(chat_id, name, owner, admins, platform.now()))
    for userid in dict.fromkeys([owner, *admins]):
        platform.seats.put(Seat(chat_id, userid, 1, platform.now(), INVITED, invitor=owner))
    return chat


def confirm(platform: Platform, msgid: str, userid: str) -> list[str]:
    """A sender taps "send" on a mass task; the recipients that got it."""
    task, share = platform.tasks.get(msgid), platform.shares.get(f"{msgid}/{userid}")
    if task is None or share is None:
        raise CannotAct("no such task of that member")
    _require(userid in platform.staff and platform.staff[userid].active, "the member has left or never logged in")
    if task.cancelled_at or share.status:
        return []
    now = platform.now()
    states = {recipient: _deliver(platform, task, userid, recipient) for recipient in share.results}
    results = {recipient: [state, now if state == SENT else 0] for recipient, state in states.items()}
    platform.shares.put(replace(share, status=2, send_time=now, results=results))
    served = [recipient for recipient, state in states.items() if state == SENT]
    for recipient in served:
        _announce(platform, task, recipient)
    return served


def quota_since(mode: str, now: int) -> tuple[int, int]:
    """Start of the quota's period (Shanghai calendar) and how many messages it allows (wecom-api §2.2)."""
    today = datetime.fromtimestamp(day_start(now), UTC).astimezone(ZONE)
    if mode == "day_1":
        return int(today.timestamp()), 1
    if mode == "week_7":
        return int((today - timedelta(days=today.weekday())).timestamp()), 7
    month = today.replace(day=1)
    allowed = 4 if mode == "month_4" else calendar.monthrange(today.year, today.month)[1]
    return int(month.timestamp()), allowed


def _company(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a WeCom user shows of the company."""
    name = given.get("corp_name", "")
    return {
        "position": given.get("position", ""),
        "corp_name": name,
        "corp_full_name": given.get("corp_full_name", name),
        "external_profile": {"external_attr": given.get("external_attr", [])},
    }


def _deliver(platform: Platform, task: MassTask, userid: str, recipient: str) -> int:
    if not _is_reachable(platform, task, userid, recipient):
        return NOT_A_FRIEND
    since, allowed = quota_since(platform.limits.quota_mode, platform.now())
    old = platform.received.get(recipient)
    times = [at for at in (old.times if old else []) if at >= since]
    if len(times) >= allowed:
        return OVER_QUOTA
    platform.received.put(Received(recipient, [*times, platform.now()]))
    return SENT


def _is_reachable(platform: Platform, task: MassTask, userid: str, recipient: str) -> bool:
    if task.chat_type == "single":
        return platform.is_friend(userid, recipient)
    chat = platform.chats[recipient]
    return chat.owner == userid and not chat.dismissed_at


def _announce(platform: Platform, task: MassTask, recipient: str) -> None:
    meet = platform.public.meet_group_message if task.chat_type == "group" else platform.public.meet_private_message
    meet(recipient, task.text, task.attachments)


def _has_room(platform: Platform, chat: Chat) -> bool:
    return platform.seats.count("chat", chat.chat_id) < platform.limits.qr_members


def _next_room(platform: Platform, way: JoinWay, like: Chat) -> Chat:
    name = f"{way.fields['room_base_name'] or like.name}{way.fields['room_base_id']}"
    chat = open_chat(platform, name, like.owner, like.admins)
    chats = [*way.fields["chat_id_list"], chat.chat_id][-5:]
    fields = {**way.fields, "chat_id_list": chats, "room_base_id": way.fields["room_base_id"] + 1}
    platform.join_ways.put(replace(way, fields=fields))
    platform.tell("change_external_chat", "create", ChatId=chat.chat_id)
    return chat


def _tell_members(platform: Platform, chat_id: str, detail: str, who: str, **scene: int) -> None:
    before, after = platform.next_version(chat_id)
    platform.tell(
        "change_external_chat",
        "update",
        ChatId=chat_id,
        UpdateDetail=detail,
        **scene,
        MemChangeCnt=1,
        MemChangeList=[who],
        LastMemVer=before,
        CurMemVer=after,
    )


def _chat(platform: Platform, chat_id: str) -> Chat:
    chat = platform.chats.get(chat_id)
    if chat is None or chat.dismissed_at:
        raise CannotAct("unknown or dissolved group")
    return chat


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise CannotAct(problem)
