"""
The child of ``trial``: renders what it is asked for, one JSON line in and one out, and can do little else.

It may not write files, start processes, or take more memory and processor time than any copy needs.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qunflow.errors import ConfigurationError
from qunflow.rendering.templates import Templates

MEMORY_BYTES = 256 * 1024 * 1024
CPU_S = 1


def main(paths: Sequence[str]) -> None:
    """Answer until nobody asks any more."""
    templates = Templates([Path(path) for path in paths])
    _lock_up()
    for question in sys.stdin.buffer:
        _allow_seconds(CPU_S)
        try:
            answer = _answer(templates, json.loads(question))
        except MemoryError:
            # Nothing more can be relied upon in here; the exit code says why.
            os._exit(os.EX_OSERR)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def _answer(templates: Templates, question: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"text": templates.render(question["name"], question["variables"])}
    except ConfigurationError as error:
        place = error.place and (error.place.file, error.place.line, error.place.column)
        return {"problem": error.problem, "next_step": error.next_step, "place": place}


def _lock_up() -> None:
    for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        resource.setrlimit(what, (0, 0))
    taken = _taken_bytes()
    if taken:
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY_BYTES,) * 2)


def _taken_bytes() -> int:
    """The address space in use; 0 where the system does not tell, and would not keep such a limit either."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[0]) * resource.getpagesize() if pages.exists() else 0


def _allow_seconds(seconds: int) -> None:
    """Let the process compute for so long from now on; then the system ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))
