"""
Templates made up by chance out of everything Jinja knows: a text, or one kind of error, and nothing else happens.

QUNFLOW_SOAK=1 runs the long form.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qunflow.errors import ConfigurationError
from qunflow.rendering import Templates
from qunflow.rendering.written import LONGEST_RESULT

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
EXAMPLES = 100_000 if SOAK else 250

VALUES: dict[str, Any] = {
    "x": "text" * 100,
    "n": 7,
    "share": 0.5,
    "many": ["甲" * 90] * 200,
    "user": {"name": "@all", "tags": ["a", "b"], "deep": {"a": {"b": 1}}},
    "rows": [{"name": "甲", "points": number} for number in range(60)],
    "no": False,
    "nothing": None,
}
NAMES = st.sampled_from([*VALUES, "loop", "self", "a", "_x", "lipsum", "range", "usr", "商品", "__class__"])
ATTRIBUTES = st.sampled_from(
    ["name", "tags", "deep", "points", "items", "append", "format", "__class__", "__globals__", "index", "first", "0"]
)
FILTERS = st.sampled_from(
    ["join", "first", "last", "length", "trim", "yuan", "percent", "attr", "map", "center", "upper", "batch", "nosuch"]
)
TESTS = st.sampled_from(["defined", "none", "odd", "even", "sameas", "string", "nosuch"])
OPERATORS = st.sampled_from(["+", "-", "*", "**", "//", "/", "%", "~", "<", "==", "!=", "in", "not in", "and", "or"])
CONSTANTS = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.floats().map(repr),
    st.text(max_size=8).map(repr),
    st.sampled_from(
        ["true", "none", "[]", "{}", "()", "[1, 2]", "{'a': 1}", "9" * 4_500, "'\\ud800'", "'\\x00'", '""']
    ),
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, ATTRIBUTES).map(".".join),
        pairs.map(lambda two: f"{two[0]}[{two[1]}]"),
        st.tuples(inner, FILTERS).map("|".join),
        st.tuples(inner, FILTERS, inner).map(lambda three: f"{three[0]}|{three[1]}({three[2]})"),
        st.tuples(inner, TESTS).map(" is ".join),
        st.tuples(inner, OPERATORS, inner).map(" ".join),
        pairs.map(lambda two: f"{two[0]} if {two[1]} else {two[0]}"),
        pairs.map(lambda two: f"{two[0]}({two[1]})"),
        inner.map("({})".format),
        inner.map("not {}".format),
        inner.map("-{}".format),
    )


EXPRESSIONS = st.recursive(st.one_of(NAMES, CONSTANTS), _grown, max_leaves=6)
WORDS = st.one_of(
    st.text(max_size=12), st.sampled_from(["大家好", "@", "<", "{", "}}", "\n", "{#", "#}", "%}", "@所有人"])
)


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    expression = EXPRESSIONS
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(expression, inner).map(lambda two: f"{{% if {two[0]} %}}{two[1]}{{% else %}}x{{% endif %}}"),
        st.tuples(NAMES, expression, inner).map(lambda t: f"{{% for {t[0]} in {t[1]} %}}{t[2]}{{% endfor %}}"),
        st.tuples(NAMES, inner).map(lambda two: f"{{% for a in {two[0]} %}}{two[1]}{{% endfor %}}"),
        st.tuples(NAMES, expression).map(lambda two: f"{{% set {two[0]} = {two[1]} %}}"),
        inner.map("{{% raw %}}{}{{% endraw %}}".format),
        inner.map("{{% macro m(x) %}}{}{{% endmacro %}}{{{{ m(x) }}}}".format),
        inner.map("{{% filter trim %}}{}{{% endfilter %}}".format),
        st.tuples(inner, st.integers(2, 40)).map(lambda two: two[0] * two[1]),
    )


TEMPLATES = st.recursive(st.one_of(WORDS, EXPRESSIONS.map("{{{{ {} }}}}".format)), _blocks, max_leaves=8)
NOT_OURS = ("os.system", "os.exec", "os.spawn", "os.remove", "os.rename", "subprocess", "socket", "shutil", "ctypes")


class _Watch:
    """What Python's own audit saw while it was on: a hook stays for good, so it is set once."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, details: tuple[Any, ...]) -> None:
        if self.on and (event.startswith(NOT_OURS) or (event == "open" and set(str(details[1])) & set("wax+"))):
            self.seen.append(event)

    @contextmanager
    def watching(self) -> Iterator[None]:
        self.on = True
        try:
            yield
        finally:
            self.on = False


@pytest.fixture(scope="module")
def watch() -> _Watch:
    return _Watch()


@pytest.mark.soak
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=not SOAK)
@given(template=TEMPLATES)
def test_chance_finds_no_way_out(tmp_path_factory: pytest.TempPathFactory, watch: _Watch, template: str) -> None:
    """Any template is a bounded text or a ConfigurationError within a second of work, and touches nothing."""
    folder = tmp_path_factory.getbasetemp()
    (folder / "fuzz.j2").write_bytes(template.encode("utf-8", "replace"))
    found, started = Templates([folder]), time.process_time()
    with watch.watching():
        try:
            text = found.render("fuzz.j2", VALUES)
            assert len(text.encode()) <= 4 * LONGEST_RESULT
        except ConfigurationError as error:
            assert error.place is None or (error.place.line >= 1 and Path(error.place.file).name == "fuzz.j2")
    assert time.process_time() - started < 1
    assert watch.seen == []


def test_the_watch_sees_what_it_watches_for(tmp_path: Path, watch: _Watch) -> None:
    """Writing a file while it is on is noticed, so silence means something."""
    with watch.watching():
        (tmp_path / "x").write_text("x")
    assert watch.seen == ["open"]
    watch.seen.clear()


@given(
    template=st.lists(
        st.sampled_from(["{{", "}}", "{%", "%}", " x ", "|", "if", "for", "in", "a", "end", "'", "("]), max_size=30
    )
)
@settings(max_examples=EXAMPLES // 2, deadline=None, derandomize=not SOAK)
@pytest.mark.soak
def test_broken_syntax_is_one_kind_of_error(tmp_path_factory: pytest.TempPathFactory, template: list[str]) -> None:
    """Tokens in any order are never a traceback."""
    folder = tmp_path_factory.getbasetemp()
    (folder / "tokens.j2").write_text(" ".join(template), encoding="utf-8")
    try:
        Templates([folder]).render("tokens.j2", VALUES)
    except ConfigurationError as error:
        assert error.problem
