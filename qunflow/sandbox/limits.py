"""How often and how much at once a call may be made: 45009 and 45033 (wecom-api §2.1), on the sandbox clock."""

from __future__ import annotations

from collections import deque

from qunflow.sandbox.options import Limits
from qunflow.sandbox.wire import Refusal


class Window:
    """Calls of one API within a sliding window; going over blocks it for as long as the window is."""

    def __init__(self, length_s: int, most: int) -> None:
        self._length_s = length_s
        self._most = most
        self._calls: deque[int] = deque()
        self._blocked_until = 0

    def is_full(self, now: int) -> bool:
        """Whether one more call is too many."""
        while self._calls and self._calls[0] <= now - self._length_s:
            self._calls.popleft()
        if now >= self._blocked_until and len(self._calls) >= self._most:
            self._blocked_until = now + self._length_s
        return now < self._blocked_until

    def count(self, now: int) -> None:
        self._calls.append(now)


class Gate:
    """Counts calls of each API; nothing of it survives a restart."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._windows: dict[str, tuple[Window, Window]] = {}
        self._running: dict[str, int] = {}
        self._debugged = Window(60, limits.debug_calls_per_min)

    def enter(self, path: str, now: int, *, debug: bool = False) -> None:
        """
        Count a call in; pair with `leave`. Calls with ``debug=1`` are few, all together.

        Raises:
            Refusal: 45033 too many at once, 45009 too many in a minute or an hour.
        """
        if self._running.get(path, 0) >= self._limits.parallel_calls:
            raise Refusal(45033)
        windows = self._windows_of(path)
        for window in (*windows, self._debugged) if debug else windows:
            if window.is_full(now):
                raise Refusal(45009)
            window.count(now)
        self._running[path] = self._running.get(path, 0) + 1

    def leave(self, path: str) -> None:
        """Count a call out."""
        self._running[path] -= 1

    def _windows_of(self, path: str) -> tuple[Window, Window]:
        if path not in self._windows:
            minute, hour = self._limits.calls_per_min, self._limits.calls_per_hour
            self._windows[path] = (Window(60, minute), Window(3_600, hour))
        return self._windows[path]
