"""
Group robots (wecom-api §10.1): no token, the key is the secret; 20 messages a minute for each.

A robot is added in a client (`console`). Robots write into internal groups, unless the corp allows them in customer
groups: then the message meets the group's people.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from dataclasses import dataclass, field, replace
from hashlib import md5
from typing import Any

from qunflow.sandbox.areas import media
from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.files import kind_of
from qunflow.sandbox.kept import Kept
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Refusal

_MINUTE_S = 60
_IMAGE_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Robot:
    """A robot; ``times`` are its messages of the last minute, ``chat_id`` is empty in an internal group."""

    key: str
    name: str
    chat_id: str = ""
    disabled: bool = False
    times: list[int] = field(default_factory=list)
    blocked_until: int = 0


ROBOTS = Kept(Robot, lambda r: r.key)


def send(call: Call) -> Result:
    """Write one message."""
    robot = _counted(call)
    kind = call.body["msgtype"]
    part = call.body.get(kind)
    if kind not in _KINDS:
        raise Refusal(40008)
    if not isinstance(part, dict):
        raise Refusal(40063, f"{kind} missing")
    found = checked(_KINDS[kind], part)
    if kind in _CHECKS:
        _CHECKS[kind](call.platform, robot, found)
    if robot.chat_id:
        call.platform.public.meet_group_message(robot.chat_id, str(found.get("content", "")), [])
    return {}, Effect(f"robot {robot.name}", (robot.chat_id,) if robot.chat_id else ())


def upload_media(call: Call) -> Result:
    """Keep a file for this robot alone."""
    robot = _robot(call)
    kind = call.query.get("type", "")
    if kind not in ("file", "voice"):
        raise Refusal(40005)
    kept = media.keep(call, kind, pool=_pool(robot))
    answer = {"type": kind, "media_id": kept.media_id, "created_at": str(kept.created_at)}
    return answer, Effect(f"robot {robot.name}", msgid=kept.media_id)


def _robot(call: Call) -> Robot:
    robot = ROBOTS.of(call.platform).get(call.query.get("key", ""))
    if robot is None:
        raise Refusal(93000)
    if robot.disabled:
        raise Refusal(93004)
    return robot


def _counted(call: Call) -> Robot:
    """The robot with this message counted; one too many blocks it for a minute."""
    platform, robot, now = call.platform, _robot(call), call.platform.now()
    recent = [at for at in robot.times if at > now - _MINUTE_S]
    if now >= robot.blocked_until and len(recent) >= platform.limits.robot_calls_per_min:
        robot = replace(robot, blocked_until=now + _MINUTE_S)
        ROBOTS.of(platform).put(robot)
    if now < robot.blocked_until:
        raise Refusal(45009)
    return ROBOTS.of(platform).put(replace(robot, times=[*recent, now]))


def _pool(robot: Robot) -> str:
    return f"robot {robot.name}/"


def _check_image(platform: Platform, robot: Robot, part: dict[str, Any]) -> None:
    try:
        raw = b64decode(part["base64"], validate=True)
    except (Error, ValueError) as error:
        raise Refusal(40123) from error
    if len(raw) > _IMAGE_BYTES:
        raise Refusal(40009)
    if kind_of(raw) != "image":
        raise Refusal(40123)
    if md5(raw, usedforsecurity=False).hexdigest() != part["md5"].lower():
        raise Refusal(40058, "md5 does not fit the image")


def _check_news(platform: Platform, robot: Robot, part: dict[str, Any]) -> None:
    for article in part["articles"]:
        if not isinstance(article, dict):
            raise Refusal(40058, "articles")
        _require_address(checked(_ARTICLE, article)["url"])


def _check_file(platform: Platform, robot: Robot, part: dict[str, Any]) -> None:
    media.require_file(platform, part["media_id"], "file", pool=_pool(robot))


def _check_voice(platform: Platform, robot: Robot, part: dict[str, Any]) -> None:
    media.require_file(platform, part["media_id"], "voice", pool=_pool(robot))


def _check_card(platform: Platform, robot: Robot, part: dict[str, Any]) -> None:
    if part["card_type"] not in ("text_notice", "news_notice"):
        raise Refusal(42027, "card_type")
    title = checked(_TITLE, part["main_title"])["title"]
    if not title and not part["sub_title_text"]:
        raise Refusal(42027, "main_title.title and sub_title_text are both empty")
    action = checked(_ACTION, part["card_action"])
    if action["type"] == 1:
        _require_address(action["url"])
    elif not action["appid"]:
        raise Refusal(40063, "card_action.appid missing")


def _require_address(url: str) -> None:
    if not url:
        raise Refusal(40063, "url missing")
    if "://" not in url:
        raise Refusal(45034)


def _content(most: int) -> Field:
    return Field("content", required=True, missing=44004, max_bytes=most, over=45002)


_MENTIONS = (Field("mentioned_list", "list"), Field("mentioned_mobile_list", "list"))
# Title and description of news are cut by the platform, so their length is no refusal.
_ARTICLE = (Field("title", required=True), Field("description"), Field("url", required=True), Field("picurl"))
_TITLE = (Field("title", max_chars=26), Field("desc", max_chars=30))
_ACTION = (Field("type", "number", required=True, choices=(1, 2)), Field("url"), Field("appid"), Field("pagepath"))
_MEDIA = (Field("media_id", required=True, missing=41006),)
_CARD = (
    Field("card_type", required=True, missing=42027),
    Field("main_title", "object"),
    Field("sub_title_text", max_chars=112),
    Field("horizontal_content_list", "list", max_items=6),
    Field("jump_list", "list", max_items=3),
    Field("card_action", "object", required=True),
)
_KINDS: dict[str, tuple[Field, ...]] = {
    "text": (_content(2_048), *_MENTIONS),
    "markdown": (_content(4_096),),
    "markdown_v2": (_content(4_096),),
    "image": (Field("base64", required=True), Field("md5", required=True)),
    "news": (Field("articles", "list", required=True, max_items=8, over=45008),),
    "file": _MEDIA,
    "voice": _MEDIA,
    "template_card": _CARD,
}
_CHECKS = {
    "image": _check_image,
    "news": _check_news,
    "file": _check_file,
    "voice": _check_voice,
    "template_card": _check_card,
}

ENDPOINTS = (
    Endpoint("webhook/send", send, (Field("msgtype", required=True, missing=40008),), token=False),
    Endpoint("webhook/upload_media", upload_media, token=False, upload=True),
)
