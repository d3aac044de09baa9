"""Declared fields: bytes, characters, ranges, and the code of each refusal."""

from __future__ import annotations

from typing import Any

import pytest

from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.wire import Refusal

FIELDS = (
    Field("text", required=True, missing=44004, max_bytes=6),
    Field("mark", max_chars=2),
    Field("limit", "number", default=50, low=1, high=100),
    Field("ids", "list", max_items=2, over=41091),
    Field("kind", default="single", choices=("single", "group")),
)


def test_defaults_are_filled_in_and_unknown_fields_stay() -> None:
    """What is left out gets its default; undeclared fields are not lost."""
    assert checked(FIELDS, {"text": "好", "more": 1}) == {
        "text": "好", "mark": "", "limit": 50, "ids": [], "kind": "single", "more": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 44004),
        ({"text": ""}, 44004),
        ({"text": "三个字"}, 40058),
        ({"text": 1}, 40058),
        ({"text": "好", "mark": "三个字"}, 40058),
        ({"text": "好", "limit": 0}, 40058),
        ({"text": "好", "limit": "many"}, 40058),
        ({"text": "好", "ids": "a"}, 40058),
        ({"text": "好", "ids": ["a", "b", "c"]}, 41091),
        ({"text": "好", "kind": "both"}, 40058),
    ],
)
def test_a_wrong_field_is_refused_with_its_code(body: dict[str, Any], code: int) -> None:
    """Two characters are six bytes and pass a limit of six; nine do not."""
    with pytest.raises(Refusal) as refusal:
        checked(FIELDS, body)
    assert refusal.value.code == code
    assert checked(FIELDS, {"text": "两字"})["text"] == "两字"
