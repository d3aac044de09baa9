"""
From a tap on the check-in page to a check-in: one a person and local day, inside the week it was made for.

Leaves opening sealed inbox rows and looking persons up to the tasks: here a person already is a number or unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from qunflow.clock import local_day
from qunflow.weekly_activity.challenge import Challenge

# Clocks of two machines differ a little; more than this is a clock in the future.
CLOCK_SLACK = timedelta(minutes=5)

UNREADABLE = "unreadable"
UNKNOWN_CODE = "unknown_code"
UNKNOWN_PERSON = "unknown_person"
OUTSIDE_WEEK = "outside_week"
IN_THE_FUTURE = "in_the_future"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One tap as it came in: ``at`` is an aware instant; what could not be read or found is None."""

    inbox_id: int
    code: str
    person_id: int | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Checkin:
    """A check-in that counts: the first of this person on this local day."""

    inbox_id: int
    code: str
    person_id: int
    day: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A tap that does not count, and why."""

    inbox_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Sorted:
    """Every arrival once: ``checkins`` count, ``repeats`` were made already that day, ``refused`` cannot count."""

    checkins: tuple[Checkin, ...]
    repeats: tuple[int, ...]
    refused: tuple[Refusal, ...]


def problem_with(arrival: Arrival, weeks: Mapping[str, Challenge], *, now: datetime, zone: ZoneInfo) -> str | None:
    """Why a tap cannot count, or None. ``weeks`` are the challenges by the code in their link."""
    if arrival.at is None:
        return UNREADABLE
    if arrival.code not in weeks:
        return UNKNOWN_CODE
    if arrival.person_id is None:
        return UNKNOWN_PERSON
    if arrival.at > now + CLOCK_SLACK:
        return IN_THE_FUTURE
    return None if weeks[arrival.code].takes(local_day(arrival.at, zone)) else OUTSIDE_WEEK


def sort_arrivals(
    arrivals: Iterable[Arrival],
    weeks: Mapping[str, Challenge],
    known: Iterable[tuple[str, int, date]],
    *,
    now: datetime,
    zone: ZoneInfo,
) -> Sorted:
    """
    Tell check-ins from repeats and from taps that cannot count.

    Args:
        arrivals: taps in any order; the earliest of a person and local day is the check-in.
        weeks: the challenges by the code in their link.
        known: ``(code, person_id, local day)`` of the check-ins already written down.
        now: the present instant, to refuse a clock in the future.
        zone: the community's zone, which decides the local day.
    """
    seen = set(known)
    checkins: list[Checkin] = []
    repeats: list[int] = []
    refused: list[Refusal] = []
    for arrival in sorted(arrivals, key=_earliest_first):
        reason = problem_with(arrival, weeks, now=now, zone=zone)
        if reason is not None or arrival.at is None or arrival.person_id is None:
            refused.append(Refusal(arrival.inbox_id, reason or UNREADABLE))
            continue
        day = local_day(arrival.at, zone)
        mark = (arrival.code, arrival.person_id, day)
        if mark in seen:
            repeats.append(arrival.inbox_id)
            continue
        seen.add(mark)
        checkins.append(Checkin(arrival.inbox_id, arrival.code, arrival.person_id, day, arrival.at))
    return Sorted(tuple(checkins), tuple(repeats), tuple(refused))


def _earliest_first(arrival: Arrival) -> tuple[float, int]:
    return (arrival.at.timestamp() if arrival.at else 0.0, arrival.inbox_id)


def tap_rows(arrivals: Iterable[Arrival], told: Sorted, weeks: Mapping[str, Challenge]) -> list[dict[str, int | str]]:
    """
    Every tap as a row for the input check: what it is, or why it is none.

    Columns: ``inbox_id``, ``person_id`` (0 unknown), ``week_day`` (1 to 7, 0 unknown), ``mark`` (one a check-in),
    ``reason`` ("" counts).
    """
    counted = {one.inbox_id: one for one in told.checkins}
    reasons = {one.inbox_id: one.reason for one in told.refused} | dict.fromkeys(told.repeats, "repeat")
    rows: list[dict[str, int | str]] = []
    for arrival in arrivals:
        checkin = counted.get(arrival.inbox_id)
        rows.append(
            {
                "inbox_id": arrival.inbox_id,
                "person_id": arrival.person_id or 0,
                "week_day": weeks[checkin.code].day_number(checkin.day) if checkin else 0,
                "mark": f"{checkin.code}/{checkin.person_id}/{checkin.day}" if checkin else f"tap/{arrival.inbox_id}",
                "reason": reasons.get(arrival.inbox_id, ""),
            }
        )
    return rows
