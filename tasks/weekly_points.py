"""
Points and prizes between the rules and the ledger: only what is not booked yet is booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Connection

from qunflow.runtime.stage import StageRun
from qunflow.settings.workspace import WeeklyActivity
from qunflow.store import activities, ledger
from qunflow.store.activities import Activity
from qunflow.weekly_activity.awards import AwardRule, bookings, given_keys, rules_due, settle
from qunflow.weekly_activity.challenge import is_decided, results_at
from qunflow.weekly_activity.points import Booking, checkin_points, stock_account, stock_prize
from tasks.weekly_records import challenge, checkins_in


def rules_of(settings: WeeklyActivity) -> tuple[AwardRule, ...]:
    """The awards as the rules know them."""
    return tuple(AwardRule(one.streak_days, one.points, one.prize, one.quantity) for one in settings.awards)


def book_week(conn: Connection, *, week: Activity, at: datetime) -> int:
    """Book the points of a week's check-ins; returns how many were not booked before."""
    if not week.points_per_checkin:
        return 0
    due = [
        checkin_points(week.community, week.activity_key, row.person_id, row.local_day, week.points_per_checkin)
        for row in activities.checkins_of(conn, [week.activity_id])
    ]
    return _book(conn, due, at)


def award_week(conn: Connection, *, run: StageRun, week: Activity) -> int:
    """Give the awards of a week that are due and not given yet; returns how many."""
    decided = is_decided(challenge(week), run.now, run.zone)
    rules = rules_due(rules_of(run.community.weekly_activity), decided)
    closing = results_at(challenge(week), run.zone)
    checkins = [one for one in checkins_in(conn, week) if one.at < closing]
    # Two runs at once must not both count the last piece.
    ledger.hold(conn, [_shelf(week, rule) for rule in rules if rule.prize])
    _stock(conn, rules, week, run.now)
    keys = given_keys(rules, {one.person_id for one in checkins}, week.community, week.activity_key)
    given = [keys[key] for key in ledger.booked(conn, keys)]
    awards = settle(checkins, rules, salt=week.activity_key, left=stock_left(conn, rules, week), given=given)
    if decided:
        activities.set_awarded(conn, week.activity_id, run.now)
    return _book(conn, bookings(awards, week.community, week.activity_key), run.now)


def stock_left(conn: Connection, rules: Iterable[AwardRule], week: Activity) -> dict[int, int]:
    """Pieces of each prize that are left, by the days in a row it takes."""
    accounts = {rule.streak_days: _shelf(week, rule) for rule in rules if rule.prize}
    return {days: ledger.balance(conn, account, "prize") for days, account in accounts.items()}


def _shelf(week: Activity, rule: AwardRule) -> str:
    return stock_account(week.community, week.activity_key, rule.streak_days)


def _stock(conn: Connection, rules: Iterable[AwardRule], week: Activity, at: datetime) -> None:
    prizes = [rule for rule in rules if rule.prize and rule.quantity]
    place = (week.community, week.activity_key)
    _book(conn, [stock_prize(*place, rule.streak_days, rule.quantity) for rule in prizes], at)


def _book(conn: Connection, due: Sequence[Booking], at: datetime) -> int:
    known = ledger.booked(conn, [one.event_key for one in due])
    entries = [_entry(one) for one in due if one.event_key not in known]
    return len(ledger.book_many(conn, entries, at)) if entries else 0


def _entry(one: Booking) -> ledger.Entry:
    unit = cast("ledger.Unit", one.unit)
    return ledger.Entry(one.event_key, one.community, unit, one.reason, one.postings, one.person_of)
