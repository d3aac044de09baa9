"""
Channel codes that add a member as friend (wecom-api §5.3), temporary ones included.

Scanning one is a client's act and lives in `meeting`; a code belongs to the app that made it (`visibility`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox import ids, visibility
from qunflow.sandbox.areas import members, parts
from qunflow.sandbox.areas.statistics import day_start
from qunflow.sandbox.fields import Field
from qunflow.sandbox.options import App
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import ContactWay
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result, page
from qunflow.sandbox.wire import Refusal

Settings = dict[str, Any]

_DAY_S = 86_400
_LISTED_S = 90 * _DAY_S
_MOST_MEMBERS = 100
_STYLES = {1: 3, 2: 2}
_SINGLE = 1
_MINI_PROGRAM, _QR = 1, 2
_TEMPORARY = ("expires_in", "chat_expires_in", "unionid", "conclusions")
_LASTING = (
    "type",
    "scene",
    "style",
    "remark",
    "skip_verify",
    "state",
    "user",
    "party",
    "is_exclusive",
    "mark_source",
    "is_temp",
)
_CHANGEABLE = ("style", "remark", "skip_verify", "state", "user", "party", "mark_source")


def add(call: Call) -> Result:
    """Make a channel code; the QR address is given for scene 2 only."""
    platform, body = call.platform, call.body
    settings = {name: body[name] for name in _LASTING}
    if body["is_temp"]:
        settings.update(_temporary(platform, body))
    _check(platform, call.app, settings)
    _require_quota(platform, body["is_temp"])
    config = ids.config_id(platform.dice, platform.number("config"))
    qr_code = f"https://wework.qpic.cn/wwpic/{config[:20]}" if body["scene"] == _QR else ""
    platform.contact_ways.put(ContactWay(config, settings, qr_code, platform.now()))
    answer = {"config_id": config, "qr_code": qr_code} if qr_code else {"config_id": config}
    return answer, Effect(targets=tuple(body["user"]), msgid=config)


def get(call: Call) -> Result:
    """A channel code's settings."""
    way = _way(call)
    return {"contact_way": {"config_id": way.config_id, **way.fields, "qr_code": way.qr_code}}, None


def list_ways(call: Call) -> Result:
    """The app's own lasting codes made in a span of time, of the last 90 days when none is named."""
    platform, body = call.platform, call.body
    until = platform.now() if body["end_time"] is None else body["end_time"]
    since = platform.now() - _LISTED_S if body["start_time"] is None else body["start_time"]
    if since > until:
        raise Refusal(40058, "start_time is after end_time")
    rows = [
        {"config_id": way.config_id}
        for way in platform.contact_ways
        if since <= way.created_at <= until
        and not way.fields["is_temp"]
        and visibility.is_own(platform, call.app, way.config_id)
    ]
    found, cursor = page(rows, body["cursor"], body["limit"])
    return {"contact_way": found, "next_cursor": cursor}, None


def update(call: Call) -> Result:
    """Change what is named, people and remark as a whole; type and scene stay what they are."""
    platform, way = call.platform, _way(call)
    named = {name: call.body[name] for name in _CHANGEABLE if call.body[name] is not None}
    settings = {**way.fields, **named}
    if way.fields["is_temp"]:
        given = {name: call.body[name] for name in _TEMPORARY if call.body[name] is not None}
        settings.update(_temporary(platform, {**settings, **given}))
    _check(platform, call.app, settings)
    platform.contact_ways.put(replace(way, fields=settings))
    return {}, Effect(targets=tuple(settings["user"]), msgid=way.config_id)


def delete(call: Call) -> Result:
    """End a channel code."""
    way = _way(call)
    call.platform.contact_ways.drop(way.config_id)
    return {}, Effect(msgid=way.config_id)


def close_temp_chat(call: Call) -> Result:
    """End a session opened by a temporary code: the customer gets its conclusions."""
    platform, body = call.platform, call.body
    if not platform.is_friend(body["userid"], body["external_userid"]):
        raise Refusal(84061)
    key = f"{body['userid']}/{body['external_userid']}"
    chat = platform.temporary_chats.get(key)
    if chat is None or chat.ends_at <= platform.now():
        raise Refusal(40058, "no temporary session")
    platform.temporary_chats.drop(key)
    if chat.conclusions:
        text, attachments = _conclusion_parts(chat.conclusions)
        platform.public.meet_private_message(chat.external_userid, text["content"], attachments)
    return {}, Effect(chat.userid, (chat.external_userid,))


def members_of(platform: Platform, settings: Settings) -> list[str]:
    """Everybody a code may lead to, departments expanded to those who can have customers."""
    inside = [userid for party in settings["party"] for userid in members.members_of(platform, party)]
    able = [userid for userid in inside if platform.staff[userid].active]
    return list(dict.fromkeys([*settings["user"], *able]))


def _check(platform: Platform, app: App, settings: Settings) -> None:
    users, parties = settings["user"], settings["party"]
    if settings["type"] == _SINGLE and (len(users) != 1 or parties):
        raise Refusal(40058, "type 1 takes exactly one user and no party")
    if not users and not parties:
        raise Refusal(40063, "user and party are both empty")
    if any(not isinstance(userid, str) or userid not in platform.staff for userid in users):
        raise Refusal(60111)
    if not all(platform.staff[userid].active for userid in users):
        raise Refusal(41054)
    if any(party not in (members.ROOT, *members.DEPARTMENTS) for party in parties):
        raise Refusal(60003)
    reached = members_of(platform, settings)
    if len(reached) > _MOST_MEMBERS:
        raise Refusal(41041)
    if not all(visibility.sees(app, userid) for userid in reached):
        raise Refusal(60011)
    if settings["scene"] == _MINI_PROGRAM and settings["style"] > _STYLES[settings["type"]]:
        raise Refusal(41042)
    if settings["is_temp"] and settings["type"] != _SINGLE:
        raise Refusal(40058, "a temporary code takes exactly one user")


def _temporary(platform: Platform, body: Settings) -> Settings:
    """The settings only temporary codes have."""
    conclusions = body["conclusions"]
    if conclusions:
        text, attachments = _conclusion_parts(conclusions)
        parts.content_of(platform, {"text": text, "attachments": attachments})
    return {
        "expires_in": body["expires_in"] or 7 * _DAY_S,
        "chat_expires_in": body["chat_expires_in"] or _DAY_S,
        "unionid": body["unionid"],
        "conclusions": conclusions,
    }


def _conclusion_parts(conclusions: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    text = conclusions.get("text") or {"content": ""}
    kinds = [kind for kind in ("image", "link", "miniprogram") if conclusions.get(kind)]
    return text, [{"msgtype": kind, kind: conclusions[kind]} for kind in kinds]


def _require_quota(platform: Platform, is_temp: bool) -> None:
    limits = platform.limits
    today = day_start(platform.now())
    if is_temp:
        made = [way for way in platform.contact_ways if way.fields["is_temp"] and way.created_at >= today]
        full = len(made) >= limits.temporary_codes_per_day
    else:
        full = len(platform.contact_ways) + len(platform.join_ways) >= limits.codes
    if full:
        raise Refusal(41045)


def _way(call: Call) -> ContactWay:
    way = call.platform.contact_ways.get(call.body["config_id"])
    if way is None:
        raise Refusal(41044)
    return way


_CONFIG = Field("config_id", required=True, missing=41043)
_STYLE = Field("style", "number", default=1, bad=41042, low=1, high=3)
_REMARK = Field("remark", max_chars=30)
_STATE = Field("state", max_chars=30)
_USERS = Field("user", "list", max_items=_MOST_MEMBERS, over=41041, items="text")
_PARTIES = Field("party", "list", max_items=_MOST_MEMBERS, over=41041, items="number")
_SKIP_VERIFY = Field("skip_verify", "flag", default=True)
_MARK_SOURCE = Field("mark_source", "flag", default=True)
_OF_TEMPORARY = (
    Field("expires_in", "number", low=1, high=14 * _DAY_S),
    Field("chat_expires_in", "number", low=1, high=14 * _DAY_S),
    Field("unionid"),
    Field("conclusions", "object"),
)
_CHANGES = tuple(
    replace(field, nullable=True)
    for field in (_STYLE, _REMARK, _STATE, _USERS, _PARTIES, _SKIP_VERIFY, _MARK_SOURCE, *_OF_TEMPORARY)
)

ENDPOINTS = (
    Endpoint(
        "externalcontact/add_contact_way",
        add,
        (
            Field("type", "number", required=True, missing=41037, bad=41039, choices=(1, 2)),
            Field("scene", "number", required=True, missing=41038, bad=41040, choices=(1, 2)),
            _STYLE,
            _REMARK,
            _STATE,
            _USERS,
            _PARTIES,
            _SKIP_VERIFY,
            _MARK_SOURCE,
            Field("is_exclusive", "flag"),
            Field("is_temp", "flag"),
            *_OF_TEMPORARY,
        ),
    ),
    Endpoint("externalcontact/get_contact_way", get, (_CONFIG,)),
    Endpoint(
        "externalcontact/list_contact_way",
        list_ways,
        (
            Field("start_time", "number", nullable=True),
            Field("end_time", "number", nullable=True),
            Field("cursor"),
            Field("limit", "number", default=100, low=1, high=1_000),
        ),
    ),
    Endpoint("externalcontact/update_contact_way", update, (_CONFIG, *_CHANGES)),
    Endpoint("externalcontact/del_contact_way", delete, (_CONFIG,)),
    Endpoint(
        "externalcontact/close_temp_chat",
        close_temp_chat,
        (
            Field("userid", required=True, missing=41009),
            Field("external_userid", required=True, missing=41035),
        ),
    ),
)
