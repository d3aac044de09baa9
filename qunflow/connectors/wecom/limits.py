"""
The size of what WeCom takes, checked before anything leaves. Lengths are bytes of UTF-8: a Chinese character has three.

Whether the words are good ones is left to the template check in ``rendering``.

Source: WeCom developer centre, pages 92135, 92599, 90236 and 99110 (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qunflow.errors import BadInput

MESSAGE_BYTES = 4_000
ATTACHMENTS = 9
CHATS_PER_TASK = 2_000
PERSONS_PER_TASK = 10_000
ROBOT_TEXT_BYTES = 2_048
ROBOT_MARKDOWN_BYTES = 4_096
_CARD_ITEMS = {"horizontal_content_list": 6, "jump_list": 3}
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


def require_bytes(what: str, text: str, most: int) -> None:
    """Raises: BadInput when a text is empty or over ``most`` bytes."""
    size = len(text.encode())
    if not 0 < size <= most:
        raise BadInput(f"the {what} has {size} bytes", f"write 1 to {most} bytes")


def require_chars(what: str, text: str, most: int) -> None:
    """Raises: BadInput when a text is over ``most`` characters, where WeCom counts those."""
    if len(text) > most:
        raise BadInput(f"the {what} has {len(text)} characters", f"keep it within {most}")


def require_some(what: str, items: Sequence[Any], most: int) -> None:
    """Raises: BadInput when a list is empty or has over ``most`` items."""
    if not 1 <= len(items) <= most:
        raise BadInput(f"{what}: {len(items)} given", f"give 1 to {most}")


def require_card(card: Mapping[str, Any]) -> None:
    """Raises: BadInput when a robot's card is longer than WeCom takes."""
    title = card.get("main_title") or {}
    require_chars("title of a card", str(title.get("title", "")), 26)
    require_chars("description of a card", str(title.get("desc", "")), 30)
    require_chars("sub_title_text of a card", str(card.get("sub_title_text", "")), 112)
    for name, most in _CARD_ITEMS.items():
        if len(card.get(name) or ()) > most:
            raise BadInput(f"the {name} of a card has over {most} items", f"keep at most {most}")


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
