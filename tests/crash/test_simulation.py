"""
Whole lives of the outbox in simulated time: killed at every kind of step, on a platform that misbehaves.

The production code runs on SQLite; time, order and trouble come from the seed. The judge shares no code with it.
QUNFLOW_SOAK=1 lives through a million kills, and through seasons of a month.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.crash.scoreboard import kept
from tests.crash.simulation.checker import Rules, Taken, Wanted, judge
from tests.crash.simulation.history import Shape
from tests.crash.simulation.replay import lived, tally
from tests.crash.simulation.world import START

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
SEEDS = 20_000 if SOAK else 2_000
SHAPE = Shape(messages=30, kills=50, chats=8) if SOAK else Shape()


@pytest.mark.soak
def test_killed_at_any_step_nothing_is_doubled_lost_or_out_of_bounds(
    record_property: Callable[[str, object], None],
) -> None:
    """Every seed: what can be asked for or recognised arrives once, and no bound is passed."""
    found, score = tally("simulation", range(SEEDS), SHAPE)
    record_property(*kept(score))
    assert not found.failures, "\n".join(found.failures[:5])
    assert found.kills >= SHAPE.kills * found.cases
    assert found.messages >= SHAPE.messages * found.cases


@pytest.mark.soak_only
@pytest.mark.parametrize("seed", range(2))
def test_a_season_of_two_hundred_groups_is_survived(seed: int, record_property: Callable[[str, object], None]) -> None:
    """Thirty days, two hundred groups, three hundred kills."""
    found, score = tally("season", [seed], Shape(messages=400, kills=300, chats=200, days=30))
    record_property(*kept(score))
    assert not found.failures, "\n".join(found.failures)


def test_a_seed_is_the_same_history_in_any_process() -> None:
    """Order of hashing, other seeds before, another process: the history does not change by a bit."""
    seeds = (3, 7, 11)
    here = {one.seed: one.hash for one in lived(seeds, Shape())}
    for seed in seeds:
        command = [sys.executable, "-m", "tests.crash.simulation.replay", str(seed)]
        there = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": str(seed)}, capture_output=True, text=True)
        assert f"history {here[seed]} " in there.stdout, there.stdout + there.stderr


def test_the_judge_sees_a_double_a_loss_and_a_broken_rule() -> None:
    """A judge that finds nothing anywhere would prove nothing."""
    one, two = (Wanted("mass_task", f"wr{number}", "words", START) for number in (1, 2))
    rules = Rules(0, 0, 0, None, {"all": ((START, START.replace(year=2027)),)})
    late = START.replace(hour=5)
    taken = [Taken("wr1", "words", late, late, withdrawn=False)] * 2
    found = judge([one, two], taken, {0: ("sent", "", "waiting"), 1: ("sent", "", "waiting")}, rules)
    assert (len(found.doubled), len(found.lost), len(found.violations)) == (1, 1, 2)
