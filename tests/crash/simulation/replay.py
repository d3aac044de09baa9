"""Live many seeds and count, or one seed again: ``python -m tests.crash.simulation.replay SEED [MESSAGES KILLS …]``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

from tests.crash.scoreboard import Score
from tests.crash.simulation.history import History, Outcome, Shape
from tests.crash.simulation.house import Databases, SimulatedWeCom


def lived(seeds: Iterable[int], shape: Shape) -> Iterator[Outcome]:
    """One history for each seed."""
    databases, wecom = Databases(), SimulatedWeCom()
    for seed in seeds:
        try:
            yield History(databases, wecom, seed, shape).live()
        except BaseException:
            print(f"seed {seed} did not live to its end: {how_to_replay(seed, shape)}", file=sys.stderr)
            raise


def how_to_replay(seed: int, shape: Shape) -> str:
    """The command that lives a seed again."""
    sizes = f" {shape.messages} {shape.kills} {shape.chats} {shape.days}" if shape != Shape() else ""
    return f".venv/bin/python -m tests.crash.simulation.replay {seed}{sizes}"


@dataclass
class Tally:
    """The sum of many histories, and what to do about the bad ones."""

    test: str
    shape: Shape
    cases: int = 0
    messages: int = 0
    kills: int = 0
    doubled: int = 0
    lost: int = 0
    unknown: int = 0
    violations: int = 0
    hours: float = 0.0
    between: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, one: Outcome) -> None:
        """Count one history."""
        found = one.verdict
        self.cases += 1
        self.messages += found.messages
        self.kills += len(one.kills)
        self.doubled += len(found.doubled)
        self.lost += len(found.lost)
        self.unknown += len(found.unknown)
        self.violations += len(found.violations)
        self.hours += one.hours
        self.between += sum(name.startswith("http") for name in one.kills)
        if found.faults:
            told = "\n    ".join(found.faults)
            self.failures.append(f"seed {one.seed} ({one.hash}): {how_to_replay(one.seed, self.shape)}\n    {told}")

    def score(self, seconds: float) -> Score:
        """The line of the scoreboard."""
        note = (
            f"{self.cases / seconds:.1f} seeds/s, {self.kills / seconds:.0f} kills/s, {self.hours:.0f} simulated hours"
            f", {self.between / max(self.kills, 1):.0%} of the kills between intent and mark"
        )
        numbers = (self.cases, self.messages, self.kills, self.doubled, self.lost, self.unknown, self.violations)
        return Score(self.test, *numbers, note=note)


def tally(test: str, seeds: Iterable[int], shape: Shape) -> tuple[Tally, Score]:
    """Live many seeds and count."""
    found, began = Tally(test, shape), perf_counter()
    for one in lived(seeds, shape):
        found.add(one)
    return found, found.score(perf_counter() - began)


def main(arguments: list[str]) -> int:
    """Tell one history; 1 when something is wrong with it."""
    seed, *sizes = (int(one) for one in arguments)
    shape = Shape(*sizes)
    databases, wecom = Databases(), SimulatedWeCom()
    history = History(databases, wecom, seed, shape)
    found = history.live()
    for one in history.house.platform.log:
        ending = "withdrawn" if one.cancelled_at else "confirmed" if one.confirmed_at else ""
        print(f"{one.at:%d %H:%M:%S} {one.path.rpartition('/')[2]} {' '.join(one.addresses)} {one.text!r} {ending}")
    print(f"killed at: {'; '.join(name[:60] for name in found.kills)}")
    print(f"went wrong at the platform: {found.faults}")
    print(f"seed {seed} history {found.hash} after {found.hours:.1f} simulated hours and {found.steps} steps")
    print("\n".join(found.verdict.faults) or "nothing doubled, lost or out of bounds")
    return int(bool(found.verdict.faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
