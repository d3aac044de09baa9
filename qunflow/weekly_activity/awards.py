"""
Who earned what: so many days in a row give points, or a prize as long as there is stock.

Points cannot run out and are given as soon as they are earned; a prize waits until the week is decided, because who
comes first when it runs short (who finished first, then a lot that anybody can redraw) is known only then.
Leaves booking to ``points`` and the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from qunflow.experiments.shares import stable_lot
from qunflow.weekly_activity.checkins import Checkin
from qunflow.weekly_activity.points import Booking, award_key, award_points, hand_over_prize


@dataclass(frozen=True, slots=True)
class AwardRule:
    """So many days in a row earn either ``points`` or one piece of ``prize`` while ``quantity`` lasts."""

    streak_days: int
    points: int = 0
    prize: str = ""
    quantity: int = 0


@dataclass(frozen=True, slots=True)
class Award:
    """What one person gets by one rule; ``in_stock`` is False when the prize had run out before their turn."""

    person_id: int
    rule: AwardRule
    in_stock: bool


def reached_at(checkins: Iterable[Checkin], streak_days: int) -> dict[int, datetime]:
    """When each person first completed so many local days in a row; who never did is left out."""
    by_person: dict[int, dict[date, datetime]] = {}
    for checkin in checkins:
        by_person.setdefault(checkin.person_id, {})[checkin.day] = checkin.at
    found: dict[int, datetime] = {}
    for person_id, at_of in by_person.items():
        day = _first_completed(at_of, streak_days)
        if day is not None:
            found[person_id] = at_of[day]
    return found


def queue(checkins: Collection[Checkin], rule: AwardRule, salt: str) -> list[int]:
    """Persons who fulfil a rule, first come first; a tie is broken by a lot drawn from ``salt`` and the person."""
    reached = reached_at(checkins, rule.streak_days)
    return sorted(reached, key=lambda person_id: (reached[person_id], stable_lot(salt, person_id)))


def settle(
    checkins: Collection[Checkin],
    rules: Sequence[AwardRule],
    *,
    salt: str,
    left: Mapping[int, int],
    given: Collection[tuple[int, int]] = (),
) -> tuple[Award, ...]:
    """
    Decide the awards that are not given yet.

    Args:
        checkins: those of one week that count for its results.
        rules: the awards of the week.
        salt: the activity's key.
        left: pieces left on the shelf, by ``streak_days`` of the rule.
        given: ``(streak_days, person_id)`` of what was given before.
    """
    return tuple(award for rule in rules for award in _settle_rule(checkins, rule, salt, left, set(given)))


def rules_due(rules: Iterable[AwardRule], decided: bool) -> tuple[AwardRule, ...]:
    """The rules by which something may be given now: all once the week is decided, before only those for points."""
    return tuple(rule for rule in rules if decided or not rule.prize)


def bookings(awards: Iterable[Award], community: str, activity: str) -> list[Booking]:
    """The ledger entries of the awards that can be given."""
    return [_booking(award, community, activity) for award in awards if award.in_stock]


def given_keys(
    rules: Iterable[AwardRule], persons: Collection[int], community: str, activity: str
) -> dict[str, tuple[int, int]]:
    """The event keys to look for in the ledger, each with its ``(streak_days, person_id)``."""
    return {
        award_key(community, activity, rule.streak_days, person_id): (rule.streak_days, person_id)
        for rule in rules
        for person_id in persons
    }


def _settle_rule(
    checkins: Collection[Checkin], rule: AwardRule, salt: str, left: Mapping[int, int], given: set[tuple[int, int]]
) -> list[Award]:
    waiting = [person_id for person_id in queue(checkins, rule, salt) if (rule.streak_days, person_id) not in given]
    pieces = left.get(rule.streak_days, 0) if rule.prize else len(waiting)
    return [Award(person_id, rule, turn < pieces) for turn, person_id in enumerate(waiting)]


def _booking(award: Award, community: str, activity: str) -> Booking:
    rule, person_id = award.rule, award.person_id
    if rule.prize:
        return hand_over_prize(community, activity, rule.streak_days, person_id)
    return award_points(community, activity, rule.streak_days, person_id, rule.points)


def _first_completed(days: Collection[date], streak_days: int) -> date | None:
    return min((day for day in days if _is_run(day, days, streak_days)), default=None)


def _is_run(last: date, days: Collection[date], length: int) -> bool:
    return all(last - timedelta(days=back) in days for back in range(length))
