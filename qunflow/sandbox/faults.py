"""
Faults on demand: what a network and a busy platform do to callers.

Each rule names a call and a mode; ``nth``, ``times`` and ``probability`` say when. Chance is taken from the seed, so a
plan repeats exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qunflow.sandbox.dice import Dice

MODES = (
    "errcode",  # refused with ``code``, nothing happened
    "http_502",  # an HTML error page of a proxy, nothing happened unless ``applied``
    "html",  # HTTP 200 with an HTML page, nothing happened unless ``applied``
    "truncated",  # it happened, half of the JSON arrives
    "slow",  # it happens after ``seconds``
    "reply_lost",  # it happened, the connection closes without a reply
    "dropped",  # nothing happened, the connection closes without a reply
    "late",  # the connection closes at once, it happens ``seconds`` later
    "duplicate",  # callbacks only: pushed twice
    "reorder",  # callbacks only: pushed after the next one, or five seconds late
    "old_form",  # callbacks only: lists of members joined by commas, as before 2024
)
CALLBACK = "callback"
_OF_CALLBACKS = ("duplicate", "reorder", "old_form")


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One rule of the plan.

    Args:
        path: below ``/cgi-bin/``, ``*`` for every call, or ``callback`` for pushes to the product.
        nth: only the nth matching call, from 1; 0 means any.
        times: how often it may strike; 0 means for ever.
        seconds: real seconds, for slow and late.
    """

    path: str
    mode: str
    code: int = -1
    probability: float = 1.0
    nth: int = 0
    times: int = 0
    seconds: float = 0.2
    applied: bool = False


def fault_of(rule: Any) -> Fault:
    """
    Read one rule of a posted plan.

    Raises:
        ValueError: naming what is wrong with it.
    """
    if not isinstance(rule, dict) or not isinstance(rule.get("path"), str):
        raise ValueError("a fault is an object with a path and a mode")
    if rule.get("mode") not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}")
    if rule["mode"] in _OF_CALLBACKS and rule["path"] != CALLBACK:
        raise ValueError(f"{rule['mode']} is for path {CALLBACK} only")
    unknown = set(rule) - set(Fault.__dataclass_fields__)
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    return Fault(**{**rule, "path": rule["path"].removeprefix("/").removeprefix("cgi-bin/")})


class FaultPlan:
    """The rules in force with how often each has been asked and has struck."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._rules: list[Fault] = []
        self._asked: list[int] = []
        self._struck: list[int] = []

    def replace(self, rules: list[Fault]) -> None:
        """Put other rules in force; an empty list ends all faults."""
        self._rules = list(rules)
        self._asked = [0] * len(rules)
        self._struck = [0] * len(rules)

    def strike(self, path: str) -> Fault | None:
        """The fault that hits this call, if any; the first matching rule wins."""
        hit = None
        for place, rule in enumerate(self._rules):
            if rule.path == path or (rule.path == "*" and path != CALLBACK):
                self._asked[place] += 1
                if hit is None and self._applies(place, rule):
                    self._struck[place] += 1
                    hit = rule
        return hit

    def shown(self) -> list[dict[str, Any]]:
        """The plan with its counters."""
        counts = zip(self._rules, self._asked, self._struck, strict=True)
        return [{"path": r.path, "mode": r.mode, "asked": asked, "struck": struck} for r, asked, struck in counts]

    def _applies(self, place: int, rule: Fault) -> bool:
        if rule.times and self._struck[place] >= rule.times:
            return False
        if rule.nth and self._asked[place] != rule.nth:
            return False
        return self._dice.roll("fault", place, self._asked[place]) < rule.probability
