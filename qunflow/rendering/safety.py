"""
Which Jinja a copy template may use: words, variables, plain conditions and one level of loops; nothing else.

Templates are edited by operators and may come from elsewhere, so what is not on the list is refused before it runs:
calls, arithmetic, assignments, macros, includes, imports, unknown filters, big numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.runtime import LoopContext
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
BIGGEST_NUMBER = 10_000
DEEPEST = 12


class EmptyVariableError(ValueError):
    """A template wrote out a variable that holds nothing."""


class CopyEnvironment(ImmutableSandboxedEnvironment):
    """Looks names up in plain mappings only, so that no method or attribute of Python is ever reached."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in LOOP_NAMES:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict | list) and not isinstance(argument, slice):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        return self.undefined(obj=obj, name=argument)


def copy_environment() -> CopyEnvironment:
    """The environment in which copy is parsed and rendered."""
    environment = CopyEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, finalize=_something
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS if name in environment.filters}
    environment.filters.update(yuan=yuan, percent=_percent)
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


def refusals(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """What a template may not do, as line and reason, in the order of the file."""
    yield from _refused(tree, loops=0, depth=0)


def variables_of(tree: nodes.Template) -> dict[str, int]:
    """The variables a template must be given, each with the line of its first use."""
    bound = {name.name for loop in tree.find_all(nodes.For) for name in _names(loop.target)}
    given = bound | optional_variables(tree) | {"loop"}
    found: dict[str, int] = {}
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name not in given:
            found.setdefault(name.name, name.lineno)
    return found


def optional_variables(tree: nodes.Template) -> frozenset[str]:
    """The variables a template asks for with ``is defined``, and does without."""
    asked = (test for test in tree.find_all(nodes.Test) if test.name == "defined")
    return frozenset(test.node.name for test in asked if isinstance(test.node, nodes.Name))


def _names(target: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    yield from target.find_all(nodes.Name)


def _refused(node: nodes.Node, loops: int, depth: int) -> Iterator[tuple[int, str]]:
    reason = _reason(node, loops, depth)
    if reason:
        yield node.lineno, reason
        return
    for child in node.iter_child_nodes():
        yield from _refused(child, loops + isinstance(node, nodes.For), depth + 1)


def _reason(node: nodes.Node, loops: int, depth: int) -> str:
    if depth > DEEPEST:
        return "it is nested too deeply"
    if not isinstance(node, _ALLOWED):
        return f"`{type(node).__name__.lower()}` is not allowed in copy"
    if isinstance(node, nodes.For):
        return _loop_reason(node, loops)
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        return f"unknown filter {node.name!r} (valid: {', '.join(FILTERS)})"
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        return f"unknown test {node.name!r} (valid: {', '.join(TESTS)})"
    if isinstance(node, nodes.Getattr | nodes.Getitem) and _is_private(node):
        return "a name that starts with an underscore is not allowed"
    if isinstance(node, nodes.Const) and isinstance(node.value, int | float) and abs(node.value) > BIGGEST_NUMBER:
        return f"a number over {BIGGEST_NUMBER} is not allowed in copy"
    return ""


def _loop_reason(node: nodes.For, loops: int) -> str:
    if loops:
        return "a loop inside a loop is not allowed"
    if node.recursive or not isinstance(node.iter, nodes.Name | nodes.Getattr):
        return "a loop runs over a variable, nothing else"
    return ""


def _is_private(node: nodes.Getattr | nodes.Getitem) -> bool:
    name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
    return name is None or str(name).startswith("_")


def _something(value: Any) -> Any:
    if value is None or value == "":
        raise EmptyVariableError
    return value


def _percent(share: float) -> str:
    return f"{share * 100:.0f}%"
