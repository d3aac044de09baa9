"""
Which Jinja a copy template may use: words, variables, plain conditions and one level of loops; nothing else.

Templates are edited by operators and may come from elsewhere, so what is not on the list is refused before it runs:
calls, arithmetic, assignments, macros, includes, imports, unknown filters, big numbers. The limits on size and on what
a filter or a comparison may stand on keep the dearest template that is allowed within a fraction of a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.runtime import LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from qunflow.community.offers import yuan

_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Test,
    nodes.If,
    nodes.For,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
)
FILTERS = ("first", "join", "last", "length", "percent", "trim", "yuan")
TESTS = ("defined", "none", "odd", "even")
LOOP_NAMES = ("first", "index", "last")
_PYTHON_NAMES = ("self", "super", "caller", "varargs", "kwargs")
BIGGEST_NUMBER = 10_000
DEEPEST = 12
MOST_PARTS = 400
LONGEST_SEPARATOR = 20
# Private characters: the rendering uses them for itself, and no two phones show them alike.
_PRIVATE = re.compile("[\ud800-\udfff\ue000-\uf8ff]")


class UnspeakableError(ValueError):
    """A template wrote out something that no person would read; the message says what."""


class CopyEnvironment(ImmutableSandboxedEnvironment):
    """Looks names up in plain mappings only, so that no method or attribute of Python is ever reached."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in LOOP_NAMES:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if not isinstance(obj, dict | list) or isinstance(argument, slice):
            return self.undefined(obj=obj, name=argument)
        try:
            return obj[argument]
        except (LookupError, TypeError):
            # Told by the template's line, once the copy really uses it.
            return self.undefined(obj=obj, name=argument)


def copy_environment() -> CopyEnvironment:
    """The environment in which copy is parsed and rendered."""
    environment = CopyEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, finalize=_spoken
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS if name in environment.filters}
    environment.filters.update(yuan=yuan, percent=_percent, join=_joined, trim=_trimmed)
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


def refusals(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """What a template may not do, as line and reason, in the order of the file."""
    yield from _refused(tree, loops=0, depth=0, line=1)
    # Only what is shallow may be walked as a whole.
    if sum(1 for _ in _nodes(tree, DEEPEST + 1)) > MOST_PARTS:
        yield 1, f"it has more than {MOST_PARTS} parts"


def variables_of(tree: nodes.Template) -> dict[str, int]:
    """The variables a template must be given, each with the line of its first use."""
    given = _bound(tree) | optional_variables(tree) | {"loop"}
    found: dict[str, int] = {}
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name not in given:
            found.setdefault(name.name, name.lineno)
    return found


def optional_variables(tree: nodes.Template) -> frozenset[str]:
    """The variables a template asks for with ``is defined``, and does without."""
    asked = (test for test in tree.find_all(nodes.Test) if test.name == "defined")
    return frozenset(test.node.name for test in asked if isinstance(test.node, nodes.Name))


def spoken_variables(tree: nodes.Template) -> frozenset[str]:
    """The variables a template only writes out, or asks for: their values change nothing else in the text."""
    outputs = [child for output in tree.find_all(nodes.Output) for child in output.nodes]
    written = {id(child) for child in outputs if isinstance(child, nodes.Name)}
    asked = {id(test.node) for test in tree.find_all(nodes.Test) if test.name == "defined"}
    decides = {name.name for name in tree.find_all(nodes.Name) if id(name) not in written | asked}
    return frozenset(child.name for child in outputs if isinstance(child, nodes.Name) and child.name not in decides)


def _bound(tree: nodes.Template) -> set[str]:
    return {name.name for loop in tree.find_all(nodes.For) for name in _names(loop.target)}


def _names(target: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    yield from target.find_all(nodes.Name)


def _nodes(node: nodes.Node, depth: int) -> Iterator[nodes.Node]:
    yield node
    if depth:
        for child in node.iter_child_nodes():
            yield from _nodes(child, depth - 1)


def _refused(node: nodes.Node, loops: int, depth: int, line: int) -> Iterator[tuple[int, str]]:
    # Some nodes that Jinja makes up have no line of their own.
    line = node.lineno or next((child.lineno for child in node.iter_child_nodes() if child.lineno), line)
    reason = _reason(node, loops, depth)
    if reason:
        yield line, reason
        return
    for child in node.iter_child_nodes():
        yield from _refused(child, loops + isinstance(node, nodes.For), depth + 1, line)


def _reason(node: nodes.Node, loops: int, depth: int) -> str:
    if depth > DEEPEST:
        return "it is nested too deeply"
    if not isinstance(node, _ALLOWED):
        return f"`{type(node).__name__.lower()}` is not allowed in copy"
    if isinstance(node, nodes.For):
        return _loop_reason(node, loops)
    if isinstance(node, nodes.Filter):
        return _filter_reason(node)
    if isinstance(node, nodes.Compare):
        return _compare_reason(node, loops)
    if isinstance(node, nodes.Test):
        return _test_reason(node)
    return _name_reason(node) or _constant_reason(node)


def _loop_reason(node: nodes.For, loops: int) -> str:
    if loops:
        return "a loop inside a loop is not allowed"
    if node.recursive or not isinstance(node.iter, nodes.Name | nodes.Getattr):
        return "a loop runs over a variable, nothing else"
    return ""


def _filter_reason(node: nodes.Filter) -> str:
    """A filter stands on a variable, at most one more on it; only a short separator is handed over."""
    if node.name not in FILTERS:
        return f"unknown filter {node.name!r} (valid: {', '.join(FILTERS)})"
    inner = node.node
    if isinstance(inner, nodes.Filter) and node.name != "join":
        inner = inner.node
    if not isinstance(inner, nodes.Name | nodes.Getattr | nodes.Getitem):
        return f"the filter {node.name!r} stands on a variable, nothing else"
    if node.kwargs or node.dyn_args or node.dyn_kwargs or len(node.args) > (node.name == "join"):
        return f"the filter {node.name!r} is not given that"
    separator = getattr(node.args[0], "value", None) if node.args else ""
    if not isinstance(separator, str) or len(separator) > LONGEST_SEPARATOR:
        return f"join takes a separator of at most {LONGEST_SEPARATOR} characters, written out"
    return ""


def _compare_reason(node: nodes.Compare, loops: int) -> str:
    sides = [node.expr, *(operand.expr for operand in node.ops)]
    if loops and sum(not isinstance(side, nodes.Const) for side in sides) > 1:
        return "in a loop, compare with something written out"
    return ""


def _test_reason(node: nodes.Test) -> str:
    if node.name not in TESTS:
        return f"unknown test {node.name!r} (valid: {', '.join(TESTS)})"
    return ""


def _name_reason(node: nodes.Node) -> str:
    private = "a name that starts with an underscore is not allowed"
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        return private if _is_private(node) else ""
    if isinstance(node, nodes.Name) and node.name.startswith("_"):
        return private
    if isinstance(node, nodes.Name) and node.name in _PYTHON_NAMES:
        return f"{node.name!r} is no variable"
    return ""


def _constant_reason(node: nodes.Node) -> str:
    value = node.value if isinstance(node, nodes.Const) else getattr(node, "data", None)
    if isinstance(value, int | float) and not abs(value) <= BIGGEST_NUMBER:
        return f"a number over {BIGGEST_NUMBER} is not allowed in copy"
    if isinstance(value, str) and _PRIVATE.search(value):
        return "it holds a character that no phone shows"
    return ""


def _is_private(node: nodes.Getattr | nodes.Getitem) -> bool:
    name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
    return name is None or str(name).startswith("_")


def _spoken(value: Any) -> Any:
    if value is None or value == "":
        raise UnspeakableError("it writes out a variable that is empty")
    if type(value) in (str, int, float) or isinstance(value, Undefined):
        return value
    kind = {bool: "yes or no", list: "a list", dict: "a mapping"}.get(type(value), "no text")
    raise UnspeakableError(f"it writes out what is {kind}; say it in words, or join it")


def _joined(items: Any, separator: str = "") -> str:
    if type(items) is not list or any(type(item) not in (str, int, float) for item in items):
        raise UnspeakableError("join wants a list of texts or numbers")
    return separator.join(map(str, items))


def _trimmed(text: Any) -> str:
    if type(text) is not str:
        raise UnspeakableError("trim wants a text")
    return text.strip()


def _percent(share: float) -> str:
    return f"{share * 100:.0f}%"
