"""Messages of the app to members of the corp (wecom-api §7.5): cards, to-dos, alerts."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from qunflow.sandbox import ids
from qunflow.sandbox.areas import parts
from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import AppMessage
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Refusal

_CONTENT = Field("content", required=True, missing=44004, max_bytes=2_048, over=45002)
_KINDS: dict[str, tuple[Field, ...]] = {
    "text": (_CONTENT,),
    "markdown": (_CONTENT,),
    "textcard": (
        Field("title", required=True, max_chars=128),
        Field("description", required=True, max_chars=512),
        Field("url", required=True, max_bytes=2_048),
        Field("btntxt", max_chars=4),
    ),
    "image": (Field("media_id", required=True, missing=40007),),
    "file": (Field("media_id", required=True, missing=40007),),
}


def send(call: Call) -> Result:
    """Send to members; partly wrong recipients still answer 0 and stand in ``invaliduser``."""
    platform, body = call.platform, call.body
    if body["agentid"] != platform.options.agent_id:
        raise Refusal(301002)
    _check_content(platform, body)
    known, unknown = _recipients(platform, body)
    answer: dict[str, Any] = {
        "invaliduser": "|".join(unknown),
        "invalidparty": "",
        "invalidtag": "",
        "unlicenseduser": "",
    }
    digest = _digest(body)
    if body["enable_duplicate_check"] and (earlier := _repeated(platform, body, digest)):
        return {**answer, "msgid": earlier.msgid}, None
    message = AppMessage(ids.msg_id(platform.dice, platform.number("msg")), platform.now(), digest, _kept(body))
    platform.app_messages.put(message)
    for userid in known:
        platform.public.meet_card(userid, message.body)
    return {**answer, "msgid": message.msgid}, Effect(str(body["agentid"]), tuple(known), message.msgid)


def _check_content(platform: Platform, body: dict[str, Any]) -> None:
    kind = body["msgtype"]
    if kind not in _KINDS:
        raise Refusal(40008)
    part = body.get(kind)
    if not isinstance(part, dict):
        raise Refusal(40063, f"{kind} missing")
    found = checked(_KINDS[kind], part)
    if kind in ("image", "file"):
        parts.require_media(platform, found["media_id"], kind)
    if kind == "textcard" and "://" not in found["url"]:
        raise Refusal(45034)


def _recipients(platform: Platform, body: dict[str, Any]) -> tuple[list[str], list[str]]:
    if not body["touser"]:
        raise Refusal(82001)
    wanted = list(dict.fromkeys(body["touser"].split("|")))
    if len(wanted) > 1_000:
        raise Refusal(40032)
    if wanted == ["@all"]:
        return [member.userid for member in platform.staff], []
    known = [userid for userid in wanted if userid in platform.staff]
    if not known:
        raise Refusal(81013)
    return known, [userid for userid in wanted if userid not in platform.staff]


def _kept(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("touser", "msgtype", body["msgtype"])}


def _digest(body: dict[str, Any]) -> str:
    return sha256(json.dumps(_kept(body), sort_keys=True).encode()).hexdigest()


def _repeated(platform: Platform, body: dict[str, Any], digest: str) -> AppMessage | None:
    since = platform.now() - body["duplicate_check_interval"]
    same = [message for message in platform.app_messages.where("digest", digest) if message.sent_at > since]
    return same[-1] if same else None


ENDPOINTS = (
    Endpoint(
        "message/send",
        send,
        (
            Field("touser"),
            Field("msgtype", required=True, missing=40008),
            Field("agentid", "number", required=True, missing=41011, bad=40056),
            Field("enable_duplicate_check", "number", choices=(0, 1)),
            Field("duplicate_check_interval", "number", default=1_800, low=1, high=14_400),
        ),
    ),
)
