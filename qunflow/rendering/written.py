"""
One template that passed the allow-list, and what it says of one set of values.

Finding templates is left to ``templates``, many rows at once to ``bulk``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError, nodes

from qunflow.errors import ConfigurationError, Place
from qunflow.rendering.safety import (
    CopyEnvironment,
    UnspeakableError,
    copy_environment,
    optional_variables,
    refusals,
    spoken_variables,
    variables_of,
)
from qunflow.rendering.values import MENTION_ALL, harmless, without_mentions
from qunflow.settings.words import did_you_mean

LONGEST_RESULT = 20_000
MOST_SOURCE_BYTES = 16_000
MARKDOWN_NAME = ".md.j2"
# Stands for the sign of a mention that the author wrote; values cannot hold it.
_OWN_MENTION = "\ue000"


@dataclass(frozen=True, slots=True)
class Written:
    """
    A template ready to be rendered.

    ``variables`` must be given (each with the line of its first use), ``optional`` may be; ``spoken`` are only written
    out or asked for, so that their values change nothing else. In ``markdown`` the signs in values lose their meaning.
    """

    template: Template
    path: Path
    variables: Mapping[str, int]
    optional: frozenset[str]
    spoken: frozenset[str]
    own_mentions: bool
    markdown: bool

    @property
    def reads(self) -> frozenset[str]:
        """Every variable that can change the text."""
        return self.optional.union(self.variables)

    def text(self, variables: Mapping[str, Any]) -> str:
        """The text, without blank edges. Raises: ConfigurationError with file and line."""
        self.require_given(variables)
        return self.finished(self.raw(self.plain(variables)))

    def require_given(self, variables: Mapping[str, Any]) -> None:
        """Raises: ConfigurationError for the first variable that is not there, with the likely name."""
        for name, line in self.variables.items():
            if name not in variables:
                place = Place(str(self.path), line, _column(self.path, line, name))
                step = did_you_mean(name, sorted(map(str, variables)))
                raise ConfigurationError(f"the variable {name!r} is not given", step, place)

    def plain(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The values the template reads, made harmless. Raises: ConfigurationError for one that is not plain."""
        return {
            name: harmless(variables[name], name, markdown=self.markdown)
            for name in sorted(self.reads)
            if name in variables
        }

    def raw(self, values: Mapping[str, Any]) -> str:
        """What the template makes of harmless values; stops when it gets too long."""
        pieces, left = [], LONGEST_RESULT
        try:
            for piece in self.template.generate(values):
                pieces.append(piece)
                left -= len(piece)
                if left < 0:
                    raise self.too_long()
        except UnspeakableError as error:
            raise self._at_line(error, str(error)) from None
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise self._at_line(error, f"it cannot be rendered: {_told(error)}") from None
        return "".join(pieces)

    def finished(self, raw: str) -> str:
        """The text that goes out: no blank edges, and no mention that nobody wrote on purpose."""
        if len(raw) > LONGEST_RESULT:
            raise self.too_long()
        text = without_mentions(raw.strip())
        return text.replace(_OWN_MENTION, "@") if self.own_mentions else text

    def too_long(self) -> ConfigurationError:
        """The error of a text that no message could hold."""
        problem = f"{self.path.name} renders to more than {LONGEST_RESULT} characters"
        return ConfigurationError(problem, "shorten it", Place(str(self.path), 1, 1))

    def _at_line(self, error: BaseException, problem: str) -> ConfigurationError:
        line = _line_in(error.__traceback__, str(self.path))
        step = "give every variable of this line a value, or take it out"
        return ConfigurationError(problem, step, Place(str(self.path), line, 1))


def written(path: Path) -> Written:
    """
    Read a template and hold it against the allow-list.

    Raises:
        ConfigurationError: unreadable, broken, too big or refused, with file and line.
    """
    environment = _environment()
    source = _source(path)
    tree = _tree(environment, source, path)
    for line, reason in refusals(tree):
        step = "copy may hold variables, `if`, one `for`, and the listed filters; prepare the rest as a variable"
        raise ConfigurationError(f"refused: {reason}", step, Place(str(path), line, 1))
    own_mentions = _keep_own_mentions(tree)
    try:
        code = environment.compile(tree, filename=str(path))
    except (TemplateError, SyntaxError, RecursionError, ValueError) as error:
        raise _broken(path, error) from None
    return Written(
        template=Template.from_code(environment, code, environment.globals),
        path=path,
        variables=variables_of(tree),
        optional=optional_variables(tree),
        spoken=spoken_variables(tree),
        own_mentions=own_mentions,
        markdown=path.name.endswith(MARKDOWN_NAME),
    )


@cache
def _environment() -> CopyEnvironment:
    return copy_environment()


def _source(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_SOURCE_BYTES + 1)
        if len(data) > MOST_SOURCE_BYTES:
            step = "a message holds 4,000 bytes: shorten the copy"
            raise ConfigurationError(f"it is over {MOST_SOURCE_BYTES} bytes", step, Place(str(path), 1, 1))
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"{path} cannot be read as a template"
        raise ConfigurationError(problem, "save it as plain UTF-8 text", Place(str(path), 1, 1)) from error


def _tree(environment: CopyEnvironment, source: str, path: Path) -> nodes.Template:
    try:
        return environment.parse(source, filename=str(path))
    except (TemplateError, SyntaxError, RecursionError, ValueError, ArithmeticError) as error:
        raise _broken(path, error) from None


def _broken(path: Path, error: Exception) -> ConfigurationError:
    line = error.lineno if isinstance(error, TemplateSyntaxError) else 1
    problem = f"broken template: {_told(error)}"
    return ConfigurationError(problem, "check the braces and the block's end", Place(str(path), line, 1))


def _keep_own_mentions(tree: nodes.Template) -> bool:
    """Mark the mentions that stand in the copy itself; returns whether there are any."""
    found = False
    for data in tree.find_all(nodes.TemplateData):
        data.data, number = MENTION_ALL.subn(_OWN_MENTION, data.data)
        found = found or number > 0
    return found


def _column(path: Path, line: int, name: str) -> int:
    lines: Sequence[str] = _source(path).splitlines()
    text = lines[line - 1] if line <= len(lines) else ""
    found = re.search(rf"\b{re.escape(name)}\b", text)
    return found.start() + 1 if found else 1


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
