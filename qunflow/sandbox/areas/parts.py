"""The parts of messages and their limits in bytes (wecom-api §7.0), shared by welcome and mass messages."""

from __future__ import annotations

from typing import Any

from qunflow.sandbox.areas import media
from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.wire import Refusal

_MEDIA = (Field("media_id", required=True, missing=40007),)
_KINDS: dict[str, tuple[Field, ...]] = {
    "image": (Field("media_id"), Field("pic_url")),
    "link": (
        Field("title", required=True, max_bytes=128),
        Field("url", required=True, max_bytes=2_048),
        Field("picurl", max_bytes=2_048),
        Field("desc", max_bytes=512),
    ),
    "miniprogram": (
        Field("title", required=True, max_bytes=64),
        Field("pic_media_id", required=True),
        Field("appid", required=True),
        Field("page", required=True),
    ),
    "video": _MEDIA,
    "file": _MEDIA,
}
_MEDIA_OF = {"image": "image", "video": "video", "file": "file", "miniprogram": "image"}
FIELDS = (Field("text", "object"), Field("attachments", "list", max_items=9, over=41064))
_TEXT = (Field("content", max_bytes=4_000),)


def content_of(platform: Platform, body: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """
    Text and attachments of a message, checked.

    Raises:
        Refusal: 40063 when both are empty, 40058 over a length, 41064/41065 attachments, 40007 dead or wrong media.
    """
    text = checked(_TEXT, body["text"])["content"]
    attachments = body["attachments"]
    if not text and not attachments:
        raise Refusal(40063, "text and attachments are both empty")
    for attachment in attachments:
        _check_attachment(platform, attachment)
    return text, attachments


def require_media(platform: Platform, media_id: str, kind: str) -> None:
    """
    Let only a living file of the right kind pass.

    Raises:
        Refusal: 40007.
    """
    media.require_file(platform, media_id, kind)


def require_attachment(platform: Platform, media_id: str, pool: str, kind: str) -> None:
    """
    Let only a living file of an attachment pool pass, ``moments`` or ``album``.

    Raises:
        Refusal: 41072 for one of another attachment pool, 40007 for anything else.
    """
    file = platform.media.get(media_id)
    if file is not None and file.kind.endswith(f"/{kind}") and not file.kind.startswith(f"{pool}/"):
        raise Refusal(41072)
    require_media(platform, media_id, f"{pool}/{kind}")


def _check_attachment(platform: Platform, attachment: Any) -> None:
    kind = attachment.get("msgtype") if isinstance(attachment, dict) else None
    if kind not in _KINDS or not isinstance(attachment.get(kind), dict):
        raise Refusal(41065)
    part = checked(_KINDS[kind], attachment[kind])
    if kind == "link" and "://" not in part["url"]:
        raise Refusal(45034)
    file = part.get("media_id") or part.get("pic_media_id")
    if file:
        require_media(platform, file, _MEDIA_OF[kind])
    elif kind == "image" and part["pic_url"] not in media.IMAGES.of(platform):
        raise Refusal(40007, "pic_url is none that uploadimg gave")
