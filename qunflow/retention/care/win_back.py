"""
Winning silent members back (召回): whom to propose today, and when to leave somebody in peace; and who left and may be
asked, once, why (退群未删).

Only proposals are made; a person approves each message, and the caps on contact apply at sending as to any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class Peace(StrEnum):
    """Why somebody is not asked."""

    NEVER_ACTIVE = "never_active"
    NO_CONTACT = "no_contact"
    REFUSED = "refused"
    SUPPORT_CASE = "support_case"
    LIMIT_REACHED = "limit_reached"
    TOO_SOON = "too_soon"


@dataclass(frozen=True, slots=True)
class Rules:
    """
    How often and how many.

    Args:
        was_active: acts in the days looked at that make somebody worth missing.
        interval_days: between two proposals for one person; ``limit`` proposals a person in all.
        group_day, group_week: proposals for members of one group on a local day, and in seven.
    """

    was_active: int = 3
    interval_days: int = 30
    limit: int = 2
    group_day: int = 5
    group_week: int = 20


@dataclass(frozen=True, slots=True)
class SilentMember:
    """
    Somebody silent in a group.

    Args:
        userid: the member of staff they are a contact of, or empty.
        acts: what they did before they fell silent.
        asked: the local days on which they were proposed before.
        suppressions: kinds in force (``opt_out``, ``do_not_invite``, ``support_case``).
    """

    person_id: int
    group_id: int
    userid: str
    acts: int
    asked: tuple[date, ...] = ()
    suppressions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Proposal:
    """One message to propose; ``attempt`` counts from 1 for the person."""

    person_id: int
    group_id: int
    userid: str
    attempt: int


def may_be_asked_why(left_on: Iterable[date], through: date, after_days: int) -> bool:
    """
    Whether somebody who is in no group any more left long enough ago to be asked why.

    Formula: the newest of the local days of leaving is at least ``after_days`` before ``through``. That it is asked
    once is the caller's ``Rules`` with a limit of 1. Source: the SOP for those who left and are still contacts.
    """
    newest = max(left_on, default=None)
    return newest is not None and (through - newest).days >= after_days


def left_in_peace(one: SilentMember, day: date, rules: Rules) -> Peace | None:
    """The first reason not to propose somebody on a local day, None when there is none."""
    if one.acts < rules.was_active:
        return Peace.NEVER_ACTIVE
    if not one.userid:
        return Peace.NO_CONTACT
    if one.suppressions & {"opt_out", "do_not_invite"}:
        return Peace.REFUSED
    if "support_case" in one.suppressions:
        return Peace.SUPPORT_CASE
    if len(one.asked) >= rules.limit:
        return Peace.LIMIT_REACHED
    soonest = max(one.asked, default=date.min) + timedelta(days=rules.interval_days if one.asked else 0)
    return Peace.TOO_SOON if day < soonest else None


def proposals(
    candidates: Iterable[SilentMember], day: date, rules: Rules, proposed: Mapping[int, Iterable[date]]
) -> tuple[Proposal, ...]:
    """
    Whom to propose on a local day, those who did most first; everybody once, whatever groups they are in.

    ``proposed`` holds the days of earlier proposals by group, today's included: they fill the caps, so that the same
    day a second time proposes nobody new. Unit: persons. Source: the project; a cap is asked for by every practice.
    """
    today = Counter({group: sum(on == day for on in days) for group, days in proposed.items()})
    week = Counter({group: sum(0 <= (day - on).days < 7 for on in days) for group, days in proposed.items()})
    chosen: dict[int, Proposal] = {}
    free = (one for one in candidates if left_in_peace(one, day, rules) is None)
    for one in sorted(free, key=lambda each: (-each.acts, each.person_id, each.group_id)):
        full = today[one.group_id] >= rules.group_day or week[one.group_id] >= rules.group_week
        if one.person_id in chosen or full:
            continue
        chosen[one.person_id] = Proposal(one.person_id, one.group_id, one.userid, len(one.asked) + 1)
        today[one.group_id] += 1
        week[one.group_id] += 1
    return tuple(chosen.values())
