"""
The course of time: carries out what is due, in order, and pushes what the product has to know before going on.

Newcomers of the last hour of an advance turn up in its last seconds: whoever moves the clock can still greet them
within the platform's 20 s, which a clock that jumps would otherwise make impossible.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from qunflow.sandbox.areas import transfer
from qunflow.sandbox.callbacks import Callbacks
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Counter
from qunflow.sandbox.world import arrivals, nights, owners, readers, staff
from qunflow.sandbox.world.community import Community
from qunflow.sandbox.world.records import Happening

Step = Callable[[Community, dict[str, Any]], Awaitable[None]]
STEPS: Mapping[str, Step] = {
    "dawn": nights.dawn,
    "arrive": arrivals.arrive,
    "scan": arrivals.scan,
    "leave": arrivals.leave,
    "unfriend": arrivals.unfriend,
    "read_post": readers.read_post,
    "read_private": readers.read_private,
    "order": readers.order,
    "refund": readers.refund,
    "check_in": readers.check_in,
    "confirm": staff.confirm,
    "open_card": staff.open_card,
    "count_replies": staff.count_replies,
    "own_send": owners.own_send,
}
LATE_ARRIVALS_S = 3_600
LAST_SECONDS = 10


class Course:
    """Moves the sandbox clock; only one advance runs at a time."""

    def __init__(self, platform: Platform, community: Community, callbacks: Callbacks) -> None:
        self._platform = platform
        self._community = community
        self._callbacks = callbacks
        self._turn = asyncio.Lock()
        self.rate = platform.options.rate

    async def advance(self, to: int) -> int:
        """
        Live until an instant; how many things happened.

        Raises:
            ValueError: when the instant lies in the past.
        """
        async with self._turn:
            if to < self._platform.now():
                raise ValueError("the clock never goes back")
            happened = await self._live(to)
            self._platform.set_now(to)
            transfer.settle(self._platform)
            await self._callbacks.flush()
            self._platform.storage.commit()
            return happened

    async def jump(self, to: int) -> None:
        """
        Set the clock forward without living what lies between; what fell due meanwhile happens late.

        Raises:
            ValueError: when the instant lies in the past.
        """
        async with self._turn:
            if to < self._platform.now():
                raise ValueError("the clock never goes back")
            self._platform.set_now(to)
            self._platform.storage.commit()

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still although it has a rate; it survives a restart."""
        frozen = self._platform.counters.get("frozen")
        return frozen is not None and frozen.value == 1

    def freeze(self, frozen: bool) -> None:
        """Stop the clock's own going, or let it go on; telling it to move works all the same."""
        self._platform.counters.put(Counter("frozen", int(frozen)))
        self._platform.storage.commit()

    async def tick(self) -> None:
        """Let the clock run by itself, ``rate`` simulated seconds a real second, until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            if self.rate > 0 and not self.frozen:
                await self.advance(self._platform.now() + max(int(self.rate), 1))

    async def flush(self) -> None:
        """Push what client acts caused."""
        await self._callbacks.flush()
        self._platform.storage.commit()

    async def _live(self, to: int) -> int:
        happened, waiting = 0, []
        while (item := self._community.next_until(to)) is not None:
            if item.kind == "arrive" and item.at > to - LATE_ARRIVALS_S:
                self._community.settle(item)
                waiting.append(item)
                continue
            await self._carry_out(item, item.at)
            happened += 1
        for place, item in enumerate(waiting):
            await self._arrive(item, to - LAST_SECONDS + place * LAST_SECONDS // len(waiting))
        return happened + len(waiting)

    async def _carry_out(self, item: Happening, at: int) -> None:
        self._platform.set_now(max(at, self._platform.now()))
        await STEPS[item.kind](self._community, item.about)
        self._community.settle(item)
        await self._callbacks.flush()

    async def _arrive(self, item: Happening, at: int) -> None:
        self._platform.set_now(max(at, self._platform.now()))
        await STEPS[item.kind](self._community, item.about)
        await self._callbacks.flush()
