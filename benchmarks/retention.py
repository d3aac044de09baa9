"""
``./run bench retention [--events N …] [--rounds N] [--peer CMD …]``: 26 weekly cohorts × D1/3/7/14/30 × three rates.

Stay, classic and rolling retention in one query, beside one scan of the columns it needs (the limit: nothing that reads
them can be faster), beside the way most people write it in pandas, and beside peers, each on its own definition with
our answer to the same question. Each runs in a process of its own, one after the other in rounds; the time goes from
opening the file to having the numbers, with imports before it. Memory is what comes on top of the imports. Equal
answers have equal digests. A peer is a command that gets the log's path, such as

    --peer '/path/to/its/venv/bin/python benchmarks/retention_peers.py repeatradar'

and prints what ``benchmarks/retention_peers.py`` says. Of several sizes the growth of the cost is told as an exponent.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import resource
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.retention_log import written
from benchmarks.retention_ways import THREADS, WAYS, Table, now, prepared, since, warmed

Runs = dict[str, list[dict[str, Any]]]
Middle = Mapping[str, Mapping[str, float]]
# Pandas holds the log and its merges in memory: 2 GB for ten million events.
MOST_FOR_PANDAS = 20_000_000
_NUMBERS = ("wall_s", "cpu_s", "writing_s", "mb")


def one(way: str, definition: str, path: Path) -> dict[str, Any]:
    """One run in this process: seconds, megabytes and the digest of the answer."""
    prepared(way)
    before_mb = _resident_mb()
    warmed(way)
    started = now()
    table, writing = WAYS[way](path, definition)
    spent = since(started)
    return {
        "wall_s": spent[0] - writing[0],
        "cpu_s": spent[1] - writing[1],
        "writing_s": writing[1],
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb,
        "md5": digest(table),
    }


def digest(table: Table) -> str:
    """The same for the same cells."""
    return hashlib.md5(json.dumps(table).encode(), usedforsecurity=False).hexdigest()[:12] if table else ""


def _resident_mb() -> float:
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _child(way: str, definition: str, path: Path) -> dict[str, Any]:
    words = ["--one", way, "--definition", definition, "--path", str(path)]
    command = [sys.executable, "-m", "benchmarks.retention", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own module
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _peer(command: str, path: Path) -> dict[str, Any]:
    done = subprocess.run([*shlex.split(command), str(path)], capture_output=True, text=True, check=True)  # noqa: S603
    told: dict[str, Any] = json.loads(done.stdout)
    cells = sum(map(len, told["table"]))
    return {**told, "writing_s": 0.0, "md5": digest(told.pop("table")), "cells": cells}


def main(arguments: Sequence[str] = ()) -> int:
    """Print medians and ratios."""
    asked = _parsed(arguments)
    if asked.one:
        print(json.dumps(one(asked.one, asked.definition, asked.path)))
        return 0
    costs = {events: _measured(events, asked.rounds, asked.peer) for events in asked.events or [10_000_000]}
    for (few, low), (many, high) in zip(sorted(costs.items()), sorted(costs.items())[1:], strict=False):
        print(f"CPU from {few:,} to {many:,} events: exponent {math.log(high / low) / math.log(many / few):.2f}")
    return 0


def _measured(events: int, rounds: int, peers: Sequence[str]) -> float:
    """One size, printed; returns our CPU seconds."""
    path = written(Path(tempfile.gettempdir()) / f"qunflow-bench-retention-{events}-events.parquet", events)
    ways = [way for way in WAYS if way != "pandas" or events <= MOST_FOR_PANDAS]
    runs: Runs = {way: [] for way in ways}
    beside: list[Runs] = [{"peer": [], "qunflow": []} for _ in peers]
    loads = []
    for _ in range(rounds):
        loads.append(os.getloadavg()[0])
        for way, found in runs.items():
            found.append(_child(way, "season", path))
        for command, pair in zip(peers, beside, strict=True):
            pair["peer"].append(_peer(command, path))
            pair["qunflow"].append(_child("qunflow", pair["peer"][-1]["definition"], path))
    size = f"{events:,} events, {path.stat().st_size / 2**20:.0f} MB, {THREADS} threads, {rounds} rounds"
    print(f"{size}, load {min(loads):.1f}–{max(loads):.1f}")
    print(f"{'way':<22} {'wall s':>7} {'best':>7} {'CPU s':>7} {'of scan, wall':>14} {'CPU':>6} {'MB':>7}  digest")
    for name, found in runs.items():
        _line(name, found, runs["scan"])
    _ratios(runs)
    for pair in beside:
        _told(pair)
    return _middle(runs["qunflow"])["cpu_s"]


def _middle(found: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {key: median(run[key] for run in found) for key in _NUMBERS}


def _line(name: str, found: Sequence[Mapping[str, Any]], limit: Sequence[Mapping[str, Any]]) -> None:
    mine, scan = _middle(found), _middle(limit)
    wall, cpu = mine["wall_s"] / scan["wall_s"], mine["cpu_s"] / scan["cpu_s"]
    seconds = f"{mine['wall_s']:>7.2f} {min(run['wall_s'] for run in found):>7.2f} {mine['cpu_s']:>7.2f}"
    digests = "/".join(sorted({run["md5"] for run in found}))
    print(f"{name:<22} {seconds} {wall:>13.1f}× {cpu:>5.1f}× {mine['mb']:>7.0f}  {digests}")


def _ratios(runs: Runs) -> None:
    ours, quiet = _middle(runs["qunflow"]), min(run["wall_s"] for run in runs["qunflow"])
    limit = min(run["wall_s"] for run in runs["scan"])
    print(
        f"best round ÷ best scan, wall: {quiet / limit:.1f}×; writing the statement: {ours['writing_s']:.2f} s, apart"
    )
    if "pandas" in runs:
        print(f"pandas ÷ qunflow: {_times(runs['pandas'], runs['qunflow'])}")
    same = {run["md5"] for way, found in runs.items() if way != "scan" for run in found}
    print("answers equal" if len(same) == 1 else f"answers DIFFER: {sorted(same)}")


def _told(pair: Runs) -> None:
    """A peer beside our answer to its question."""
    first = pair["peer"][0]
    print(f"\n{first['peer']}, {first['definition']}, {first['cells']:,} cells")
    for name, found in pair.items():
        _line(name, found, pair["peer"])
    print(f"peer ÷ qunflow: {_times(pair['peer'], pair['qunflow'])}")
    same = {run["md5"] for found in pair.values() for run in found}
    print("cells equal" if len(same) == 1 else f"cells DIFFER: {sorted(same)}")


def _times(theirs: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> str:
    his, ours = _middle(theirs), _middle(found)
    best = min(run["wall_s"] for run in theirs) / min(run["wall_s"] for run in found)
    wall, cpu, mb = (his[key] / ours[key] for key in ("wall_s", "cpu_s", "mb"))
    return f"wall {wall:.1f}× (best rounds {best:.1f}×), CPU {cpu:.1f}×, memory above imports {mb:.1f}×"


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench retention")
    parser.add_argument("--events", type=int, action="append", help="how many; may be given again, default ten million")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", action="append", default=[], help="a command that gets the log's path; prints JSON")
    parser.add_argument("--one", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--definition", default="season", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(list(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
