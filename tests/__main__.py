"""
All tests behind ``./run test``: lint, types, import contracts, then pytest on both databases.

``--no-skips`` turns a skip for missing data into a failure; ``--soak`` runs the long proofs instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

STATIC = {
    "ruff": [str(BIN / "ruff"), "check", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "."],
    "mypy": [str(BIN / "mypy")],
    "imports": [str(BIN / "lint-imports")],
}


def pytest_command(arguments: list[str]) -> list[str]:
    """Two workers for two cores; the slowest tests are named so that time can be saved where it goes."""
    # A file stays with one worker, which makes its server and its season once; the long ones come first.
    spread = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    return [sys.executable, "-m", "pytest", *spread, "--durations=12", *arguments]


def run(name: str, command: list[str], environment: dict[str, str]) -> tuple[str, int, float]:
    print(f"── {name}", flush=True)
    started = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    return name, code, time.monotonic() - started


def main(arguments: list[str]) -> int:
    environment = dict(os.environ)
    if "--no-skips" in arguments:
        environment["QUNFLOW_NO_SKIPS"] = "1"
    if "--soak" in arguments:
        environment["QUNFLOW_SOAK"] = "1"
    rest = [word for word in arguments if word not in ("--no-skips", "--soak")]
    steps = {} if "--soak" in arguments else dict(STATIC)
    selection = ["-m", "soak or soak_only"] if "--soak" in arguments else []
    steps["pytest"] = pytest_command([*selection, *rest])
    results = [run(name, command, environment) for name, command in steps.items()]
    print(
        "── "
        + " · ".join(f"{name} {'ok' if code == 0 else 'FAILED'} {seconds:.0f} s" for name, code, seconds in results)
    )
    return max(code for _, code, _ in results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
