"""Customer groups and who is in them now (wecom-api §6.1); who left is simply gone."""

from __future__ import annotations

from typing import Any

from qunflow.sandbox import lag, visibility
from qunflow.sandbox.areas import owner_filter, transfer
from qunflow.sandbox.fields import Field
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Chat, Seat
from qunflow.sandbox.routing import Call, Endpoint, Result, page
from qunflow.sandbox.wire import Refusal


def list_groups(call: Call) -> Result:
    """Ids of living groups, filtered by owner; an app that sees too many members has to name owners (81017)."""
    body = call.body
    owners = owner_filter.owners_in(body)
    if not owners and _count_visible(call) > call.platform.limits.unfiltered_members:
        raise Refusal(81017, "owner_filter is needed")
    seen = [chat for chat in call.platform.chats if not chat.dismissed_at and visibility.sees(call.app, chat.owner)]
    chats = [chat for chat in seen if not owners or chat.owner in owners]
    rows = [{"chat_id": chat.chat_id, "status": transfer.owner_status(call.platform, chat)} for chat in chats]
    rows = [row for row in rows if body["status_filter"] in (0, row["status"])]
    found, cursor = page(rows, body["cursor"], body["limit"])
    return {"group_chat_list": found, "next_cursor": cursor}, None


def get(call: Call) -> Result:
    """One group in full; names only when asked for."""
    chat = call.platform.chats.get(call.body["chat_id"])
    if chat is None:
        raise Refusal(40050)
    if chat.dismissed_at:
        raise Refusal(49008)
    return {"group_chat": _shown(call.platform, chat, call.body["need_name"] == 1)}, None


def _count_visible(call: Call) -> int:
    return sum(visibility.sees(call.app, member.userid) for member in call.platform.staff)


def _shown(platform: Platform, chat: Chat, with_names: bool) -> dict[str, Any]:
    seats, version = lag.seen(platform, chat)
    return {
        "chat_id": chat.chat_id,
        "name": chat.name,
        "owner": chat.owner,
        "create_time": chat.create_time,
        "notice": chat.notice,
        "member_list": [_member(platform, seat, with_names) for seat in seats],
        "admin_list": [{"userid": userid} for userid in chat.admins],
        "member_version": version,
    }


def _member(platform: Platform, seat: Seat, with_names: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "userid": seat.userid,
        "type": seat.kind,
        "join_time": seat.join_time,
        "join_scene": seat.join_scene,
        "group_nickname": "",
    }
    if seat.invitor:
        shown["invitor"] = {"userid": seat.invitor}
    if seat.state:
        shown["state"] = seat.state
    if seat.kind == 2 and (unionid := visibility.shown_unionid(platform, platform.customers[seat.userid])):
        shown["unionid"] = unionid
    if with_names:
        shown["name"] = _name(platform, seat)
    return shown


def _name(platform: Platform, seat: Seat) -> str:
    return platform.customers[seat.userid].name if seat.kind == 2 else platform.staff[seat.userid].name


ENDPOINTS = (
    Endpoint(
        "externalcontact/groupchat/list",
        list_groups,
        (
            Field("status_filter", "number", choices=(0, 1, 2, 3)),
            owner_filter.FIELD,
            Field("cursor"),
            Field("limit", "number", required=True, missing=40058, low=1, high=1_000),
        ),
    ),
    Endpoint(
        "externalcontact/groupchat/get",
        get,
        (Field("chat_id", required=True), Field("need_name", "number", choices=(0, 1))),
    ),
)
