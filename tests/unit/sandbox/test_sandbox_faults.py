"""The fault plan: which call is hit, when, and how often."""

from __future__ import annotations

import pytest

from qunflow.sandbox.dice import Dice
from qunflow.sandbox.faults import FaultPlan, fault_of


def plan(*rules: dict[str, object], seed: int = 1) -> FaultPlan:
    """A plan in force."""
    found = FaultPlan(Dice(seed))
    found.replace([fault_of(rule) for rule in rules])
    return found


def test_the_nth_call_is_hit_once() -> None:
    """``nth`` counts matching calls only."""
    faults = plan({"path": "/cgi-bin/message/send", "mode": "reply_lost", "nth": 2})
    hits = [faults.strike(path) is not None for path in ("message/send", "gettoken", "message/send", "message/send")]
    assert hits == [False, False, True, False]


def test_times_ends_a_fault() -> None:
    """A rule with ``times`` 2 strikes twice, for any call under ``*``."""
    faults = plan({"path": "*", "mode": "errcode", "code": -1, "times": 2})
    assert [faults.strike("gettoken") is not None for _ in range(4)] == [True, True, False, False]


def test_chance_repeats_with_the_seed() -> None:
    """The same seed hits the same calls, about as many as asked for."""
    rule = {"path": "message/send", "mode": "dropped", "probability": 0.3}
    first, second = (
        [plan_.strike("message/send") is not None for _ in range(500)] for plan_ in (plan(rule), plan(rule))
    )
    assert first == second
    assert 110 < sum(first) < 190
    assert first != [plan(rule, seed=2).strike("message/send") is not None for _ in range(500)]


def test_callbacks_are_not_hit_by_a_rule_for_every_call() -> None:
    """``*`` means calls; pushes to the product are named."""
    assert plan({"path": "*", "mode": "dropped"}).strike("callback") is None


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"mode": "slow"}, "path"),
        ({"path": "*", "mode": "boom"}, "mode"),
        ({"path": "*", "mode": "slow", "when": 1}, "when"),
    ],
)
def test_a_wrong_rule_is_named(rule: dict[str, object], problem: str) -> None:
    """A rule without path, with an unknown mode or key is refused with its name."""
    with pytest.raises(ValueError, match=problem):
        fault_of(rule)
