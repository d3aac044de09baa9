"""
What is wrong with a finished message, before anybody approves it: lengths in bytes, leftovers, banned words.

Judges text and attachments only; quiet hours, quota and approval are delivery's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field

from qunflow.language import Catalogue
from qunflow.settings.checked import checked
from qunflow.settings.parts import Part, Text
from qunflow.settings.paths import builtin_templates
from qunflow.settings.yaml import read_yaml

Severity = Literal["critical", "warning"]

# Bytes of UTF-8, not characters. Source: WeCom send_welcome_msg and add_msg_template, text and attachments.
MOST_TEXT_BYTES = 4_000
MOST_ATTACHMENTS = 9
_FIELD_BYTES: Mapping[str, Mapping[str, int]] = {
    "link": {"title": 128, "url": 2_048, "picurl": 2_048, "desc": 512},
    "miniprogram": {"title": 64},
}
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "image": (),
    "link": ("title", "url"),
    "miniprogram": ("title", "pic_media_id", "appid", "page"),
    "video": ("media_id",),
    "file": ("media_id",),
}
_LEFTOVER = re.compile(r"\{\{|\}\}|\{%|%\}|\bNone\b|\bnan\b|\bundefined\b|____")
_LINK = re.compile(r"https?://", re.IGNORECASE)
_CHECKIN = re.compile("打卡|签到")
_REWARD = re.compile("奖|送|领取|积分|红包|优惠券")


class Message(Protocol):
    """What is linted; ``delivery.model.Content`` is one."""

    @property
    def text(self) -> str: ...
    @property
    def attachments(self) -> Sequence[Mapping[str, Any]]: ...


class BannedWord(Part):
    """A word that must not (critical) or should not (warning) go out, with the rule it breaks."""

    word: Text = Field(title="词")
    severity: Severity = Field("warning", title="级别")
    rule: Text = Field(title="依据")


class BannedWords(Part):
    """The file ``banned_words.yaml``."""

    words: tuple[BannedWord, ...] = Field(title="禁用词")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; ``critical`` keeps the message from going out."""

    rule: str
    severity: Severity
    detail: str = ""

    def text(self, words: Catalogue) -> str:
        """The finding in words for the person who approves."""
        return words.text(f"copy.lint.{self.rule}", detail=self.detail)


def banned_words(paths: Sequence[Path]) -> tuple[BannedWord, ...]:
    """The words of every ``banned_words.yaml`` in the folders. Raises: ConfigurationError with file:line:column."""
    files = [path / "banned_words.yaml" for path in paths]
    return tuple(word for file in files if file.is_file() for word in checked(BannedWords, read_yaml(file)).words)


def lint(content: Message, way: str, banned: Sequence[BannedWord] | None = None) -> tuple[Finding, ...]:
    """
    Everything wrong with a message that goes out in a way.

    Args:
        way: ``mass_task``, ``hand_send``, ``welcome``, ``private_task`` or ``staff_notice``.
        banned: words to look for; the built-in list when None.
    """
    words = _builtin_words() if banned is None else banned
    found = [*_lengths(content, way), *_attachments(content), *_leftovers(content), *_words(content, words)]
    return tuple(found)


@cache
def _builtin_words() -> tuple[BannedWord, ...]:
    return banned_words([builtin_templates()])


def _lengths(content: Message, way: str) -> Iterator[Finding]:
    if not content.text.strip() and not content.attachments:
        yield Finding("empty", "critical")
    size = len(content.text.encode())
    if size > MOST_TEXT_BYTES:
        # A person who pastes can shorten it, the platform cannot.
        severity: Severity = "warning" if way == "hand_send" else "critical"
        yield Finding("too_long", severity, f"{size}/{MOST_TEXT_BYTES}")
    if len(content.attachments) > MOST_ATTACHMENTS:
        yield Finding("too_many_attachments", "critical", f"{len(content.attachments)}/{MOST_ATTACHMENTS}")


def _attachments(content: Message) -> Iterator[Finding]:
    for number, attachment in enumerate(content.attachments, start=1):
        kind = str(attachment.get("msgtype", ""))
        part = attachment.get(kind)
        if kind not in _REQUIRED or not isinstance(part, Mapping):
            yield Finding("unknown_attachment", "critical", f"{number}: {kind}")
            continue
        for field in _REQUIRED[kind]:
            if not part.get(field):
                yield Finding("attachment_incomplete", "critical", f"{number}: {kind}.{field}")
        for field, limit in _FIELD_BYTES.get(kind, {}).items():
            size = len(str(part.get(field, "")).encode())
            if size > limit:
                yield Finding("attachment_too_long", "critical", f"{number}: {kind}.{field} {size}/{limit}")


def _leftovers(content: Message) -> Iterator[Finding]:
    for leftover in dict.fromkeys(_LEFTOVER.findall(content.text)):
        yield Finding("unfilled", "critical", leftover)


def _words(content: Message, banned: Sequence[BannedWord]) -> Iterator[Finding]:
    for word in banned:
        if word.word in content.text:
            yield Finding("banned_word", word.severity, f"{word.word}({word.rule})")
    if _LINK.search(content.text) and _CHECKIN.search(content.text) and _REWARD.search(content.text):
        yield Finding("reward_on_outside_link", "warning")
