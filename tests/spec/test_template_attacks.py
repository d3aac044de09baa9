"""
Known ways out of a template, or into all memory and time, as a table: each is refused before it runs, or bounded.

A refusal names the file and the line; a bound is a text no longer than a message could be, or the same kind of error.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import BaseModel
from sqlalchemy import create_engine, literal, select

from qunflow.errors import ConfigurationError
from qunflow.rendering import Templates
from qunflow.rendering.written import LONGEST_RESULT, MOST_SOURCE_BYTES

BEFORE = "大家好\n"

REFUSED = [
    # (category, template, what the refusal says)
    ("attributes", "{{ ''.__class__ }}", "underscore"),
    ("attributes", "{{ x.__class__.__mro__[1].__subclasses__() }}", "`call` is not allowed"),
    ("attributes", "{{ x['__class__'] }}", "underscore"),
    ("attributes", "{{ x['\\x5f_class__'] }}", "underscore"),
    ("attributes", "{{ x[y] }}", "underscore"),
    ("attributes", "{{ x[y ~ y] }}", "underscore"),
    ("attributes", "{{ x|attr('format') }}", "unknown filter 'attr'|No filter"),
    ("attributes", "{{ x|map(attribute='__class__')|join }}", "stands on a variable"),
    ("attributes", "{{ many|join(attribute='__class__') }}", "join"),
    ("attributes", "{{ many|join('', '__class__') }}", "join"),
    ("names", "{{ self }}", "no variable"),
    ("names", "{{ self._TemplateReference__context }}", "underscore"),
    ("names", "{{ caller }}{{ varargs }}", "no variable"),
    ("names", "{{ __builtins__ }}", "underscore"),
    ("names", "{{ loop._iterator }}", "underscore"),
    ("format", "{{ '{0.__class__}'.format(x) }}", "`call` is not allowed"),
    ("format", "{% set f = x.format %}{{ f(x) }}", "`assign` is not allowed"),
    ("format", "{{ x|format(x) }}", "unknown filter|No filter"),
    ("format", "{{ x.format_map({'a': x}) }}", "`call` is not allowed"),
    ("format", "{{ '%s' % x }}", "`mod` is not allowed"),
    ("frames", "{{ (x for y in many).gi_frame }}", "broken template"),
    ("frames", "{{ many.gi_frame() }}", "`call` is not allowed"),
    ("globals", "{{ lipsum.__globals__ }}", "underscore"),
    ("globals", "{{ cycler.__init__ }}", "underscore"),
    ("globals", "{{ namespace(a=1) }}", "`call` is not allowed"),
    ("globals", "{{ url_for.__globals__['current_app'] }}", "underscore"),
    ("loops", "{% for a in range(1000000000) %}x{% endfor %}", "runs over a variable"),
    ("loops", "{% for a in many %}{% for b in many %}x{% endfor %}{% endfor %}", "loop inside a loop"),
    ("loops", "{% for a in many recursive %}{{ loop(many) }}{% endfor %}", "runs over a variable"),
    ("loops", "{% for a in many|join %}x{% endfor %}", "runs over a variable"),
    ("loops", "{% for a in [1, 2] %}x{% endfor %}", "runs over a variable"),
    ("loops", "{% for a in many %}{% if a == many %}x{% endif %}{% endfor %}", "compare with something written out"),
    ("loops", "{% for a in many %}{% else %}{% for b in many %}x{% endfor %}{% endfor %}", "loop inside a loop"),
    ("loops", "{% while true %}x{% endwhile %}", "broken template"),
    ("numbers", "{{ 7 ** (10 ** 7) }}", "`pow` is not allowed"),
    ("numbers", "{{ 1 + 1 }}", "`add` is not allowed"),
    ("numbers", "{{ -1 }}", "`neg` is not allowed"),
    ("numbers", "{{ 99999999 }}", "a number over"),
    ("numbers", "{{ 1e999 }}", "a number over"),
    ("numbers", "{{ " + "9" * 5_000 + " }}", "broken template"),
    ("texts", "{{ 'a' * 1000000000 }}", "`mul` is not allowed"),
    ("texts", "{{ x ~ x }}", "`concat` is not allowed"),
    ("texts", "{{ '%999999999d' % 1 }}", "`mod` is not allowed"),
    ("texts", "{{ x|center(1000000000) }}", "unknown filter|No filter"),
    ("texts", "{{ x.ljust(1000000000) }}", "`call` is not allowed"),
    ("texts", "{{ x|indent(1000000000) }}", "unknown filter|No filter"),
    ("texts", "{{ x|replace('', x) }}", "unknown filter|No filter"),
    ("texts", "{{ many|join(x) }}", "join takes a separator"),
    ("texts", "{{ many|join('" + "-" * 21 + "') }}", "join takes a separator"),
    ("texts", "{{ x|join(' ')|join(' ') }}", "stands on a variable"),
    ("texts", "{{ 'abc'|join('-') }}", "stands on a variable"),
    ("texts", "{{ x|trim|trim|trim }}", "stands on a variable"),
    ("texts", "{{ '\\ud800' }}", "no phone shows"),
    ("texts", "{{ '\\ue000' }}\ue000", "no phone shows"),
    ("lists", "{{ [1, 2, 3] }}", "`list` is not allowed"),
    ("lists", "{{ {'a': 1} }}", "`dict` is not allowed"),
    ("lists", "{{ (1, 2) }}", "`tuple` is not allowed"),
    ("lists", "{{ many[1:2] }}", "underscore"),
    ("lists", "{{ many|sort }}{{ many|unique }}", "unknown filter|No filter"),
    ("lists", "{{ many|batch(1) }}", "unknown filter|No filter"),
    ("tests", "{{ x is sameas(x) }}", "unknown test|No test"),
    ("tests", "{{ x is filter }}", "unknown test|No test"),
    ("statements", "{% set y = x %}{{ y }}", "`assign` is not allowed"),
    ("statements", "{% set y %}{{ x }}{% endset %}", "`assignblock` is not allowed"),
    ("statements", "{% macro m() %}x{% endmacro %}", "`macro` is not allowed"),
    ("statements", "{% call x() %}{% endcall %}", "`callblock` is not allowed"),
    ("statements", "{% include 'other.j2' %}", "`include` is not allowed"),
    ("statements", "{% include ['/etc/passwd'] ignore missing %}", "`include` is not allowed"),
    ("statements", "{% import 'other.j2' as other %}", "`import` is not allowed"),
    ("statements", "{% from 'other.j2' import y %}", "`fromimport` is not allowed"),
    ("statements", "{% extends 'other.j2' %}", "`extends` is not allowed"),
    ("statements", "{% block b %}x{% endblock %}", "`block` is not allowed"),
    ("statements", "{% filter upper %}x{% endfilter %}", "`filterblock` is not allowed|No filter"),
    ("statements", "{% autoescape true %}x{% endautoescape %}", "`scope` is not allowed"),
    ("statements", "{% with y = x %}{{ y }}{% endwith %}", "`with` is not allowed"),
    ("statements", "{% do x() %}", "broken template"),
    ("statements", "{% trans %}x{% endtrans %}", "broken template"),
    ("statements", "{% debug %}", "broken template"),
    ("hiding", "{# {{ x }} #}{{ x() }}", "`call` is not allowed"),
    ("hiding", "{% raw %}{{ x }}{% endraw %}{{ x() }}", "`call` is not allowed"),
    ("hiding", "{{- x() -}}", "`call` is not allowed"),
    ("hiding", "{{ x if true else x() }}", "`call` is not allowed"),
    ("hiding", "{% if false %}{{ x() }}{% endif %}", "`call` is not allowed"),
    ("hiding", "{{ x|trim(x()) }}", "is not given that"),
    ("hiding", "{% for a in many if x() %}{% endfor %}", "`call` is not allowed"),
    ("depth", "{% if x %}" * 20 + "x" + "{% endif %}" * 20, "nested too deeply"),
    ("depth", "{{ " + "(" * 3_000 + "x" + ")" * 3_000 + " }}", "broken template"),
    ("depth", "{{ " + "not " * 3_000 + "x }}", "broken template|nested too deeply"),
    ("depth", "{{ x" + ".a" * 3_000 + " }}", "broken template|nested too deeply"),
    ("depth", "{{ x" + " and x" * 2_000 + " }}", "broken template|nested too deeply"),
    ("size", "{{ x }}" * 1_000, "more than 400 parts"),
    ("size", "字" * 10_000_000, f"over {MOST_SOURCE_BYTES} bytes"),
    ("size", "{#" + "x" * MOST_SOURCE_BYTES + "#}", f"over {MOST_SOURCE_BYTES} bytes"),
]

MANY = ["x" * 90] * 200
BOUNDED = [
    # (category, template, values)
    ("typos", "{{ usr_name }}", {"user_name": "x"}),
    ("typos", "{{ user.nme }}", {"user": {"name": "x"}}),
    ("typos", "{{ user.name.first }}", {"user": {"name": "x"}}),
    ("methods", "{{ x.upper }}", {"x": "text"}),
    ("methods", "{{ many.append }}", {"many": MANY}),
    ("methods", "{{ user.items }}", {"user": {"name": "x"}}),
    ("loop", "{{ loop.index }}", {}),
    ("loop", "{% for a in many %}{{ loop.cycle }}{% endfor %}", {"many": MANY}),
    ("loop", "{% for a in many %}{{ loop }}{% endfor %}", {"many": MANY}),
    ("long", "{% for a in many %}{{ a }}{{ a }}{% endfor %}", {"many": MANY}),
    ("long", "{% for a in many %}" + "{{ x }}" * 90 + "{% endfor %}", {"many": MANY, "x": "y" * 2_000}),
    ("long", "{{ many|join('" + "-" * 20 + "') }}" * 90, {"many": MANY}),
    (
        "long, and nothing written",
        "{% for a in many %}" + "{% if many|join('-') == 'x' %}{% endif %}" * 54 + "{% endfor %}",
        {"many": MANY},
    ),
    (
        "long, and nothing written",
        "{% for a in many %}" + "{% if many|trim == 'x' %}{% endif %}" * 54 + "{% endfor %}",
        {"many": MANY},
    ),
    ("dear comparisons", "{% if a == b %}x{% endif %}" * 54, {"a": [MANY], "b": [list(MANY)]}),
    ("wrong kinds", "{% for a in n %}x{% endfor %}", {"n": 5}),
    ("wrong kinds", "{% if x < n %}x{% endif %}", {"x": "text", "n": 5}),
    ("wrong kinds", "{{ many|yuan }}{{ x|percent }}", {"many": MANY, "x": "text"}),
    ("wrong kinds", "{{ x|percent }}", {"x": "9" * 2_000}),
    ("wrong kinds", "{{ x|length|percent }}", {"x": 5}),
    ("wrong kinds", "{{ many|first }}{{ many|last }}", {"many": []}),
    ("not words", "{{ many }}", {"many": MANY}),
    ("not words", "{{ user }}", {"user": {"name": "x"}}),
    ("not words", "{{ yes }}", {"yes": True}),
    ("not words", "{{ n }}", {"n": float("nan")}),
]


def templates(folder: Path, text: str) -> Templates:
    (folder / "a.j2").write_text(text, encoding="utf-8")
    return Templates([folder])


def test_the_table_covers_more_than_is_known_to_have_been_tried() -> None:
    """Thirty-six attacks were measured against the plain sandbox; none of the kinds is left out."""
    assert len(REFUSED) + len(BOUNDED) >= 36
    assert len({template for _, template, _ in REFUSED}) == len(REFUSED)


@pytest.mark.parametrize(("category", "attack", "says"), REFUSED, ids=lambda one: one[:40])
def test_what_is_not_on_the_list_is_refused_before_it_runs(
    tmp_path: Path, category: str, attack: str, says: str
) -> None:
    """No value is needed to refuse it, and the refusal names the file and the line."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        templates(tmp_path, BEFORE + attack).variables("a.j2")
    place = caught.value.place
    assert place is not None and place.file == str(tmp_path / "a.j2")
    assert place.line == 2 or category in ("size", "depth", "numbers"), place


@pytest.mark.parametrize(("category", "template", "variables"), BOUNDED, ids=lambda one: str(one)[:40])
def test_what_is_on_the_list_is_bounded(
    tmp_path: Path, category: str, template: str, variables: dict[str, Any]
) -> None:
    """Within a second of work it is a text of bounded length, or an error with file and line."""
    found, started = templates(tmp_path, template), time.process_time()
    found.variables("a.j2")
    try:
        assert len(found.render("a.j2", variables)) <= LONGEST_RESULT
    except ConfigurationError as error:
        assert error.place is None or error.place.file == str(tmp_path / "a.j2")
        assert error.problem and error.next_step, category
    assert time.process_time() - started < 1


class Person(BaseModel):
    secret: str = "canary"

    def delete(self) -> str:
        raise AssertionError("a template called a method")


def a_row() -> object:
    with create_engine("sqlite://").connect() as conn:
        return conn.execute(select(literal("canary").label("secret"))).one()


def a_generator() -> object:
    yield "canary"


OBJECTS = [
    pd.DataFrame({"secret": ["canary"]}),
    pd.Series(["canary"]),
    pd.Timestamp(2026, 3, 2),
    Person(),
    a_row(),
    a_generator(),
    Path("/etc/passwd"),
    type("Text", (str,), {"__html__": lambda self: "canary"})("x"),
    print,
    Person,
]
WAYS = ["{{ x.secret }}", "{{ x.delete }}", "{{ x.to_csv }}", "{{ x.query }}", "{{ x.gi_frame }}", "{{ x }}"]


@pytest.mark.parametrize("thing", OBJECTS, ids=lambda thing: type(thing).__name__)
@pytest.mark.parametrize("way", WAYS)
def test_no_object_enters_a_template(tmp_path: Path, thing: object, way: str) -> None:
    """Tables, rows, models, generators and functions stop at the border, alone and inside a list or mapping."""
    found = templates(tmp_path, way)
    for value in (thing, [thing], {"secret": thing}):
        with pytest.raises(ConfigurationError, match="which no template may see") as caught:
            found.render("a.j2", {"x": value})
        assert "canary" not in str(caught.value)


def test_what_a_template_does_not_read_is_not_looked_at(tmp_path: Path) -> None:
    """A value nobody asked for neither enters nor stops a text."""
    assert templates(tmp_path, "好 {{ x }}").render("a.j2", {"x": "1", "other": object()}) == "好 1"


def test_a_file_that_is_no_template_is_an_error_of_that_file(tmp_path: Path) -> None:
    """Bytes that are no text, and a name that is a folder, are told like any other mistake."""
    (tmp_path / "a.j2").write_bytes(b"\xff\xfe\x00x")
    with pytest.raises(ConfigurationError, match="cannot be read as a template"):
        Templates([tmp_path]).variables("a.j2")
    (tmp_path / "b.j2").mkdir()
    with pytest.raises(ConfigurationError, match="there is no template"):
        Templates([tmp_path]).variables("b.j2")


@pytest.mark.parametrize("line", ["# for a in many", "## {# x #}x", "#- set y = x", "{% raw %}{{ x() }}{% endraw %}"])
def test_what_only_looks_like_a_statement_is_text(tmp_path: Path, line: str) -> None:
    """Jinja's line statements are off, and raw text is not run."""
    text = templates(tmp_path, f"{line}\n{{{{ x }}}}").render("a.j2", {"x": "好"})
    assert text.endswith(("\n好", "}}好"))
    assert text[0] in "#{"
