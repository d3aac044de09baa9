"""Values written by strangers are made harmless before they meet a template; the table is in tests/spec."""

from __future__ import annotations

import math
from collections import UserDict
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.errors import ConfigurationError
from qunflow.rendering.values import LONGEST_NAME, LONGEST_TEXT, MOST_CHARACTERS, MOST_ITEMS, harmless, harmless_text

# What a hostile name is made of, so that chance finds the combinations.
PIECES = [
    "@",
    "<",
    "]",
    "(",
    "[",
    "all",
    "所有人",
    " ",
    "\n",
    "\u200d",
    "\u200b",
    "👨",
    "\ufe0f",
    "\u0301",
    "a.b",
    "\ud800",
    "x" * 700,
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_no_text_can_mention_everybody(text: str) -> None:
    """Whatever is typed, the result is one line, not too long, can be sent, and is free of mentions."""
    result = harmless_text(text + "@all <@x> \u200b@\u200ball")
    assert "@all" not in result and "<@" not in result
    assert len(result.splitlines()) <= 1 and len(result) <= LONGEST_TEXT
    assert result.encode() and result == result.strip()
    assert harmless_text(result) == result


@given(st.text(max_size=60))
def test_a_name_is_never_longer_than_a_name(text: str) -> None:
    """No nickname fills a message, and none is a link."""
    result = harmless(text, "nickname")
    assert len(result) <= LONGEST_NAME and "://" not in result


def test_nested_values_are_made_harmless_too() -> None:
    """Lists and mappings are copied with every text in them changed, keys too."""
    given_value = {"rules": ["@all", {"deep": "<@x>"}], "n": 3, "yes": True, "none": None, "share": 0.5, "@all": 1}
    assert harmless(given_value) == {
        "rules": ["＠all", {"deep": "＜＠x>"}],
        "n": 3,
        "yes": True,
        "none": None,
        "share": 0.5,
        "＠all": 1,
    }
    assert harmless(MappingProxyType({"a": (1, 2)})) == {"a": [1, 2]}


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, lambda: None, iter([1]), type("Text", (str,), {})("x")])
def test_what_is_not_plain_is_refused_by_its_type(value: object) -> None:
    """Only text, numbers, yes/no, nothing, lists and mappings pass."""
    with pytest.raises(ConfigurationError, match=r"the variable 'x' is a \w+, which no template may see"):
        harmless(value, "x")


def endless() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([1] * (MOST_ITEMS + 1), "has 201 items"),
        ({str(number): 1 for number in range(MOST_ITEMS + 1)}, "has 201 items"),
        (["x" * 2_000] * 11, f"holds more than {MOST_CHARACTERS} characters"),
        ([[["x"] * 150] * 150], f"holds more than {MOST_CHARACTERS} characters"),
        ([[[[[1]]]]], "is nested more than 4 deep"),
        (endless(), "is nested more than 4 deep"),
        ({1: "x"}, "has a key that is a int"),
        (UserDict({b"x": 1}), "has a key that is a bytes"),
        (math.nan, "is no number that people read"),
        (-math.inf, "is no number that people read"),
        (10**5_000, "is no number that people read"),
    ],
    ids=lambda one: one if type(one) is str else "",
)
def test_too_much_of_a_value_is_refused(value: object, why: str) -> None:
    """No value can make a template dear: not by its length, its depth, nor its number of digits."""
    with pytest.raises(ConfigurationError, match=why):
        harmless(value, "x")


def test_nobody_reads_minus_zero() -> None:
    """The sign of a zero is not written out."""
    assert str(harmless(-0.0)) == "0.0"
