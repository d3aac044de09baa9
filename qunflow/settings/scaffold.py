"""
A new workspace on disk: a commented qunflow.yaml, ``.env`` with fresh secrets, the schema, room for own templates.

What the file says is in ``scaffold_text``; this module writes it, and never over something that is already there.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from qunflow.errors import ConfigurationError
from qunflow.settings.scaffold_text import DEMO_WORLD, ENV_EXAMPLE, TEMPLATES_NOTE, settings_text
from qunflow.settings.workspace import FILE_NAME, Workspace

SCHEMA_NAME = "qunflow.schema.json"
_NOTHING: Mapping[str, str] = MappingProxyType({})


def write_workspace(
    directory: Path,
    world: Mapping[str, Any] | None,
    now: date,
    *,
    variables: Mapping[str, str] = _NOTHING,
    token_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> Path:
    """
    Write a demo workspace that suits a sandbox.

    Args:
        world: the sandbox's answer to ``GET /_sandbox/world``; None for the same names without a sandbox.
        now: the first local day to live; the campaign warms up on day 3, sells on day 5 and closes on day 6.
        variables: further lines for ``.env``, such as ``QUNFLOW_WECOM_BASE_URL``.

    Returns:
        The directory.

    Raises:
        ConfigurationError: the directory already holds a workspace, or cannot be written.
    """
    return _write(directory, settings_text(dict(world or DEMO_WORLD), now), variables, token_bytes)


def write_blank_workspace(
    directory: Path, now: date, *, token_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> Path:
    """Write a workspace with one community and one group to fill in. Raises: ConfigurationError."""
    world = {**DEMO_WORLD, "groups": DEMO_WORLD["groups"][:1]}
    return _write(directory, settings_text(world, now), _NOTHING, token_bytes)


def schema_text() -> str:
    """The JSON Schema of qunflow.yaml."""
    return json.dumps(Workspace.model_json_schema(), ensure_ascii=False, indent=2) + "\n"


def _write(directory: Path, text: str, variables: Mapping[str, str], token_bytes: Callable[[int], bytes]) -> Path:
    if (directory / FILE_NAME).exists():
        raise ConfigurationError(f"{directory} already is a workspace", "name another directory, or edit the one there")
    try:
        for folder in ("templates/playbooks", "state", "history"):
            (directory / folder).mkdir(parents=True, exist_ok=True)
        _write_new(directory / ".env", _env_text(variables, token_bytes), mode=0o600)
        _write_new(directory / ".env.example", ENV_EXAMPLE)
        _write_new(directory / ".gitignore", ".env\nstate/\nhistory/\n")
        _write_new(directory / "templates" / "README.md", TEMPLATES_NOTE)
        _write_new(directory / SCHEMA_NAME, schema_text())
        # Last, because its presence is what makes the directory a workspace.
        _write_new(directory / FILE_NAME, text)
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or directory} cannot be written ({error.strerror})",
            "free some space on that disk, or choose a directory you may write to",
        ) from error
    return directory


def _write_new(path: Path, text: str, mode: int = 0o644) -> None:
    """Create a file with its rights from the first byte on; leave one that exists alone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        # An empty one would be taken for one that was there before.
        path.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error


def _env_text(variables: Mapping[str, str], token_bytes: Callable[[int], bytes]) -> str:
    made = {
        "QUNFLOW_MASTER_KEY": base64.b64encode(token_bytes(32)).decode(),
        "QUNFLOW_HOOK_SECRET": token_bytes(24).hex(),
        **variables,
    }
    lines = "".join(f"{name}={value}\n" for name, value in made.items())
    return (
        f"# Secrets of this workspace. Never commit this file; losing the master key loses the person vault.\n{lines}"
    )
