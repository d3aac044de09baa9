"""
Faults on demand: what a network and a busy platform do to callers.

Each rule names a call and a mode; ``nth``, ``times`` and ``probability`` say when. Chance is taken from the seed, so a
plan repeats exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
        since, until: only within these instants of the sandbox clock, Unix seconds; 0 leaves that end open.
    """

    path: str
    mode: str
    code: int = -1
    probability: float = 1.0
    nth: int = 0
    times: int = 0
    seconds: float = 0.2
    applied: bool = False
    since: int = 0
    until: int = 0


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


@dataclass(slots=True)
class _Rule:
    """A rule in force with how often it has been asked and has struck."""

    fault: Fault
    asked: int = 0
    struck: int = 0


class FaultPlan:
    """
    The rules in force.

    ``standing`` ones are planted: they stay whatever is posted, come last and are never shown.
    """

    def __init__(self, dice: Dice, clock: Callable[[], int] = lambda: 0, standing: Iterable[Fault] = ()) -> None:
        self._dice = dice
        self._clock = clock
        self._rules: list[_Rule] = []
        self._standing = [_Rule(fault) for fault in standing]

    def replace(self, rules: list[Fault]) -> None:
        """Put other rules in force; an empty list ends all posted faults."""
        self._rules = [_Rule(fault) for fault in rules]

    def strike(self, path: str) -> Fault | None:
        """The fault that hits this call, if any; the first matching rule wins."""
        hit = None
        for name, rules in (("fault", self._rules), ("outage", self._standing)):
            for place, rule in enumerate(rules):
                if self._is_about(rule.fault, path):
                    rule.asked += 1
                    if hit is None and self._applies(rule, name, place):
                        rule.struck += 1
                        hit = rule.fault
        return hit

    def shown(self) -> list[dict[str, Any]]:
        """The posted plan with its counters."""
        return [
            {"path": rule.fault.path, "mode": rule.fault.mode, "asked": rule.asked, "struck": rule.struck}
            for rule in self._rules
        ]

    def _is_about(self, fault: Fault, path: str) -> bool:
        if fault.path != path and (fault.path != "*" or path == CALLBACK):
            return False
        now = self._clock()
        return fault.since <= now and (not fault.until or now < fault.until)

    def _applies(self, rule: _Rule, name: str, place: int) -> bool:
        fault = rule.fault
        if (fault.times and rule.struck >= fault.times) or (fault.nth and rule.asked != fault.nth):
            return False
        return self._dice.roll(name, place, rule.asked) < fault.probability
