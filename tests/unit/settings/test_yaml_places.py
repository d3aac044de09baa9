"""YAML is read into plain values with the place of each, and what is broken says where."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from qunflow.errors import ConfigurationError
from qunflow.settings.yaml import parse_yaml, read_yaml


def test_values_keep_their_kind_and_place() -> None:
    """Numbers, days, texts and yes/no arrive as such, each with its line and column."""
    document = parse_yaml("a: 1\nb:\n  - {day: 2026-03-05, at: 21:00, share: 0.15, on: true}\n", file="x.yaml")
    assert document.value == {"a": 1, "b": [{"day": date(2026, 3, 5), "at": "21:00", "share": 0.15, "on": True}]}
    assert str(document.place_of(("b", 0, "share"))) == "x.yaml:3:41"
    assert str(document.place_of(("b", 0, "day"), at_key=True)) == "x.yaml:3:6"
    assert str(document.place_of(("b", 0, "missing", "deeper"))) == "x.yaml:3:5"


@pytest.mark.parametrize(
    ("text", "line", "problem", "step"),
    [
        ("a: 1\n\tb: 2\n", 2, "not valid YAML", "a tab"),
        ("a: b: c\n", 1, "not valid YAML", "in quotes"),
        ("a: 1\nb\uff1a 2\nc: 3\n", 2, "not valid YAML", "half-width"),
        ("a: 1\nb 2\nc: 3\n", 2, "expected ':'", "the indentation"),
        ("a: [1, 2\n", 2, "not valid YAML", "brackets"),
        ('a: "x\n', 2, "not valid YAML", "quotes"),
        ("a: 1\nb: 2\na: 3\n", 3, "'a' twice (first in line 1)", "keep one"),
        ("a: 2026-02-30\n", 1, "no day of the calendar", "correct the date"),
        ("base: &x {a: 1}\nb:\n  <<: *x\n", 3, "not a plain word", "a word before the colon"),
        ("? [1, 2]\n: 3\n", 1, "not a plain word", "a word before the colon"),
    ],
)
def test_broken_yaml_says_where_and_what_to_do(text: str, line: int, problem: str, step: str) -> None:
    """A person who broke the file finds the line and a hint."""
    with pytest.raises(ConfigurationError) as caught:
        parse_yaml(text, file="x.yaml")
    assert caught.value.place is not None and caught.value.place.line == line
    assert problem in caught.value.problem
    assert step in caught.value.next_step


def test_a_file_that_blows_itself_up_is_refused() -> None:
    """Aliases of aliases cannot eat the memory."""
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9))
    with pytest.raises(ConfigurationError, match="repeated too much"):
        parse_yaml(f"l0: &l0 [x]\n{levels}\n", file="x.yaml")


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    """The path stands in the message, with the next step."""
    with pytest.raises(ConfigurationError, match=r"gone\.yaml does not exist\n.*qunflow init"):
        read_yaml(tmp_path / "gone.yaml")
    (tmp_path / "gbk.yaml").write_bytes("brand: 小满".encode("gbk"))
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        read_yaml(tmp_path / "gbk.yaml")


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    """Windows editors put one in front."""
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfbrand: x\n")
    assert read_yaml(tmp_path / "bom.yaml").value == {"brand": "x"}
