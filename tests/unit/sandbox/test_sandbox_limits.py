"""Call limits on the sandbox clock."""

from __future__ import annotations

import pytest

from qunflow.sandbox.limits import Gate
from qunflow.sandbox.options import Limits
from qunflow.sandbox.wire import Refusal


def calls(gate: Gate, path: str, now: int, count: int) -> list[int]:
    """Codes of some calls one after the other, 0 for an accepted one."""
    codes = []
    for _ in range(count):
        try:
            gate.enter(path, now)
            gate.leave(path)
            codes.append(0)
        except Refusal as refusal:
            codes.append(refusal.code)
    return codes


def test_over_the_minute_limit_is_refused_for_a_minute() -> None:
    """The call over the limit starts a block of 60 s; other calls are not concerned."""
    gate = Gate(Limits(calls_per_min=3))
    assert calls(gate, "a", 1_000, 4) == [0, 0, 0, 45009]
    assert calls(gate, "b", 1_000, 1) == [0]
    assert calls(gate, "a", 1_059, 1) == [45009]
    assert calls(gate, "a", 1_060, 1) == [0]


def test_over_the_hour_limit_is_refused_for_an_hour() -> None:
    """An hour's block outlasts the minute's."""
    gate = Gate(Limits(calls_per_min=100, calls_per_hour=2))
    assert calls(gate, "a", 0, 3) == [0, 0, 45009]
    assert calls(gate, "a", 3_599, 1) == [45009]
    assert calls(gate, "a", 3_600, 1) == [0]


def test_too_many_calls_at_once_are_refused() -> None:
    """A call is counted in until it is left."""
    gate = Gate(Limits(parallel_calls=2))
    gate.enter("a", 0)
    gate.enter("a", 0)
    with pytest.raises(Refusal) as refusal:
        gate.enter("a", 0)
    assert refusal.value.code == 45033
    gate.leave("a")
    gate.enter("a", 0)
