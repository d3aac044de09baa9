"""
Opening the workspace a command works on, giving everything back when it ends, and who it was.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qunflow.cli.options import WorkspaceOption

if TYPE_CHECKING:
    from qunflow.runtime import Runtime


@contextmanager
def opened(workspace: WorkspaceOption) -> Iterator[Runtime]:
    """The runtime of a workspace, closed at the end; imported only here, as `--help` must not wait for it."""
    from qunflow.runtime import open_runtime

    here = open_runtime(workspace)
    try:
        yield here
    finally:
        here.close()


def actor() -> str:
    """Who the audit names for what is done on this machine."""
    return f"cli:{getpass.getuser()}"
