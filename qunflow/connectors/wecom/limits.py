"""
The size of what WeCom takes, checked before anything leaves. Lengths are bytes of UTF-8: a Chinese character has three.

Whether the words are good ones is left to the template check in ``rendering``.

Source: WeCom developer centre, pages 92135, 92599 and 90236 (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qunflow.errors import BadInput

MESSAGE_BYTES = 4_000
ATTACHMENTS = 9
CHATS_PER_TASK = 2_000
PERSONS_PER_TASK = 10_000
_FIELD_BYTES: dict[str, dict[str, int]] = {
    "link": {"title": 128, "url": 2_048, "picurl": 2_048, "desc": 512},
    "miniprogram": {"title": 64},
    "textcard": {"title": 128, "description": 512, "url": 2_048},
}
_NEEDED: dict[str, tuple[str, ...]] = {
    "image": (),
    "link": ("title", "url"),
    "miniprogram": ("title", "pic_media_id", "appid", "page"),
    "video": ("media_id",),
    "file": ("media_id",),
}


def require_message(text: str, attachments: Sequence[Mapping[str, Any]]) -> None:
    """Raises: BadInput when a mass or welcome message is empty, too long or has attachments WeCom does not take."""
    if not text and not attachments:
        raise BadInput("a message has neither text nor attachment", "write a text")
    if len(text.encode()) > MESSAGE_BYTES:
        raise BadInput(f"a text has {len(text.encode())} bytes", f"keep it within {MESSAGE_BYTES} bytes")
    if len(attachments) > ATTACHMENTS:
        raise BadInput(f"a message has {len(attachments)} attachments", f"keep at most {ATTACHMENTS}")
    for attachment in attachments:
        _require_attachment(attachment)


def require_fields(kind: str, part: Mapping[str, Any]) -> None:
    """Raises: BadInput when a field of a link, mini-program or text card is longer than WeCom takes."""
    for name, most in _FIELD_BYTES.get(kind, {}).items():
        size = len(str(part.get(name, "")).encode())
        if size > most:
            raise BadInput(f"the {name} of a {kind} has {size} bytes", f"keep it within {most} bytes")


def cut(text: str, most: int) -> str:
    """The longest beginning of ``text`` within ``most`` bytes that splits no character."""
    return text.encode()[:most].decode(errors="ignore")


def _require_attachment(attachment: Mapping[str, Any]) -> None:
    kind = str(attachment.get("msgtype", ""))
    part = attachment.get(kind)
    if kind not in _NEEDED or not isinstance(part, Mapping):
        raise BadInput(f"an attachment of type {kind!r} is not one WeCom takes", f"use one of {', '.join(_NEEDED)}")
    missing = [name for name in _NEEDED[kind] if not part.get(name)]
    if kind == "image" and not (part.get("media_id") or part.get("pic_url")):
        missing = ["media_id"]
    if missing:
        raise BadInput(f"a {kind} attachment lacks {', '.join(missing)}", "fill it in")
    require_fields(kind, part)
