"""
How often a call may be made: turns for every process of a machine, so that a platform need never refuse.

Every turn taken is stamped into a ring in a small file for each name, under a lock that the kernel frees when its
holder dies. A turn is given only when each window has room by these stamps, so no window is ever overfull, whoever
woke up late. Who must wait gets an evenly spaced ticket, so that nobody queues for the lock and nothing comes at once.
What to do when the wait is too long is left to the caller, as after a refusal by the platform itself.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from qunflow.connectors.pacer_cells import Busy, Cells, FileShelf, MemoryShelf, Shelf, this_boot
from qunflow.errors import ChannelUnavailable

# Tickets go out a little slower than allowed, so that a late waker finds room for the turn it missed.
_PACE = 0.986
# Calls travel for different times; a window counts as this much longer, so those of the next do not overtake into it.
_RESERVE = 0.005
# In a second only the even turns have room: one that is held up on its way still finds its place below the rate.
_SECOND_RESERVE = 0.002
# Whoever asks this little late has lost no turn.
_CATCH_UP_S = 0.02
# Few calls, or less than one a second, may come at once: the three messages of a robot need not be spread.
_EVEN_FROM_CALLS, _EVEN_FROM_PER_S = 10, 1.0
_LOCK_PATIENCE_S, _LOOK_AGAIN_S = 5.0, 0.0005
_MARK, _COUNT, _LAST, _RING = 0, 1, 2, 3
_LONG_AGO = -1e18


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many calls within so many seconds."""

    calls: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Limit:
    """What is counted together: a name nothing else has, and the rates that all hold for it."""

    name: str
    rates: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: ask again in ``seconds``, with the ``ticket``; without one nothing was promised."""

    seconds: float
    ticket: float | None


@dataclass(frozen=True, slots=True)
class _Plan:
    windows: tuple[Rate, ...]
    gap_s: float
    places: int


class Pacer:
    """
    Turns by name; safe for threads, event loops and processes.

    Args:
        directory: where the processes of a machine count together; without it this object counts alone.
        clock: seconds that never go backwards and are the same for every process, as CLOCK_MONOTONIC is.
        boot: differs after a restart of the machine, when the clock begins anew.
    """

    def __init__(
        self,
        directory: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        boot: Callable[[], float] = this_boot,
    ) -> None:
        self._shelf: Shelf = FileShelf(directory) if directory else MemoryShelf()
        self._clock = clock
        self._boot = boot()

    async def turn(self, limits: Sequence[Limit], patience_s: float) -> float:
        """
        Wait for a turn under all of ``limits`` at once.

        Returns:
            0 when it was taken; otherwise the seconds, more than ``patience_s``, until there may be one. Nothing is
            counted then.

        Raises:
            ChannelUnavailable: another process has held the count for five seconds.
            PermanentError, ConfigurationError: the count cannot be written down, so nothing may be sent.
        """
        ticket: float | None = None
        while wait := await self._asked(limits, patience_s, ticket):
            if wait.ticket is None:
                return wait.seconds
            ticket = wait.ticket
            await asyncio.sleep(wait.seconds)
        return 0.0

    def ask(self, limits: Sequence[Limit], patience_s: float = 0.0, ticket: float | None = None) -> Wait | None:
        """
        Take a turn now, or learn when to ask again.

        Args:
            limits: all must have room; the turn is counted in all of them or in none.
            patience_s: how long the caller would wait; a ticket is given only for that long.
            ticket: what an earlier ``Wait`` of the same turn gave.

        Raises:
            Busy: another process holds one of the counts this very moment.
        """
        with self._shelf.locked([one.name for one in limits]) as cells:
            now = self._clock()
            counts = [_Count(held, _plan(one.rates), self._boot, now) for held, one in zip(cells, limits, strict=True)]
            return _turn(counts, now, patience_s, ticket)

    def wait_s(self, limits: Sequence[Limit]) -> float:
        """Take a turn at once and give 0, or give the seconds until there may be one; raises what ``turn`` raises."""
        until = time.monotonic() + _LOCK_PATIENCE_S
        while True:
            try:
                wait = self.ask(limits)
                return wait.seconds if wait else 0.0
            except Busy:
                _give_up_after(until)
            time.sleep(_LOOK_AGAIN_S)

    async def _asked(self, limits: Sequence[Limit], patience_s: float, ticket: float | None) -> Wait | None:
        until = time.monotonic() + _LOCK_PATIENCE_S
        while True:
            try:
                return self.ask(limits, patience_s, ticket)
            except Busy:
                _give_up_after(until)
            await asyncio.sleep(_LOOK_AGAIN_S)


class _Count:
    """The stamps of one name while its lock is held."""

    def __init__(self, cells: Cells, plan: _Plan, boot: float, now: float) -> None:
        self._cells, self._plan = cells, plan
        # Stamps of before a restart mean nothing; where the system names no boot, those of the future give it away.
        if cells.get(_MARK) != boot or cells.get(_LAST) > now + 2 * max(rate.window_s for rate in plan.windows):
            cells.put(_COUNT, 0.0)
            cells.put(_LAST, _LONG_AGO)
            cells.put(_MARK, boot)
        self._count = int(cells.get(_COUNT))

    def room_at(self) -> float:
        """When every window has room: each nth last turn must have left its own."""
        return max((self._stamp(rate.calls) + rate.window_s for rate in self._plan.windows), default=_LONG_AGO)

    def ticket_at(self) -> float:
        """When the next evenly spaced turn is."""
        return self._cells.get(_LAST) + self._plan.gap_s

    def promise(self, at: float) -> None:
        """Hand the evenly spaced turn of ``at`` to somebody."""
        self._cells.put(_LAST, at)

    def take(self, now: float) -> None:
        """Stamp a turn. Whoever is killed between the two writes has changed nothing that is read again."""
        self._cells.put(_RING + self._count % self._plan.places, now)
        self._cells.put(_COUNT, self._count + 1.0)

    def _stamp(self, back: int) -> float:
        if self._count < back:
            return _LONG_AGO
        return self._cells.get(_RING + (self._count - back) % self._plan.places)


def _give_up_after(until: float) -> None:
    if time.monotonic() > until:
        raise ChannelUnavailable(
            "another process has held the count of calls for five seconds",
            "look for a Qunflow process that was stopped, and let it go on or end it",
            5.0,
        )


def _turn(counts: Sequence[_Count], now: float, patience_s: float, ticket: float | None) -> Wait | None:
    room_at = max((one.room_at() for one in counts), default=now)
    due_at = max((one.ticket_at() for one in counts), default=now) if ticket is None else ticket
    at = max(now, room_at, due_at)
    if at - now > patience_s:
        return Wait(at - now, None)
    if ticket is None:
        ticket = max(due_at, now - _CATCH_UP_S) if at <= now else at
        for one in counts:
            one.promise(ticket)
    if at > now:
        return Wait(at - now, ticket)
    for one in counts:
        one.take(now)
    return None


@lru_cache(maxsize=256)
def _plan(rates: tuple[Rate, ...]) -> _Plan:
    """The windows to keep, each a little longer than declared, and the distance between tickets."""
    fastest = min(rates, key=lambda rate: rate.window_s)
    per_s = fastest.calls / fastest.window_s
    longer = tuple(Rate(rate.calls, rate.window_s * (1 + _RESERVE)) for rate in rates)
    gap_s = 0.0
    if fastest.calls >= _EVEN_FROM_CALLS and per_s >= _EVEN_FROM_PER_S:
        gap_s = 1 / (per_s * _PACE)
        longer += (Rate(math.ceil(per_s * _PACE), 1 + _SECOND_RESERVE),)
    # One place more than is looked back at: a stamp that a killed process wrote must not hide the oldest one.
    return _Plan(longer, gap_s, max(rate.calls for rate in rates) + 1)
