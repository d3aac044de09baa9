"""``./run bench NAME``: one measurement, printed beside a peer or a limit of the same run; nothing is asserted."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

NOT_ONE = (
    "__init__",
    "__main__",
    "bare_server",
    "loopback",
    "product",
    "retention_log",
    "retention_peers",
    "retention_ways",
    "welcome_load",
)


def names() -> list[str]:
    """What can be measured: the modules of this folder that have a ``main``."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_ONE)


def main(arguments: list[str]) -> int:
    """Measure one thing; 2 when it is unknown."""
    if not arguments or arguments[0] not in names():
        print(f"./run bench NAME: {' · '.join(names())}", file=sys.stderr)
        return 2
    return int(import_module(f"benchmarks.{arguments[0]}").main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
