"""
What is booked for check-ins and awards: double entry, every booking under one event key that can only be booked once.

Leaves the writing to the ledger: a booking made twice is refused there by its key, so a retry changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Booking:
    """
    One entry of the ledger.

    ``postings`` maps an account to a signed amount and sums to 0; ``person_of`` names the person behind an account.
    ``unit`` is points or prize; amounts are whole points or pieces.
    """

    event_key: str
    community: str
    unit: str
    reason: str
    postings: Mapping[str, int]
    person_of: Mapping[str, int] = field(default_factory=dict)


def points_account(community: str, person_id: int) -> str:
    """Where a person's points of a community are held."""
    return f"points:{community}:person:{person_id}"


def issued_account(community: str) -> str:
    """The other side of every point granted: its balance is minus what was ever granted."""
    return f"points:{community}:issued"


def stock_account(community: str, activity: str, streak_days: int) -> str:
    """What is left of the prize of one award of one week."""
    return f"prize:{community}:{activity}:{streak_days}:stock"


def _supply_account(community: str, activity: str, streak_days: int) -> str:
    return f"prize:{community}:{activity}:{streak_days}:supply"


def _prize_account(community: str, activity: str, streak_days: int, person_id: int) -> str:
    return f"{prize_prefix(community, activity, streak_days)}{person_id}"


def grant_points(event_key: str, reason: str, community: str, person_id: int, points: int) -> Booking:
    """Points from the community to a person."""
    theirs = points_account(community, person_id)
    postings = {theirs: points, issued_account(community): -points}
    return Booking(event_key, community, "points", reason, postings, {theirs: person_id})


def checkin_prefix(community: str, activity: str) -> str:
    """How the event keys of a week's check-ins begin."""
    return f"checkin:{community}:{activity}:"


def award_prefix(community: str, activity: str) -> str:
    """How the event keys of a week's awards begin."""
    return f"award:{community}:{activity}:"


def prize_prefix(community: str, activity: str, streak_days: int) -> str:
    """How the accounts begin that hold the pieces of one prize in people's hands."""
    return f"prize:{community}:{activity}:{streak_days}:person:"


def checkin_key(community: str, activity: str, person_id: int, day: date) -> str:
    """The one key under which the points of a person's check-in of a local day can be booked."""
    return f"{checkin_prefix(community, activity)}{person_id}:{day.isoformat()}"


def checkin_points(community: str, activity: str, person_id: int, day: date, points: int) -> Booking:
    """The points of one check-in."""
    return grant_points(checkin_key(community, activity, person_id, day), "checkin", community, person_id, points)


def award_points(community: str, activity: str, streak_days: int, person_id: int, points: int) -> Booking:
    """The points of one award of a week, once a person."""
    return grant_points(award_key(community, activity, streak_days, person_id), "award", community, person_id, points)


def award_key(community: str, activity: str, streak_days: int, person_id: int) -> str:
    """The one key under which an award of a week can be booked for a person."""
    return f"{award_prefix(community, activity)}{streak_days}:{person_id}"


def stock_prize(community: str, activity: str, streak_days: int, quantity: int) -> Booking:
    """Put the pieces of a week's prize on the shelf, once."""
    stock = stock_account(community, activity, streak_days)
    supply = _supply_account(community, activity, streak_days)
    key = f"stock:{community}:{activity}:{streak_days}"
    return Booking(key, community, "prize", "stock", {stock: quantity, supply: -quantity})


def hand_over_prize(community: str, activity: str, streak_days: int, person_id: int) -> Booking:
    """One piece from the shelf to a person, once."""
    stock = stock_account(community, activity, streak_days)
    theirs = _prize_account(community, activity, streak_days, person_id)
    key = award_key(community, activity, streak_days, person_id)
    return Booking(key, community, "prize", "award", {theirs: 1, stock: -1}, {theirs: person_id})
