"""
Where templates and playbooks lie: the workspace's own folder first, then the ones that come with Qunflow.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from qunflow.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parent.parent


def builtin_templates() -> Path:
    """
    The templates that come with Qunflow: inside the wheel, or at the root of the source tree.

    Raises:
        ConfigurationError: the installation holds neither.
    """
    for folder in (_PACKAGE / "_templates", _PACKAGE.parent / "templates"):
        if (folder / "playbooks").is_dir():
            return folder
    raise ConfigurationError(f"no templates beside {_PACKAGE}", "install Qunflow again; its templates are missing")


def template_paths(directory: Path) -> tuple[Path, ...]:
    """The folders to look for templates in, first wins: ``<workspace>/templates``, then the built-in ones."""
    own = directory / "templates"
    return (own, builtin_templates()) if own.is_dir() else (builtin_templates(),)


def playbook_names(paths: Iterable[Path]) -> tuple[str, ...]:
    """The names of every playbook in the folders, sorted."""
    return tuple(sorted({file.stem for path in paths for file in (path / "playbooks").glob("*.yaml")}))
