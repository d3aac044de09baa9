"""
Counts how often somebody asks for codes that do not exist, and makes them wait.

In memory and per process: enough to make ten random characters unguessable, and forgotten at a restart.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from fastapi import Request

from qunflow.web.refusals import Refusal

# What a provider gives to one customer.
HOUSEHOLD_BITS = 64


class GuessLimit:
    """
    Allows so many misses a window and address.

    Args:
        misses: allowed before the address has to wait.
        window_s: how long a miss is remembered, in seconds.
        remembered: addresses kept at most; the longest quiet ones are forgotten first.
        timer: seconds, only ever compared with itself.
    """

    def __init__(
        self,
        misses: int = 30,
        window_s: float = 60.0,
        remembered: int = 10_000,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._misses = misses
        self._window_s = window_s
        self._remembered = remembered
        self._timer = timer
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, address: str) -> int:
        """How many seconds an address has to wait; 0 when it may ask."""
        with self._lock:
            since, missed = self._seen.get(address, (0.0, 0))
            left = since + self._window_s - self._timer()
        return max(1, round(left)) if missed >= self._misses and left > 0 else 0

    def missed(self, address: str) -> None:
        """Note a miss."""
        now = self._timer()
        with self._lock:
            since, count = self._seen.pop(address, (now, 0))
            self._seen[address] = (since, count + 1) if now - since < self._window_s else (now, 1)
            while len(self._seen) > self._remembered:
                self._seen.popitem(last=False)


def limit_of(request: Request) -> GuessLimit:
    """The limit of the application a request belongs to."""
    limit: GuessLimit = request.app.state.guesses
    return limit


def address_of(request: Request) -> str:
    """Where a request comes from; of IPv6 the network, as one household has more addresses than can be counted."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    mapped = address.ipv4_mapped
    return str(mapped or ip_network((int(address), HOUSEHOLD_BITS), strict=False))


def may_ask(request: Request) -> None:
    """Raises: Refusal 429 while the address asked for too many codes that do not exist, also for one that does."""
    wait_s = limit_of(request).wait_s(address_of(request))
    if wait_s:
        raise Refusal(429, "too_many_guesses", retry_after_s=wait_s)


def unknown_code(request: Request, code: str = "unknown_code") -> Refusal:
    """Note a miss and give the refusal to raise."""
    limit_of(request).missed(address_of(request))
    return Refusal(404, code)
