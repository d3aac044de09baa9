"""
What is wrong with a finished message, before anybody approves it: lengths in bytes, leftovers, banned words.

Judges text and attachments only; its links are left to ``links``, quiet hours, quota and approval to delivery.
"""

from __future__ import annotations

import re
import unicodedata
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
# An app message is cut there without a word (message/send, page 90236).
MOST_NOTICE_BYTES = 2_048
# Nobody reads more of a greeting on a phone without scrolling.
LONGEST_GREETING = 200
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
_LEFTOVER = re.compile(
    r"\{\{|\}\}|\{%|%\}|\{#|\bNone\b|\bnan\b|\bNaN\b|\bundefined\b|____|＿＿"
    r"|\$\{|\{[a-z_]+\}|%\([a-z_]+\)s|\[object Object\]|<\w+ object at|【(?:待填|请填|填写)[^】]*】"
)
_LINK = re.compile(r"https?://", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[!-~]+", re.IGNORECASE)
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


def lint(
    content: Message,
    way: str,
    banned: Sequence[BannedWord] | None = None,
    *,
    longest_greeting: int = LONGEST_GREETING,
) -> tuple[Finding, ...]:
    """
    Everything wrong with a message that goes out in a way.

    Args:
        way: ``mass_task``, ``hand_send``, ``welcome``, ``private_task`` or ``staff_notice``.
        banned: words to look for; the built-in list when None.
        longest_greeting: characters of a welcome without its links; more of them is a warning.
    """
    words = _builtin_words() if banned is None else banned
    found = [*_lengths(content, way), *_attachments(content), *_leftovers(content), *_words(content, words)]
    if way == "welcome":
        found += _greeting(content, longest_greeting)
    return tuple(found)


@cache
def _builtin_words() -> tuple[BannedWord, ...]:
    return banned_words([builtin_templates()])


def _lengths(content: Message, way: str) -> Iterator[Finding]:
    if not content.text.strip() and not content.attachments:
        yield Finding("empty", "critical")
    size = len(content.text.encode("utf-8", "surrogatepass"))
    most = MOST_NOTICE_BYTES if way == "staff_notice" else MOST_TEXT_BYTES
    if size > most:
        # A person who pastes can shorten it, and half a notice is better than none; the platform refuses the rest.
        severity: Severity = "warning" if way in ("hand_send", "staff_notice") else "critical"
        yield Finding("too_long", severity, f"{size}/{most}")
    if len(content.attachments) > MOST_ATTACHMENTS:
        yield Finding("too_many_attachments", "critical", f"{len(content.attachments)}/{MOST_ATTACHMENTS}")


def _greeting(content: Message, longest: int) -> Iterator[Finding]:
    length = len(_ADDRESS.sub("", content.text))
    if length > longest:
        yield Finding("greeting_too_long", "warning", f"{length}/{longest}")


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


def _folded(text: str) -> str:
    """Wide, small and capital letters are the same word, and what nobody sees is no part of it."""
    shown = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", shown).casefold()


def _words(content: Message, banned: Sequence[BannedWord]) -> Iterator[Finding]:
    text = _folded(content.text)
    for word in banned:
        if _folded(word.word) in text:
            yield Finding("banned_word", word.severity, f"{word.word}({word.rule})")
    if _LINK.search(content.text) and _CHECKIN.search(content.text) and _REWARD.search(content.text):
        yield Finding("reward_on_outside_link", "warning")
