"""
Scans of live codes: what a visit of the page behind a poster says, and how many of those who scanned came into a group.

A poster knows nobody: who opens its page is only known by a personal link they once followed. So visits are counted
for all, and who joined is counted among those who are known. Keeping visits and asking for them is left to the tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from qunflow.acquisition.funnel import WINDOW_DAYS, Share, StayFact

# Person number of a visitor nobody knows.
NOBODY = 0
# The platform tells a join by the second and by a clock of its own; whoever scanned may seem to have joined before.
CLOCKS_APART = timedelta(seconds=90)
# Scans whose window passed longer ago say little about the posters of today.
COUNTED_DAYS = 28


@dataclass(frozen=True, slots=True)
class Scan:
    """One visit: ``actor`` is the platform's id or empty, ``group_id`` where the page led, 0 while all were full."""

    community: str
    channel: str
    group_id: int
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ScanFact:
    """A visit as counted, on a local day of the community."""

    person_id: int
    channel: str
    at: datetime
    day: date


@dataclass(frozen=True, slots=True)
class ChannelScans:
    """
    The scans of one channel.

    Args:
        visits: local day → visits, in 人次; days without any are left out.
        joined: of the known people who scanned while in no group, those in a group within seven days.
    """

    visits: Mapping[date, int]
    joined: Share


def read_scan(body: Mapping[str, Any]) -> Scan | None:
    """A visit as the live-code page wrote it down; None when it is not one."""
    community, channel, group_id = body.get("community"), body.get("channel"), body.get("group_id")
    try:
        at = datetime.fromisoformat(str(body.get("at")))
    except ValueError:
        return None
    named = isinstance(community, str) and isinstance(channel, str) and bool(community and channel)
    if not named or isinstance(group_id, bool) or not isinstance(group_id, int) or at.tzinfo is None:
        return None
    return Scan(str(community), str(channel), group_id, str(body.get("actor") or ""), at.astimezone(UTC))


def first_counted(day: date) -> date:
    """The first local day whose scans the figures of a day count."""
    return day - timedelta(days=WINDOW_DAYS + COUNTED_DAYS)


def scans_by_channel(
    until: datetime, scans: Iterable[ScanFact], stays: Iterable[StayFact], channels: Collection[str]
) -> dict[str, ChannelScans]:
    """
    What came of the scans of each channel.

    Args:
        until: last instant (UTC) that counts: the end of a past day, or now.
        channels: those that are known; one without scans has none, others follow by name.
    """
    counted = [one for one in scans if one.at <= until]
    stays_of: dict[int, list[StayFact]] = {}
    for stay in stays:
        stays_of.setdefault(stay.person_id, []).append(stay)
    names = [*channels, *sorted({one.channel for one in counted} - set(channels))]
    return {name: _of_channel([one for one in counted if one.channel == name], stays_of, until) for name in names}


def _of_channel(scans: list[ScanFact], stays_of: Mapping[int, list[StayFact]], until: datetime) -> ChannelScans:
    visits = Counter(one.day for one in scans)
    window = timedelta(days=WINDOW_DAYS)
    first: dict[int, datetime] = {}
    for one in sorted(scans, key=lambda one: one.at):
        if one.person_id != NOBODY and not _is_in(stays_of.get(one.person_id, ()), one.at - CLOCKS_APART):
            first.setdefault(one.person_id, one.at)
    mature = {person: at for person, at in first.items() if at + window <= until}
    joined = sum(
        any(at - CLOCKS_APART < stay.joined_at <= at + window for stay in stays_of.get(person, ()))
        for person, at in mature.items()
    )
    return ChannelScans(dict(visits), Share(joined, len(mature)))


def _is_in(stays: Iterable[StayFact], at: datetime) -> bool:
    return any(stay.overlaps(at, at) for stay in stays)
