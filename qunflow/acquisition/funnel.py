"""
The funnel by channel: leads → contacts → members → still there after seven days, and what one of those cost.

Formulas are those of GLOSSARY §5. A share whose window has passed for nobody is None, never 0. Self-joined and
pulled-in people are counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from qunflow.acquisition.leads import UNKNOWN_CHANNEL
from qunflow.clock import day_bounds, local_day

WINDOW_DAYS = 7
PULLED_IN = "pulled_in"


@dataclass(frozen=True, slots=True)
class LeadFact:
    """A lead as counted: ``is_duplicate`` ones are leads, but no second valid one."""

    person_id: int
    channel: str
    submitted_at: datetime
    is_duplicate: bool


@dataclass(frozen=True, slots=True)
class ContactFact:
    """A person added to a staff member's contacts."""

    person_id: int
    channel: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class StayFact:
    """One stay in one group, open or ended."""

    person_id: int
    group_id: int
    channel: str
    joined_at: datetime
    left_at: datetime | None
    pulled_in: bool

    def overlaps(self, begin: datetime, end: datetime) -> bool:
        """Whether the person was in the group at some instant from ``begin`` to ``end``."""
        return self.joined_at <= end and (self.left_at is None or self.left_at > begin)


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its parts; ``value`` is None while nothing has matured."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True, slots=True)
class ChannelFunnel:
    """All-time counts of one channel up to the end of a day; persons, each counted once."""

    channel: str
    leads: int
    leads_valid: int
    contacts_added: int
    joined: int
    join_rate: Share
    stayed_d7: Share
    cost_per_stayed_member_fen: float | None


@dataclass(frozen=True, slots=True)
class DayMovement:
    """Comings and goings of one local day, in 人次; ``unique_members`` counts each person once."""

    joins: int
    joins_pulled_in: int
    leaves: int
    unique_members: int
    members_of: Mapping[int, int]

    @property
    def net_growth(self) -> int:
        return self.joins - self.leaves


def channel_of_each(
    leads: Iterable[LeadFact], contacts: Iterable[ContactFact], stays: Iterable[StayFact]
) -> dict[int, str]:
    """
    The channel a person is credited to: of the contact, else of the lead, else of the code they scanned.

    Whom a member pulled in and no channel claims is ``PULLED_IN``: nobody knows less of them, but how they came.
    """
    credited: dict[int, str] = {}
    stays = tuple(stays)
    facts: tuple[ContactFact | LeadFact | StayFact, ...] = (*contacts, *leads, *stays)
    for fact in facts:
        if fact.channel and fact.channel != UNKNOWN_CHANNEL:
            credited.setdefault(fact.person_id, fact.channel)
    for stay in stays:
        if stay.pulled_in:
            credited.setdefault(stay.person_id, PULLED_IN)
    return credited


def funnel(
    until: datetime,
    *,
    leads: Iterable[LeadFact],
    contacts: Iterable[ContactFact],
    stays: Iterable[StayFact],
    costs_fen: Mapping[str, int],
) -> tuple[ChannelFunnel, ...]:
    """
    One row a channel, channels of the settings first, in their order.

    Args:
        until: last instant (UTC) that counts: the end of a past day, or now.
        costs_fen: channel → money spent so far; also the list of known channels.
    """
    leads = [lead for lead in leads if lead.submitted_at <= until]
    contacts = [contact for contact in contacts if contact.added_at <= until]
    stays = [stay for stay in stays if stay.joined_at <= until]
    credited = channel_of_each(leads, contacts, stays)
    facts: tuple[ContactFact | LeadFact | StayFact, ...] = (*leads, *contacts, *stays)
    used = {credited.get(fact.person_id, UNKNOWN_CHANNEL) for fact in facts}
    channels = [*costs_fen, *sorted(used - set(costs_fen))]
    by_person = _stays_by_person(stays)
    return tuple(
        _of_channel(
            channel,
            until,
            [lead for lead in leads if credited.get(lead.person_id, UNKNOWN_CHANNEL) == channel],
            [one for one in contacts if credited.get(one.person_id, UNKNOWN_CHANNEL) == channel],
            {p: s for p, s in by_person.items() if credited.get(p, UNKNOWN_CHANNEL) == channel},
            costs_fen.get(channel),
        )
        for channel in channels
    )


def _stays_by_person(stays: Iterable[StayFact]) -> dict[int, list[StayFact]]:
    grouped: dict[int, list[StayFact]] = {}
    for stay in stays:
        grouped.setdefault(stay.person_id, []).append(stay)
    return grouped


def _of_channel(
    channel: str,
    end: datetime,
    leads: list[LeadFact],
    contacts: list[ContactFact],
    stays: Mapping[int, list[StayFact]],
    cost_fen: int | None,
) -> ChannelFunnel:
    stayed = stayed_after_window(stays, end)
    return ChannelFunnel(
        channel=channel,
        leads=len(leads),
        leads_valid=len({lead.person_id for lead in leads if not lead.is_duplicate}),
        contacts_added=len({one.person_id for one in contacts}),
        joined=len(stays),
        join_rate=joined_within_window(contacts, stays, end),
        stayed_d7=stayed,
        cost_per_stayed_member_fen=cost_fen / stayed.numerator if cost_fen and stayed.numerator else None,
    )


def joined_within_window(contacts: Iterable[ContactFact], stays: Mapping[int, list[StayFact]], end: datetime) -> Share:
    """入群率: of the contacts added at least seven days before ``end``, those in a group within seven days."""
    window = timedelta(days=WINDOW_DAYS)
    first_added: dict[int, datetime] = {}
    for one in contacts:
        first_added[one.person_id] = min(one.added_at, first_added.get(one.person_id, one.added_at))
    mature = {person: added for person, added in first_added.items() if added + window <= end}
    joined = sum(
        any(stay.overlaps(added, added + window) for stay in stays[person])
        for person, added in mature.items()
        if person in stays
    )
    return Share(joined, len(mature))


def stayed_after_window(stays: Mapping[int, list[StayFact]], end: datetime) -> Share:
    """Of the people who first joined at least seven days before ``end``, those in some group seven days after it."""
    window = timedelta(days=WINDOW_DAYS)
    checked_at = {person: min(stay.joined_at for stay in theirs) + window for person, theirs in stays.items() if theirs}
    mature = {person: moment for person, moment in checked_at.items() if moment <= end}
    stayed = sum(any(stay.overlaps(moment, moment) for stay in stays[person]) for person, moment in mature.items())
    return Share(stayed, len(mature))


def movement(day: date, zone: ZoneInfo, stays: Iterable[StayFact], group_ids: Iterable[int]) -> DayMovement:
    """What changed in the groups on one local day, and who is there at its end."""
    stays = list(stays)
    end = day_bounds(day, zone)[1]
    joined = [stay for stay in stays if local_day(stay.joined_at, zone) == day]
    left = [stay for stay in stays if stay.left_at and local_day(stay.left_at, zone) == day]
    there = [stay for stay in stays if stay.joined_at < end and (stay.left_at is None or stay.left_at >= end)]
    sizes = Counter(stay.group_id for stay in there)
    return DayMovement(
        joins=len(joined),
        joins_pulled_in=sum(stay.pulled_in for stay in joined),
        leaves=len(left),
        unique_members=len({stay.person_id for stay in there}),
        members_of={group: sizes[group] for group in group_ids},
    )
