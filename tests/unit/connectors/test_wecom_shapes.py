"""Keys and types of answers, compared place by place."""

from __future__ import annotations

from typing import Any

import pytest

from qunflow.connectors.wecom.shapes import Comparison, compared, shape_of

SAME: dict[str, Any] = {"errcode": 0, "list": [{"id": "a", "rate": 1, "tags": ["x"]}]}


def against(there: dict[str, Any]) -> Comparison:
    return compared("call", {"errcode": 0, **there}, SAME)


def test_the_items_of_a_list_are_one_place() -> None:
    """A key of any item counts, and so does each type."""
    shape = shape_of({"a": [{"b": 1}, {"b": "x", "c": None}]})
    assert shape[".a[].b"] == {"number", "string"}
    assert shape[".a[].c"] == {"null"}


@pytest.mark.parametrize(
    ("there", "only_there", "only_here"),
    [
        ({"list": [{"id": "a", "rate": 2.5, "tags": ["y"]}]}, (), ()),
        ({"list": []}, (), ()),
        ({"list": [{"id": "a", "rate": 1, "tags": []}]}, (), ()),
        ({}, (), (".list",)),
        ({**SAME, "more": {"deep": {"deeper": 1}}}, (".more",), ()),
        ({"list": [{"id": "a", "rate": 1}]}, (), (".list[].tags",)),
    ],
)
def test_only_the_topmost_missing_key_is_told(
    there: dict[str, Any], only_there: tuple[str, ...], only_here: tuple[str, ...]
) -> None:
    """What lies below a missing key, or in an empty list, is no difference of its own."""
    found = against(there)
    assert (found.only_there, found.only_here, found.types) == (only_there, only_here, ())


@pytest.mark.parametrize(("value", "kind"), [(None, "null"), ({}, "object"), ("", "string"), (True, "boolean")])
def test_another_type_is_told_with_both(value: object, kind: str) -> None:
    """Null, object, string and boolean are none of them a list."""
    [one] = against({"list": value}).types
    assert (one.path, one.there, one.here) == (".list", (kind,), ("list",))


def test_a_key_that_may_be_an_id_is_not_named() -> None:
    """Keys that WeCom does not document in this form are shown as a question mark."""
    assert against({**SAME, "wmAbC": 1, "林": 2}).only_there == (".?",)


def test_a_refused_answer_is_not_looked_into() -> None:
    """An error has no keys to compare."""
    found = compared("call", {"errcode": 48002}, SAME)
    assert (found.state, found.only_here) == ("refused", ())
    assert compared("call", None, SAME).state == "not_asked"
