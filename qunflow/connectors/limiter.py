"""
How often a call may be made, counted here so that a platform need not refuse: sliding windows for each name.

Only this process is counted. What to do with a refusal is left to the caller, as after one of the platform's own.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many calls within so many seconds."""

    calls: int
    window_s: float


class Limiter:
    """
    Counts calls by name; for one event loop.

    Args:
        rates: all hold for each name; none where time is simulated, as a minute there is none of ours.
        clock: seconds from anywhere, never backwards.
    """

    def __init__(self, rates: Sequence[Rate], clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = tuple(rates)
        self._clock = clock
        self._longest_s = max((rate.window_s for rate in rates), default=0.0)
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def wait_s(self, name: str) -> float:
        """Count one call and give 0, or give the seconds until it may be made, uncounted."""
        now, calls = self._clock(), self._calls[name]
        while calls and calls[0] <= now - self._longest_s:
            calls.popleft()
        # The call that must have left the window is the nth last one.
        full = [rate for rate in self._rates if len(calls) >= rate.calls]
        wait_s = max((calls[-rate.calls] + rate.window_s - now for rate in full), default=0.0)
        if wait_s <= 0:
            calls.append(now)
        return max(wait_s, 0.0)
