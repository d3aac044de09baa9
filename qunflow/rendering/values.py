"""
What may enter a template: plain values, made harmless.

A nickname or a form answer is written by a stranger. It must not mention everybody, hide characters, or break a line;
in a group message an injected mention is what a script is in a web page.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from qunflow.errors import ConfigurationError

LONGEST_TEXT = 2_000
MOST_ITEMS = 1_000

# Zero-width, direction and other invisible characters (category Cf), and controls (Cc); joiners keep emoji together.
_KEPT_INVISIBLE = {"\u200d"}
_MENTION_ALL = re.compile(r"@(?=\s*(all|everyone|所有人|全体成员))", re.IGNORECASE)
_MENTION_ONE = re.compile(r"<(?=\s*@)")
_MARKDOWN_LINK = re.compile(r"\](?=\s*\()")


def harmless(value: Any, name: str = "") -> Any:
    """
    A plain copy of a value with every text in it made harmless.

    Args:
        name: what the value is called in error messages.

    Raises:
        ConfigurationError: it is or holds anything but text, number, yes/no, nothing, lists and mappings of them.
    """
    if value is None or type(value) in (bool, int, float):
        return value
    if type(value) is str:
        return harmless_text(value)
    if isinstance(value, Mapping) and len(value) <= MOST_ITEMS:
        return {str(key): harmless(inner, f"{name}.{key}") for key, inner in value.items()}
    if type(value) in (list, tuple) and len(value) <= MOST_ITEMS:
        return [harmless(inner, f"{name}[]") for inner in value]
    raise ConfigurationError(
        f"the variable {name!r} is a {type(value).__name__}, which no template may see",
        f"give it as text, number, or a list or mapping (of at most {MOST_ITEMS}) of them",
    )


def harmless_text(text: str) -> str:
    """One line of visible characters that mentions nobody and opens no hidden link."""
    text = "".join(" " if char.isspace() else char for char in text if char.isspace() or _is_visible(char))
    text = " ".join(text.split())
    # The wide signs look the same and mean nothing to the client; removing characters first leaves no way round.
    text = _MENTION_ALL.sub("\uff20", text)
    text = _MENTION_ONE.sub("\uff1c", text)
    return _MARKDOWN_LINK.sub("\uff3d", text)[:LONGEST_TEXT]


def _is_visible(char: str) -> bool:
    return char in _KEPT_INVISIBLE or unicodedata.category(char) not in ("Cf", "Cc")
