"""
Options that every command shares, so that they are spelled and explained once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

WorkspaceOption = Annotated[
    Path | None,
    Parameter(name=["--workspace", "-w"], help="工作区目录，默认 QUNFLOW_WORKSPACE 或当前目录 (the workspace)"),
]
JsonOption = Annotated[bool, Parameter(name="--json", negative="", help="输出 JSON (print JSON)")]
