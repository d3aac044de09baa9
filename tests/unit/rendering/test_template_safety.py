"""Copy can speak and nothing else: what a template may do is an allow-list; the attacks are in tests/spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from qunflow.errors import ConfigurationError
from qunflow.rendering import Templates


def templates(folder: Path, text: str) -> Templates:
    (folder / "a").mkdir(exist_ok=True)
    (folder / "a" / "b.j2").write_text(text, encoding="utf-8")
    return Templates([folder])


@pytest.mark.parametrize("name", ["items", "keys", "pop", "update", "__class__", "missing"])
def test_a_mapping_shows_its_keys_and_no_methods(tmp_path: Path, name: str) -> None:
    """`{{ tomorrow.items }}` is a missing key, never a method of Python."""
    with pytest.raises(ConfigurationError):
        templates(tmp_path, "{{ tomorrow." + name + " }}").render("a/b.j2", {"tomorrow": {"price": "49"}})


def test_an_object_never_enters_a_template(tmp_path: Path) -> None:
    """Only plain values are let in: a frame, a path or a class is refused by its type."""
    with pytest.raises(ConfigurationError, match="PosixPath"):
        templates(tmp_path, "{{ x }}").render("a/b.j2", {"x": tmp_path})
    with pytest.raises(ConfigurationError, match=r"'x\.inner' is a type"):
        templates(tmp_path, "{{ x.inner }}").render("a/b.j2", {"x": {"inner": int}})


ORDINARY = [
    ("{{ item }},{{ price }} 元", "橘子,29.9 元"),
    ("{{ tomorrow.item }}明天见", "锅明天见"),
    ("{{ tomorrow['item'] }}", "锅"),
    ("{% if left < 5 %}不多了{% elif left == 23 and not sold %}还有{% else %}够{% endif %}", "够"),
    ("{% for rule in rules %}\n{{ loop.index }}. {{ rule }}\n{% endfor %}", "1. 甲\n2. 乙"),
    ("{{ rules|join('、') }}共{{ rules|length }}条,先看{{ rules|first }}", "甲、乙共2条,先看甲"),
    ("{{ fen|yuan }} 元,{{ share|percent }}", "29.9 元,42%"),
    ("{{ '还有' if left else '没了' }}", "还有"),
    ("{% if coupon is defined %}券{% else %}无{% endif %}", "无"),
]
VALUES = {
    "item": "橘子",
    "price": "29.9",
    "tomorrow": {"item": "锅"},
    "left": 23,
    "sold": 97,
    "rules": ["甲", "乙"],
    "fen": 2990,
    "share": 0.42,
}


@pytest.mark.parametrize(("text", "result"), ORDINARY)
def test_ordinary_copy_works(tmp_path: Path, text: str, result: str) -> None:
    """Variables, conditions, one loop and the listed filters are enough for copy."""
    assert templates(tmp_path, text).render("a/b.j2", VALUES) == result


def test_a_typo_is_told_with_line_column_and_the_likely_name(tmp_path: Path) -> None:
    """`{{ usr_name }}` never goes out as an empty place to 200 groups."""
    with pytest.raises(ConfigurationError) as caught:
        templates(tmp_path, "大家好\n今天 {{ itm }}").render("a/b.j2", VALUES)
    assert str(caught.value.place).endswith("b.j2:2:7")
    assert "did you mean 'item'" in caught.value.next_step


@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_variable_stops_the_message(tmp_path: Path, value: str | None) -> None:
    """缺一个就不发: nothing empty is written out, and the line is named."""
    with pytest.raises(ConfigurationError, match=r"b\.j2:2:1: it writes out a variable that is empty"):
        templates(tmp_path, "大家好\n{{ item }}").render("a/b.j2", {"item": value})


@pytest.mark.parametrize("text", ["{{ item", "{% if item %}", "{% endfor %}", "{{ item|nosuch }}", "{% nosuch %}"])
def test_broken_copy_is_told_with_its_line(tmp_path: Path, text: str) -> None:
    """A broken template is a message about that template, not a traceback."""
    with pytest.raises(ConfigurationError) as caught:
        templates(tmp_path, f"一\n{text}").render("a/b.j2", VALUES)
    assert caught.value.place is not None and caught.value.place.line == 2


@pytest.mark.parametrize("name", ["a/c.j2", "../secret.j2", "/etc/passwd", "a/b.txt", "a//b.j2", "A/b.j2"])
def test_a_template_is_found_by_its_name_only(tmp_path: Path, name: str) -> None:
    """No name leads out of the template folders; a wrong one names the near ones."""
    with pytest.raises(ConfigurationError, match="there is no template"):
        templates(tmp_path, "x").render(name, {})


def test_a_result_of_absurd_length_is_refused(tmp_path: Path) -> None:
    """A loop over a long list cannot fill the outbox."""
    with pytest.raises(ConfigurationError, match="renders to"):
        templates(tmp_path, "{% for a in many %}" + "x" * 101 + "{% endfor %}").render("a/b.j2", {"many": [1] * 199})


def test_the_workspace_wins_over_what_comes_with_qunflow(tmp_path: Path) -> None:
    """A file of the same name in the first folder is used, and its change is seen at once."""
    first, second = tmp_path / "own", tmp_path / "builtin"
    for folder, text in ((first, "own"), (second, "builtin")):
        (folder / "a").mkdir(parents=True)
        (folder / "a" / "b.j2").write_text(text)
    found = Templates([first, second])
    assert found.render("a/b.j2", {}) == "own"
    (first / "a" / "b.j2").unlink()
    assert found.render("a/b.j2", {}) == "builtin"
