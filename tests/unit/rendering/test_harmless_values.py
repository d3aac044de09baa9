"""Values written by strangers are made harmless before they meet a template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.errors import ConfigurationError
from qunflow.rendering.values import LONGEST_TEXT, MOST_ITEMS, harmless, harmless_text

HOSTILE = [
    ("@all 快来", "\uff20all 快来"),
    ("@所有人", "\uff20所有人"),
    ("@ ALL", "\uff20 ALL"),
    ("@a\u200bll", "\uff20all"),
    ("@\u2060所有人", "\uff20所有人"),
    ("<@zhangsan>", "\uff1c@zhangsan>"),
    ("< @zhangsan>", "\uff1c @zhangsan>"),
    ("[点我](http://evil.example)", "[点我\uff3d(http://evil.example)"),
    ("一\n\n【官方】二", "一 【官方】二"),
    ("abc\u202egnp.exe", "abcgnp.exe"),
    ("\x1b[31mred\x00", "[31mred"),
]


@pytest.mark.parametrize(("hostile", "result"), HOSTILE)
def test_a_nickname_mentions_nobody_and_hides_nothing(hostile: str, result: str) -> None:
    """An injected mention, link, line break or invisible character loses its power."""
    assert harmless_text(hostile) == result


@pytest.mark.parametrize("text", ["小满", "a@b.example", "29.9 元", "👨‍👩‍👧 一家", "https://q.example.com/s/a?b=1"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Addresses, emoji, links and Chinese are not touched."""
    assert harmless_text(text) == text


@given(st.text())
def test_no_text_can_mention_everybody(text: str) -> None:
    """Whatever is typed, the result is one line, not too long, and free of mentions."""
    result = harmless_text(text + "@all <@x> \u200b@\u200ball")
    assert "@all" not in result and "<@" not in result
    assert "\n" not in result and len(result) <= LONGEST_TEXT
    assert harmless_text(result) == result


def test_nested_values_are_made_harmless_too() -> None:
    """Lists and mappings are copied with every text in them changed."""
    given_value = {"rules": ["@all", {"deep": "<@x>"}], "n": 3, "yes": True, "none": None, "share": 0.5}
    assert harmless(given_value) == {
        "rules": ["\uff20all", {"deep": "\uff1c@x>"}],
        "n": 3,
        "yes": True,
        "none": None,
        "share": 0.5,
    }


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, [1] * (MOST_ITEMS + 1), lambda: None])
def test_what_is_not_plain_is_refused_by_its_type(value: object) -> None:
    """Only text, numbers, yes/no, nothing, lists and mappings pass."""
    with pytest.raises(ConfigurationError, match="the variable 'x'"):
        harmless(value, "x")
