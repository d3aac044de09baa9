"""Live group codes (wecom-api §6.2); scanning one is a client's act and lives in `clients`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox import ids
from qunflow.sandbox.fields import Field
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import JoinWay
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Refusal

_KEPT = (
    "scene",
    "remark",
    "auto_create_room",
    "room_base_name",
    "room_base_id",
    "chat_id_list",
    "state",
    "mark_source",
)


def add(call: Call) -> Result:
    """Make a code over 1 to 5 groups; the answer holds no QR address, `get` does. Contact ways count with them."""
    platform = call.platform
    if len(platform.contact_ways) + len(platform.join_ways) >= platform.limits.codes:
        raise Refusal(41045)
    config = ids.config_id(platform.dice, platform.number("config"))
    way = JoinWay(config, _settings(platform, call.body), f"https://work.weixin.qq.com/gm/{config}")
    platform.join_ways.put(way)
    return {"config_id": config}, Effect(targets=tuple(call.body["chat_id_list"]), msgid=config)


def get(call: Call) -> Result:
    """A code's settings, groups as they are now, and the QR address."""
    way = _way(call)
    return {"join_way": {"config_id": way.config_id, **way.fields, "qr_code": way.qr_code}}, None


def update(call: Call) -> Result:
    """Overwrite all settings; what is left out falls back to its default."""
    way = _way(call)
    call.platform.join_ways.put(replace(way, fields=_settings(call.platform, call.body)))
    return {}, Effect(targets=tuple(call.body["chat_id_list"]), msgid=way.config_id)


def delete(call: Call) -> Result:
    """End a code."""
    way = _way(call)
    call.platform.join_ways.drop(way.config_id)
    return {}, Effect(msgid=way.config_id)


def _settings(platform: Platform, body: dict[str, Any]) -> dict[str, Any]:
    for chat_id in body["chat_id_list"]:
        chat = platform.chats.get(chat_id)
        if chat is None or chat.dismissed_at:
            raise Refusal(40050)
    return {**{name: body[name] for name in _KEPT}, "remark": body["remark"][:30]}


def _way(call: Call) -> JoinWay:
    way = call.platform.join_ways.get(call.body["config_id"])
    if way is None:
        raise Refusal(41044)
    return way


_CONFIG = Field("config_id", required=True, missing=41043)
_SETTINGS = (
    Field("scene", "number", required=True, choices=(1, 2)),
    Field("chat_id_list", "list", required=True, max_items=5, over=41091, items="text"),
    Field("remark"),
    Field("auto_create_room", "number", default=1, choices=(0, 1)),
    Field("room_base_name", max_chars=40),
    Field("room_base_id", "number", default=1, low=1, high=2**31),
    Field("state", max_chars=30),
    Field("mark_source", "flag", default=True),
)

ENDPOINTS = (
    Endpoint("externalcontact/groupchat/add_join_way", add, _SETTINGS),
    Endpoint("externalcontact/groupchat/get_join_way", get, (_CONFIG,)),
    Endpoint("externalcontact/groupchat/update_join_way", update, (_CONFIG, *_SETTINGS)),
    Endpoint("externalcontact/groupchat/del_join_way", delete, (_CONFIG,)),
)
