"""
Copy templates by name: found in the workspace first, checked before they run, rendered with plain values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from qunflow.community.playbook import Playbook
from qunflow.errors import ConfigurationError
from qunflow.rendering.bulk import Bulk, Rendered
from qunflow.rendering.written import Written, written
from qunflow.settings.words import did_you_mean

# Not copy: these belong to the report, the web pages and the playbooks.
_OTHER_FOLDERS = ("report", "web", "playbooks")
_NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*(\.md)?\.j2")


class Templates:
    """
    The copy of a workspace.

    Args:
        paths: folders to look in, the first that has a name wins; see ``settings.paths.template_paths``.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._written: dict[Path, tuple[tuple[int, int], Written]] = {}

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
            name: such as ``daily_content/flash_sale.j2``; ``….md.j2`` is a robot's markdown.
            variables: plain values only; texts in them are made harmless, and what the template does not read never
                enters it.

        Raises:
            ConfigurationError: no such template, broken or unsafe copy, a variable that is missing, empty or not
                plain; with the template's file and line.
        """
        return self._get(name).text(variables)

    def plain(self, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The values a template reads, as it will see them. Raises: ConfigurationError."""
        found = self._get(name)
        found.require_given(variables)
        return found.plain(variables)

    def render_many(self, name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[Rendered]:
        """
        The text of each row of variables in order, as ``render`` gives it; equal ones are made once.

        A row that cannot be rendered gives its ConfigurationError in its place and does not stop the others.

        Raises:
            ConfigurationError: no such template, or broken or unsafe copy; before the first row.
        """
        return Bulk(self._get(name)).texts(rows)

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
        raise self._unknown(name)

    def _get(self, name: str) -> Written:
        path = self.find(name)
        try:
            found = path.stat()
        except OSError:
            raise self._unknown(name) from None
        stamp = (found.st_mtime_ns, found.st_size)
        if path not in self._written or self._written[path][0] != stamp:
            self._written[path] = stamp, written(path)
        return self._written[path][1]

    def _unknown(self, name: str) -> ConfigurationError:
        return ConfigurationError(f"there is no template {name!r}", did_you_mean(name, list(self.names())))


def _names_in(path: Path) -> Iterator[str]:
    for file in path.rglob("*.j2"):
        relative = file.relative_to(path)
        if relative.parts[0] not in _OTHER_FOLDERS:
            yield relative.as_posix()
