"""
Welcome templates for groups (wecom-api §7.2): material only, an owner still has to apply one in the client.

A template belongs to the app that made it. A file that was fetched by address (`media`) is as good as an uploaded one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qunflow.sandbox import ids
from qunflow.sandbox.areas import parts
from qunflow.sandbox.assets import GroupWelcome
from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Refusal

_KINDS = ("image", "link", "miniprogram", "file", "video")
_TEXT = (Field("content", max_bytes=3_000),)


def add(call: Call) -> Result:
    """Keep a template."""
    platform = call.platform
    content = _content(platform, call.body)
    if len(platform.group_welcomes) >= platform.limits.group_welcomes:
        raise Refusal(41055)
    template_id = ids.msg_id(platform.dice, platform.number("msg"))
    platform.group_welcomes.put(GroupWelcome(template_id, call.app.agent_id, content, call.body["notify"]))
    return {"template_id": template_id}, Effect(msgid=template_id)


def edit(call: Call) -> Result:
    """Replace a template's parts."""
    platform, template = call.platform, _own(call)
    content = _content(platform, call.body)
    platform.group_welcomes.put(replace(template, parts=content, notify=call.body["notify"]))
    return {}, Effect(msgid=template.template_id)


def get(call: Call) -> Result:
    """A template's parts; a picture comes back as an address."""
    template = _own(call)
    shown = dict(template.parts)
    if "image" in shown:
        shown["image"] = {"pic_url": _address(shown["image"])}
    return shown, None


def delete(call: Call) -> Result:
    """Remove a template; groups keep what was applied."""
    template = _own(call)
    call.platform.group_welcomes.drop(template.template_id)
    return {}, Effect(msgid=template.template_id)


def _content(platform: Platform, body: dict[str, Any]) -> dict[str, Any]:
    text = checked(_TEXT, body["text"])["content"]
    kinds = [kind for kind in _KINDS if body[kind]]
    if not text and not kinds:
        raise Refusal(40063, "the template is empty")
    if len(kinds) > 1:
        raise Refusal(40058, f"at most one of {', '.join(_KINDS)}")
    content = {"text": {"content": text}} if text else {}
    for kind in kinds:
        _check_part(platform, kind, body[kind])
        content[kind] = body[kind]
    return content


def _check_part(platform: Platform, kind: str, part: dict[str, Any]) -> None:
    media = platform.media.get(str(part.get("media_id", "")))
    if media is not None and media.kind == f"material/{kind}":
        parts.require_media(platform, media.media_id, media.kind)
        return
    parts.content_of(platform, {"text": {}, "attachments": [{"msgtype": kind, kind: part}]})


def _address(image: dict[str, Any]) -> str:
    return str(image.get("pic_url") or f"https://wework.qpic.cn/wwpic/{image['media_id'][:20]}/0")


def _own(call: Call) -> GroupWelcome:
    """
    The app's own template.

    Raises:
        Refusal: 40058 for an unknown one, since no code is documented for it; 41058 for another app's.
    """
    template = call.platform.group_welcomes.get(call.body["template_id"])
    if template is None:
        raise Refusal(40058, "unknown template_id")
    if template.app != call.app.agent_id:
        raise Refusal(41058)
    return template


_TEMPLATE = Field("template_id", required=True)
_PARTS = (
    Field("text", "object"),
    *(Field(kind, "object") for kind in _KINDS),
    Field("notify", "number", default=1, choices=(0, 1)),
    Field("agentid", "number"),
)

ENDPOINTS = (
    Endpoint("externalcontact/group_welcome_template/add", add, _PARTS),
    Endpoint("externalcontact/group_welcome_template/edit", edit, (_TEMPLATE, *_PARTS)),
    Endpoint("externalcontact/group_welcome_template/get", get, (_TEMPLATE,)),
    Endpoint("externalcontact/group_welcome_template/del", delete, (_TEMPLATE,)),
)
