"""
What time it is: the only module that asks the machine.

Instants are aware and in UTC; a local day is a ``date`` in a community's IANA zone.
A season in the sandbox runs on the sandbox's clock, asked for over loopback HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import httpx


class Clock(Protocol):
    """Tells the present instant."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class FixedClock:
    """A clock that stands still until it is set; for tests and backfills."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class SandboxClock:
    """
    The simulated clock of a sandbox.

    Args:
        url: ``http://127.0.0.1:PORT/_sandbox/clock``, which answers ``{"now": "2026-03-02T00:05:00+00:00"}``.

    Raises:
        ChannelUnavailable: when the sandbox does not answer.
    """

    url: str

    def now(self) -> datetime:
        import httpx

        from qunflow.errors import ChannelUnavailable

        try:
            answer = _loopback().get(self.url).raise_for_status().json()
        except httpx.HTTPError as error:
            raise ChannelUnavailable(
                f"the sandbox clock at {self.url} does not answer ({type(error).__name__})",
                "start it with `qunflow sandbox`, or unset QUNFLOW_CLOCK_URL",
            ) from error
        return datetime.fromisoformat(answer["now"]).astimezone(UTC)


@cache
def _loopback() -> httpx.Client:
    """One client for every question: making one loads certificates, which costs more than the answer."""
    import httpx

    return httpx.Client(timeout=5, trust_env=False, verify=False)  # noqa: S501 - plain HTTP to this machine


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The calendar day an instant falls on in a zone."""
    return instant.astimezone(zone).date()


def instant_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a wall-clock time on a local day."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """First instant of a local day and of the day after, in UTC."""
    return instant_of(day, time.min, zone), instant_of(day + timedelta(days=1), time.min, zone)
