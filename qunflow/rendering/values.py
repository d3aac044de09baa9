"""
What may enter a template: plain values, made harmless.

A nickname or a form answer is written by a stranger. It must not mention everybody, hide characters, or break a line;
in a group message an injected mention is what a script is in a web page. What a template may do with the values is
``safety``'s business.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from qunflow.errors import ConfigurationError

LONGEST_TEXT = 2_000
LONGEST_NAME = 32
MOST_ITEMS = 200
MOST_CHARACTERS = 20_000
BIGGEST_NUMBER = 10**15
_DEEPEST = 4
# What a template calls a stranger's name: shorter than other texts, and never a link.
NICKNAME = "nickname"

# Texts of these characters alone need no second look: ASCII but for @ < ], Chinese, Japanese, wide forms, emoji.
_ORDINARY = r"!-;=?A-\\^-~\u00c0-\u024f\u2014\u2018-\u201d\u2026\u3001-\u3096\u30a1-\u30fe\u4e00-\u9fff\uff01-\uff5e"
_PLAIN = re.compile(rf"(?:[{_ORDINARY}\U0001f300-\U0001faff]+ )*[{_ORDINARY}\U0001f300-\U0001faff]+")

# Letters and signs that show nothing, though Unicode does not count them as invisible.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufffc")
_INVISIBLE = ("Cf", "Cc", "Cs", "Co")
_JOINER = "\u200d"
_PICTURE = r"\u2190-\u2bff\U0001f000-\U0001faff"
# A joiner holds an emoji family together; anywhere else it only hides in a word.
_LOOSE_JOINER = re.compile(rf"(?<![{_PICTURE}\ufe0f]){_JOINER}|{_JOINER}(?![{_PICTURE}])")
_MARK = (
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    r"\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe0e\ufe0f\ufe20-\ufe2f]"
)
_HEAPED_MARKS = re.compile(rf"({_MARK}{_MARK}){_MARK}+")

_EVERYBODY = "all|everyone|here|channel|所有人|全体成员|全员"
# An e-mail address keeps its sign, unless its host begins like a mention.
_ADDRESS_FOLLOWS = rf"(?<=[A-Za-z0-9_.+-]@)(?!{_EVERYBODY})[A-Za-z0-9-]+\.[A-Za-z]"
_MENTION = re.compile(rf"@(?!{_ADDRESS_FOLLOWS})", re.IGNORECASE)
MENTION_ALL = re.compile(rf"@(?=\s*(?:{_EVERYBODY}))", re.IGNORECASE)
# `<@userid>`, `<at …>`, `<font …>`, `<!channel>`, `</…>`: what clients read as more than text.
_TAG = re.compile(r"<(?=\s*[@A-Za-z/!?])")
_MARKDOWN_LINK = re.compile(r"\](?=\s*\()")
_WIDE = {ord(sign): ord(sign) + 0xFEE0 for sign in "*`~#[]<>|\\!()"}
_MARKED = re.compile(r"https?://[A-Za-z0-9\-._~:/?#@$&'+,;=%]+|[^h]+|h")
_EDGE_LINE = re.compile(r"_(?![A-Za-z0-9])|(?<![A-Za-z0-9])_")
_DOT_IN_ADDRESS = re.compile(r"(?<=[A-Za-z0-9])\.(?=[A-Za-z0-9])")


class _Visible(dict[int, int | str | None]):
    """What becomes of a character: itself, a space, or nothing; each is looked up once."""

    def __missing__(self, code: int) -> int | str | None:
        char = chr(code)
        if char.isspace():
            self[code] = " "
        elif char != _JOINER and _shows_nothing(char):
            self[code] = None
        else:
            self[code] = code
        return self[code]


def _shows_nothing(char: str) -> bool:
    code = ord(char)
    selector = 0xFE00 <= code <= 0xFE0D or 0xE0100 <= code <= 0xE01EF
    nonchar = 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return char in _BLANK or selector or nonchar or unicodedata.category(char) in _INVISIBLE


_VISIBLE = _Visible()


def harmless(value: Any, name: str = "", *, markdown: bool = False) -> Any:
    """
    A plain copy of a value with every text in it made harmless.

    Args:
        name: what the value is called in error messages; one that ends in ``nickname`` is a stranger's name.
        markdown: whether it goes where signs such as ``**`` mean something.

    Raises:
        ConfigurationError: it is or holds anything but text, number, yes/no, nothing, lists and mappings of them, or
            too much of it.
    """
    if type(value) is str:
        return _text(value, name, markdown)
    if value is None or type(value) is bool:
        return value
    if type(value) in (int, float):
        return _number(value, name)
    return _Copying(markdown).copied(value, name, 1)


def harmless_text(text: str) -> str:
    """One line of visible characters that mentions nobody and opens no hidden link."""
    if len(text) <= LONGEST_TEXT and _PLAIN.fullmatch(text):
        return text
    text = text[: 4 * LONGEST_TEXT].translate(_VISIBLE)
    text = _HEAPED_MARKS.sub(r"\1", _LOOSE_JOINER.sub("", text))
    text = " ".join(text.split())[:LONGEST_TEXT].rstrip(f" {_JOINER}")
    # The wide signs look the same and mean nothing to the client; removing characters first leaves no way round.
    text = _TAG.sub("\uff1c", text)
    text = _MENTION.sub("\uff20", text)
    return _MARKDOWN_LINK.sub("\uff3d", text)


def harmless_name(text: str) -> str:
    """A stranger's name: as ``harmless_text``, never a link, and short."""
    text = harmless_text(_DOT_IN_ADDRESS.sub("\uff0e", text).replace("://", "\uff1a//"))
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1].rstrip(f" {_JOINER}") + "…"


def plain_in_markdown(text: str) -> str:
    """The text with every sign that markdown reads made wide; addresses stay as they are."""
    return "".join(one if one.startswith("http") else _without_marks(one) for one in _MARKED.findall(text))


def without_mentions(text: str) -> str:
    """A finished text in which a sign of the copy and the value behind it do not add up to a mention of everybody."""
    return MENTION_ALL.sub("\uff20", text) if "@" in text else text


def _without_marks(text: str) -> str:
    return _EDGE_LINE.sub("\uff3f", text.translate(_WIDE))


def _text(text: str, name: str, markdown: bool) -> str:
    text = harmless_name(text) if name.endswith(NICKNAME) else harmless_text(text)
    return plain_in_markdown(text) if markdown else text


def _number(value: float, name: str) -> float:
    if not abs(value) <= BIGGEST_NUMBER:
        raise ConfigurationError(
            f"the variable {name!r} is no number that people read", f"give a number up to {BIGGEST_NUMBER}, or a text"
        )
    # Without the sign of a zero, which nobody wants to read.
    return value + 0


class _Copying:
    """A list or mapping being copied, with what it may still hold."""

    def __init__(self, markdown: bool) -> None:
        self.left = MOST_CHARACTERS
        self.markdown = markdown

    def copied(self, value: Any, name: str, depth: int) -> Any:
        self.left -= len(value) if type(value) is str else 1
        if self.left < 0:
            raise _refused(value, name, f"holds more than {MOST_CHARACTERS} characters")
        if isinstance(value, Mapping):
            return self._mapping(value, name, depth)
        if type(value) in (list, tuple):
            self._fits(value, name, depth)
            return [self.copied(inner, f"{name}[]", depth + 1) for inner in value]
        if value is None or type(value) in (str, bool, int, float):
            return harmless(value, name, markdown=self.markdown)
        raise _refused(value, name, f"is a {type(value).__name__}, which no template may see")

    def _mapping(self, value: Mapping[Any, Any], name: str, depth: int) -> dict[str, Any]:
        self._fits(value, name, depth)
        copied: dict[str, Any] = {}
        for key, inner in value.items():
            if type(key) is not str:
                raise _refused(value, name, f"has a key that is a {type(key).__name__}")
            self.left -= len(key)
            copied[_text(key, "", self.markdown)] = self.copied(inner, f"{name}.{key[:LONGEST_NAME]}", depth + 1)
        return copied

    def _fits(self, value: Any, name: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise _refused(value, name, f"is nested more than {_DEEPEST} deep")
        if len(value) > MOST_ITEMS:
            raise _refused(value, name, f"has {len(value)} items")


def _refused(value: Any, name: str, why: str) -> ConfigurationError:
    step = f"give it as text, number, or a list or mapping (of at most {MOST_ITEMS}) of them"
    return ConfigurationError(f"the variable {name!r} {why}", step)
