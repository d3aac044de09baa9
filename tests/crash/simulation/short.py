"""The short form without pytest: exit code 1 at the first bad seed. For mutants."""

from __future__ import annotations

import sys

from tests.crash.simulation.history import Shape
from tests.crash.simulation.replay import lived


def main(seeds: int) -> int:
    """Live through seeds until one is bad."""
    return next((1 for one in lived(range(seeds), Shape()) if one.verdict.faults), 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
