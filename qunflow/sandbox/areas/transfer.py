"""
Handing customers and groups to another member (wecom-api §8.5): on the job and after somebody has left.

A customer changes hands a day later, unless they refuse; `settle` carries out what is due when the clock has moved. The
customer's change raises callbacks, as it is the platform that makes it; a group's new owner raises none.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from qunflow.sandbox.areas.statistics import day_start
from qunflow.sandbox.fields import Field
from qunflow.sandbox.kept import Kept
from qunflow.sandbox.platform import Platform, Push
from qunflow.sandbox.records import Chat, Follow
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result, page
from qunflow.sandbox.wire import PHRASES, Refusal

DONE, WAITING, REFUSED, LIMIT, NONE = 1, 2, 3, 4, 5
ASSIGNED = 202
_NINETY_DAYS_S = 90 * 86_400


@dataclass(frozen=True, slots=True)
class Departed:
    """A member who left the corp."""

    userid: str
    at: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """A customer on the way from one member to another; ``status`` as the platform reports it."""

    number: int
    handover: str
    takeover: str
    who: str
    asked_at: int
    due_at: int
    status: int = WAITING
    done_at: int = 0


@dataclass(frozen=True, slots=True)
class GroupTransfer:
    """The owners a group was given by calls: [instant, from, to] each; ``since`` is when the last one takes over."""

    chat_id: str
    times: list[list[Any]] = field(default_factory=list)
    since: int = 0


DEPARTED = Kept(Departed, lambda r: r.userid)
TRANSFERS = Kept(Transfer, lambda r: str(r.number), status=lambda r: r.status, who=lambda r: r.who)
GROUPS = Kept(GroupTransfer, lambda r: r.chat_id)


def transfer_customer(call: Call) -> Result:
    """Hand customers of a member over; each has an answer of its own, 0 means it is done in a day."""
    handover = call.body["handover_userid"]
    if handover not in call.platform.staff:
        raise Refusal(60111)
    return _transferred(call)


def transfer_of_resigned(call: Call) -> Result:
    """Hand customers of somebody who has left over."""
    if call.body["handover_userid"] in call.platform.staff:
        raise Refusal(40097)
    _departed(call)
    return _transferred(call)


def result(call: Call) -> Result:
    """What became of the customers between two members, the last transfer of each."""
    return _results(call)


def result_of_resigned(call: Call) -> Result:
    """The same for a member who has left."""
    _departed(call)
    return _results(call)


def unassigned(call: Call) -> Result:
    """Customers of those who have left whom nobody has yet; by page number or by cursor."""
    platform, body = call.platform, call.body
    waiting = {one.who for one in TRANSFERS.of(platform).where("status", WAITING)}
    rows = [
        {"handover_userid": gone.userid, "external_userid": follow.external_userid, "dimission_time": gone.at}
        for gone in DEPARTED.of(platform)
        for follow in platform.follows.where("member", gone.userid)
        if not follow.ended_at and follow.external_userid not in waiting
    ]
    size = body["page_size"]
    if body["page_id"] and not body["cursor"]:
        start = body["page_id"] * size
        return {"info": rows[start : start + size], "is_last": start + size >= len(rows), "next_cursor": ""}, None
    found, cursor = page(rows, body["cursor"], size)
    return {"info": found, "is_last": not cursor, "next_cursor": cursor}, None


def transfer_groups_of_resigned(call: Call) -> Result:
    """Give groups whose owner has left another one."""
    return _groups_given(call, resigned=True)


def transfer_groups(call: Call) -> Result:
    """Give groups of a member who is still there another owner."""
    return _groups_given(call, resigned=False)


def owner_status(platform: Platform, chat: Chat) -> int:
    """How a group stands with its owner: 0 normal, 1 the owner has left, 2 being handed over, 3 handed over."""
    given = GROUPS.of(platform).get(chat.chat_id)
    if chat.owner not in platform.staff:
        return 1
    if given is None or given.times[-1][2] != chat.owner:
        return 0
    return 2 if given.since > platform.now() else 3


def settle(platform: Platform) -> None:
    """Carry out what is due by now."""
    for one in TRANSFERS.of(platform).where("status", WAITING):
        if one.due_at <= platform.now():
            _carry_out(platform, one)


def fail(platform: Platform, one: Transfer, status: int, reason: str, at: int) -> None:
    """End a transfer that did not come about and tell so."""
    TRANSFERS.of(platform).put(replace(one, status=status, done_at=at))
    fields = (("UserID", one.takeover), ("ExternalUserID", one.who), ("FailReason", reason))
    platform.pushes.append(Push("change_external_contact", "transfer_fail", fields, at))


def _carry_out(platform: Platform, one: Transfer) -> None:
    follow = platform.follows.get(f"{one.handover}/{one.who}")
    if follow is None or follow.ended_at:
        TRANSFERS.of(platform).put(replace(one, status=NONE, done_at=one.due_at))
        return
    had = sum(not follow.ended_at for follow in platform.follows.where("member", one.takeover))
    if had >= platform.limits.customers_per_member:
        fail(platform, one, LIMIT, "customer_limit_exceed", one.due_at)
        return
    platform.follows.put(replace(follow, ended_at=one.due_at))
    TRANSFERS.of(platform).put(replace(one, status=DONE, done_at=one.due_at))
    gone = (("UserID", one.handover), ("ExternalUserID", one.who), ("Source", "DELETE_BY_TRANSFER"))
    platform.pushes.append(Push("change_external_contact", "del_external_contact", gone, one.due_at))
    if platform.is_friend(one.takeover, one.who):
        return
    platform.follows.put(Follow(one.takeover, one.who, one.due_at, ASSIGNED, follow.state, remark=follow.remark))
    come = (("UserID", one.takeover), ("ExternalUserID", one.who), ("State", follow.state))
    platform.pushes.append(Push("change_external_contact", "add_external_contact", come, one.due_at))


def _transferred(call: Call) -> Result:
    platform, body = call.platform, call.body
    if body["handover_userid"] == body["takeover_userid"]:
        raise Refusal(40130)
    if body["takeover_userid"] not in platform.staff:
        raise Refusal(60111)
    rows, taken = [], []
    for who in dict.fromkeys(body["external_userid"]):
        code = _problem(platform, body["handover_userid"], who)
        rows.append({"external_userid": who, "errcode": code})
        if not code:
            taken.append(who)
            _begin(platform, body, who)
    return {"customer": rows}, Effect(body["handover_userid"], tuple(taken), body["takeover_userid"])


def _begin(platform: Platform, body: dict[str, Any], who: str) -> None:
    now = platform.now()
    due = now + platform.limits.transfer_s
    number = platform.number("transfer")
    one = Transfer(number, body["handover_userid"], body["takeover_userid"], who, now, due)
    TRANSFERS.of(platform).put(one)


def _problem(platform: Platform, handover: str, who: str) -> int:
    if who not in platform.customers:
        return 40096
    if not platform.is_friend(handover, who):
        return 40131
    earlier = TRANSFERS.of(platform).where("who", who)
    if any(one.status == WAITING for one in earlier):
        return 40129
    recent = [one for one in earlier if one.asked_at > platform.now() - _NINETY_DAYS_S]
    return 40128 if len(recent) >= platform.limits.transfers_per_90_days else 0


def _results(call: Call) -> Result:
    body = call.body
    pair = (body["handover_userid"], body["takeover_userid"])
    last = {one.who: one for one in TRANSFERS.of(call.platform) if (one.handover, one.takeover) == pair}
    found, cursor = page(list(last.values()), body["cursor"], 1_000)
    rows = [
        {"external_userid": one.who, "status": one.status, "takeover_time": one.done_at if one.status == DONE else 0}
        for one in found
    ]
    return {"customer": rows, "next_cursor": cursor}, None


def _departed(call: Call) -> Departed:
    gone = DEPARTED.of(call.platform).get(call.body["handover_userid"])
    if gone is None:
        raise Refusal(60111)
    return gone


def _groups_given(call: Call, *, resigned: bool) -> Result:
    platform, body = call.platform, call.body
    if body["new_owner"] not in platform.staff:
        raise Refusal(60111)
    failed, given = [], []
    for chat_id in dict.fromkeys(body["chat_id_list"]):
        code = _group_problem(platform, chat_id, body["new_owner"], resigned=resigned)
        if code:
            failed.append({"chat_id": chat_id, "errcode": code, "errmsg": PHRASES.get(code, "error")})
        else:
            given.append(chat_id)
            _give(platform, chat_id, body["new_owner"])
    return {"failed_chat_list": failed}, Effect(body["new_owner"], tuple(given))


def _group_problem(platform: Platform, chat_id: str, new_owner: str, *, resigned: bool) -> int:
    chat = platform.chats.get(chat_id)
    if chat is None:
        return 90501
    if chat.dismissed_at:
        return 49008
    given, now = GROUPS.of(platform).get(chat_id) or GroupTransfer(chat_id), platform.now()
    if given.since > now:
        return 90507
    has_left = chat.owner not in platform.staff
    if resigned and not has_left:
        return 90508 if given.times and given.times[-1][1] not in platform.staff else 90500
    if has_left and not resigned:
        return 90502
    if chat.owner == new_owner:
        return 90504
    return _too_often(platform, given, chat.owner)


def _too_often(platform: Platform, given: GroupTransfer, owner: str) -> int:
    now = platform.now()
    recent = [at for at, _, _ in given.times if at > now - _NINETY_DAYS_S]
    if len(recent) >= platform.limits.transfers_per_90_days:
        return 40128
    times = [[at, was] for one in GROUPS.of(platform) for at, was, _ in one.times]
    today = sum(was == owner and at >= day_start(now) for at, was in times)
    return 45009 if today >= platform.limits.group_transfers_per_day else 0


def _give(platform: Platform, chat_id: str, new_owner: str) -> None:
    chat, now = platform.chats[chat_id], platform.now()
    old = GROUPS.of(platform).get(chat_id) or GroupTransfer(chat_id)
    times = [*old.times, [now, chat.owner, new_owner]]
    GROUPS.of(platform).put(GroupTransfer(chat_id, times, now + platform.limits.group_transfer_s))
    platform.chats.put(replace(chat, owner=new_owner))


_PAIR = (Field("handover_userid", required=True, missing=41009), Field("takeover_userid", required=True, missing=41009))
_WHO = Field("external_userid", "list", required=True, missing=41035, max_items=100, items="text")
_CURSOR = Field("cursor")
_CHATS = (
    Field("chat_id_list", "list", required=True, max_items=100, items="text"),
    Field("new_owner", required=True, missing=41009),
)

ENDPOINTS = (
    Endpoint(
        "externalcontact/transfer_customer",
        transfer_customer,
        (*_PAIR, _WHO, Field("transfer_success_msg", max_chars=200)),
    ),
    Endpoint("externalcontact/transfer_result", result, (*_PAIR, _CURSOR)),
    Endpoint("externalcontact/resigned/transfer_customer", transfer_of_resigned, (*_PAIR, _WHO)),
    Endpoint("externalcontact/resigned/transfer_result", result_of_resigned, (*_PAIR, _CURSOR)),
    Endpoint(
        "externalcontact/get_unassigned_list",
        unassigned,
        (Field("page_id", "number"), Field("page_size", "number", default=1_000, low=1, high=1_000), _CURSOR),
    ),
    Endpoint("externalcontact/groupchat/transfer", transfer_groups_of_resigned, _CHATS),
    Endpoint("externalcontact/groupchat/onjob_transfer", transfer_groups, _CHATS),
)
