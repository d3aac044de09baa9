"""
Commands about a workspace: make one, check it, describe it, examine the machine it runs on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from qunflow.cli.options import JsonOption, WorkspaceOption
from qunflow.clock import SystemClock, local_day
from qunflow.settings.environment import workspace_directory


def init(
    directory: Path,
    *,
    demo: Annotated[bool, Parameter(negative="", help="带三个群的演示社群 (with a demo community)")] = False,
) -> int:
    """
    Make a workspace.

    Args:
        directory: 新工作区的目录 (where to make it).
    """
    from qunflow.settings.scaffold import write_blank_workspace, write_workspace

    today = local_day(SystemClock().now(), ZoneInfo("Asia/Shanghai"))
    made = write_workspace(directory, None, today) if demo else write_blank_workspace(directory, today)
    print(made)
    return 0


def schema() -> int:
    """Print the JSON Schema of qunflow.yaml."""
    from qunflow.settings.scaffold import schema_text

    sys.stdout.write(schema_text())
    return 0


def check(*, workspace: WorkspaceOption = None) -> int:
    """Check a workspace's settings, SOPs and templates."""
    from qunflow.settings.workspace import load_workspace

    load_workspace(workspace_directory(workspace))
    return 0


def doctor(*, workspace: WorkspaceOption = None, json: JsonOption = False) -> int:
    """Examine this machine and the workspace."""
    return 0
