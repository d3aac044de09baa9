"""
Trying out copy that somebody else wrote, in a process of its own with limits on memory, time and files.

The allow-list of ``safety`` is meant to make every template harmless; this is for the day on which it does not. What an
operator's template does is found out when it is checked, never when it is sent: docs/adr/0006.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from qunflow.errors import ConfigurationError, Place
from qunflow.rendering.templates import Templates
from qunflow.settings.paths import builtin_templates

WALL_S = 5.0
_BOOT = "import sys; sys.path.append(sys.argv[1]); from qunflow.rendering.trial_child import main; main(sys.argv[2:])"
# Enough to find libraries; no secret of the environment goes to the child.
_HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG")
_STEP = "take the loop or the long text out of it; a message holds 4,000 bytes"


class Trial:
    """
    Renders templates of the workspace in one child process, those that come with Qunflow in this one.

    The child starts with the first template that needs it, serves every later one, and ends with ``close`` or with this
    process. To be used by one thread.

    Args:
        wall_s: seconds after which the child is killed, whatever it is doing.
        command: starts the child, in tests.
    """

    def __init__(self, templates: Templates, *, wall_s: float = WALL_S, command: Sequence[str] | None = None) -> None:
        self._templates = templates
        self._wall_s = wall_s
        self._command = command or _command(templates.paths)
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """
        The text of a template as ``Templates.render`` gives it.

        Raises:
            ConfigurationError: what ``Templates.render`` raises; or the template took more memory or time than copy
                may, or ended its process.
        """
        path = self._templates.find(name)
        if path.is_relative_to(builtin_templates()):
            return self._templates.render(name, variables)
        plain = self._templates.plain(name, variables)
        return _told(self._asked(path, json.dumps({"name": name, "variables": plain}).encode() + b"\n"))

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _asked(self, path: Path, question: bytes) -> Mapping[str, Any]:
        child = self._child = self._child or _started(self._command)
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(question)
            child.stdin.flush()
            answer = _line(child.stdout.fileno(), time.monotonic() + self._wall_s)
        except BrokenPipeError:
            answer = b""
        if answer is None or not answer.endswith(b"\n"):
            why = f"took more than {self._wall_s:g} s" if answer is None else _ending(child.wait())
            self.close()
            raise ConfigurationError(f"refused: it {why} when it was tried out", _STEP, Place(str(path), 1, 1))
        found: Mapping[str, Any] = json.loads(answer)
        return found


def _command(paths: Sequence[Path]) -> list[str]:
    package = Path(__file__).resolve().parents[2]
    return [sys.executable, "-I", "-B", "-c", _BOOT, str(package), *(str(path.resolve()) for path in paths)]


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter and paths
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _HANDED_ON if name in os.environ},
        start_new_session=True,
    )


def _line(source: int, until: float) -> bytes | None:
    """One line, what there was of it when the other side ended, or None when the time was up."""
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([source], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return None
        piece = os.read(source, 65_536)
        if not piece:
            return line
        line += piece
    return line


def _ending(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "computed for longer than copy may"
    return "took more memory than copy may" if code == os.EX_OSERR else f"ended its process ({code})"


def _told(answer: Mapping[str, Any]) -> str:
    if "text" in answer:
        return str(answer["text"])
    place = Place(*answer["place"]) if answer["place"] else None
    raise ConfigurationError(answer["problem"], answer["next_step"], place)
