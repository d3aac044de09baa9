"""
Copy templates by name: found in the workspace first, checked before they run, rendered with plain values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError

from qunflow.community.playbook import Playbook
from qunflow.errors import ConfigurationError, Place
from qunflow.rendering.safety import EmptyVariableError, copy_environment, optional_variables, refusals, variables_of
from qunflow.rendering.values import harmless
from qunflow.settings.words import did_you_mean

# Not copy: these belong to the report, the web pages and the playbooks.
_OTHER_FOLDERS = ("report", "web", "playbooks")
_NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*\.j2")
_LONGEST_RESULT = 20_000


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A template that passed the allow-list, with the variables it reads and the line of each."""

    template: Template
    path: Path
    variables: Mapping[str, int]
    optional: frozenset[str]


class Templates:
    """
    The copy of a workspace.

    Args:
        paths: folders to look in, the first that has a name wins; see ``settings.paths.template_paths``.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._environment = copy_environment()
        self._compiled: dict[tuple[Path, int], _Compiled] = {}

    def names(self) -> tuple[str, ...]:
        """Every copy template there is, sorted."""
        found = {name for path in self.paths for name in _names_in(path)}
        return tuple(sorted(found))

    def variables(self, name: str) -> frozenset[str]:
        """The variables a template must be given. Raises: ConfigurationError."""
        return frozenset(self._get(name).variables)

    def optional(self, name: str) -> frozenset[str]:
        """The variables a template asks for with ``is defined``. Raises: ConfigurationError."""
        return self._get(name).optional

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """
        The text of a template, without blank edges.

        Args:
            name: such as ``daily_content/flash_sale.j2``.
            variables: plain values only; texts in them are made harmless.

        Raises:
            ConfigurationError: no such template, broken or unsafe copy, a variable that is missing, empty or not
                plain; with the template's file and line.
        """
        compiled = self._get(name)
        _require_given(compiled, variables)
        plain = {key: harmless(value, key) for key, value in variables.items()}
        try:
            text = compiled.template.render(plain).strip()
        except EmptyVariableError as error:
            raise _at_line(compiled, error, "it writes out a variable that is empty") from None
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise _at_line(compiled, error, f"it cannot be rendered: {_told(error)}") from None
        if len(text) > _LONGEST_RESULT:
            raise ConfigurationError(f"{name} renders to {len(text)} characters", "shorten it", Place(name, 1, 1))
        return text

    def playbook(self, name: str, *, with_copy: bool = True) -> Playbook:
        """The playbook of a name, see ``load_playbook``. Raises: ConfigurationError with file:line:column."""
        from qunflow.rendering.playbooks import load_playbook

        return load_playbook(self, name, with_copy=with_copy)

    def find(self, name: str) -> Path:
        """The file of a template. Raises: ConfigurationError naming the likely one."""
        if _NAME.fullmatch(name):
            for path in self.paths:
                if (path / name).is_file():
                    return path / name
        raise ConfigurationError(f"there is no template {name!r}", _nearest(name, self.names()))

    def _get(self, name: str) -> _Compiled:
        path = self.find(name)
        key = (path, path.stat().st_mtime_ns)
        if key not in self._compiled:
            self._compiled[key] = self._compile(path)
        return self._compiled[key]

    def _compile(self, path: Path) -> _Compiled:
        try:
            source = path.read_text(encoding="utf-8-sig")
            tree = self._environment.parse(source, filename=str(path))
        except TemplateSyntaxError as error:
            problem, place = f"broken template: {error.message}", Place(str(path), error.lineno, 1)
            raise ConfigurationError(problem, "check the braces and the block's end", place) from None
        except (UnicodeDecodeError, RecursionError) as error:
            raise ConfigurationError(f"{path} cannot be read as a template", "save it as plain UTF-8 text") from error
        for line, reason in refusals(tree):
            step = "copy may hold variables, `if`, one `for`, and the listed filters; prepare the rest as a variable"
            raise ConfigurationError(f"refused: {reason}", step, Place(str(path), line, 1))
        code = self._environment.compile(tree, filename=str(path))
        template = Template.from_code(self._environment, code, self._environment.globals)
        return _Compiled(template, path, variables_of(tree), optional_variables(tree))


def _names_in(path: Path) -> Iterator[str]:
    for file in path.rglob("*.j2"):
        relative = file.relative_to(path)
        if relative.parts[0] not in _OTHER_FOLDERS:
            yield relative.as_posix()


def _require_given(compiled: _Compiled, variables: Mapping[str, Any]) -> None:
    for name, line in compiled.variables.items():
        if name not in variables:
            place = Place(str(compiled.path), line, _column(compiled.path, line, name))
            raise ConfigurationError(f"the variable {name!r} is not given", _nearest(name, variables), place)


def _column(path: Path, line: int, name: str) -> int:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    text = lines[line - 1] if line <= len(lines) else ""
    found = re.search(rf"\b{re.escape(name)}\b", text)
    return found.start() + 1 if found else 1


def _nearest(name: str, valid: Sequence[str] | Mapping[str, Any]) -> str:
    return did_you_mean(name, sorted(valid))


def _at_line(compiled: _Compiled, error: BaseException, problem: str) -> ConfigurationError:
    line = _line_in(error.__traceback__, str(compiled.path))
    step = "give every variable of this line a value, or take it out"
    return ConfigurationError(problem, step, Place(str(compiled.path), line, 1))


def _told(error: Exception) -> str:
    return error.message or "" if isinstance(error, TemplateError) else type(error).__name__


def _line_in(trace: TracebackType | None, file: str) -> int:
    """The template's line in a traceback that Jinja has rewritten to point at the template."""
    line = 1
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
