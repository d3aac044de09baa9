"""Who earns what when a week is decided."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from qunflow.experiments.shares import stable_lot
from qunflow.weekly_activity.awards import Award, AwardRule, bookings, queue, reached_at, rules_due, settle
from qunflow.weekly_activity.checkins import Checkin

MONDAY = date(2026, 3, 2)
THREE_DAYS = AwardRule(3, points=10)
ALL_WEEK = AwardRule(7, prize="抽纸一提", quantity=1)


def week_of(person: int, marks: str, hour: int = 4) -> list[Checkin]:
    """A person's check-ins: ``x`` for each day from Monday on, all at the same hour UTC."""
    days = [MONDAY + timedelta(days=n) for n, mark in enumerate(marks) if mark == "x"]
    return [Checkin(0, "code", person, day, datetime(day.year, day.month, day.day, hour, tzinfo=UTC)) for day in days]


def test_only_days_in_a_row_count() -> None:
    """Three days in a row anywhere in the week fulfil a three-day award; three scattered days do not."""
    checkins = week_of(1, "..xxx..") + week_of(2, "x.x.x.x") + week_of(3, "xxx.xxx")

    assert {1, 3} == set(reached_at(checkins, 3))
    assert reached_at(checkins, 3)[3].date() == date(2026, 3, 4)


def test_the_prize_goes_to_who_finished_first() -> None:
    """When a prize runs short the earlier finisher gets it and the other is told it had run out."""
    checkins = week_of(1, "xxxxxxx", hour=9) + week_of(2, "xxxxxxx", hour=3)

    awards = settle(checkins, [ALL_WEEK], salt="week", left={7: 1})

    assert [(award.person_id, award.in_stock) for award in awards] == [(2, True), (1, False)]
    assert len(bookings(awards, "neighbours", "week")) == 1


def test_a_tie_is_broken_by_a_lot_anybody_can_redraw() -> None:
    """People who finish at the same instant stand in the order of their stable lots, not of their numbers."""
    checkins = [one for person in range(20) for one in week_of(person, "xxx")]

    order = queue(checkins, THREE_DAYS, "week")

    assert order == sorted(range(20), key=lambda person: stable_lot("week", person))
    assert order != list(range(20))


def test_points_do_not_wait_and_prizes_do() -> None:
    """Before the week is decided only points are given: who is first in line for a prize may still change."""
    assert rules_due([THREE_DAYS, ALL_WEEK], decided=False) == (THREE_DAYS,)
    assert rules_due([THREE_DAYS, ALL_WEEK], decided=True) == (THREE_DAYS, ALL_WEEK)


def test_what_was_given_is_not_given_again() -> None:
    """Settling the same week twice gives nothing the second time."""
    checkins = week_of(1, "xxxxxxx")

    first = settle(checkins, [THREE_DAYS, ALL_WEEK], salt="week", left={7: 1})
    given_before = {(award.rule.streak_days, award.person_id) for award in first}

    assert len(first) == 2
    assert settle(checkins, [THREE_DAYS, ALL_WEEK], salt="week", left={7: 0}, given=given_before) == ()


def test_a_late_check_in_adds_only_its_own_award() -> None:
    """New input is the difference: one who is found to have finished later gets theirs, the others keep theirs."""
    checkins = week_of(1, "xxx") + week_of(2, "xxx")

    awards = settle(checkins, [THREE_DAYS], salt="week", left={}, given={(3, 1)})

    assert [Award(2, THREE_DAYS, True)] == list(awards)


@given(st.integers(0, 12), st.lists(st.integers(0, 23), min_size=0, max_size=15))
def test_stock_is_never_overdrawn(stock: int, hours: list[int]) -> None:
    """However many finish, no more pieces are given than are on the shelf, and no points are refused."""
    checkins = [one for person, hour in enumerate(hours) for one in week_of(person, "xxxxxxx", hour)]

    awards = settle(checkins, [THREE_DAYS, ALL_WEEK], salt="week", left={7: stock})

    given_pieces = [award for award in awards if award.rule is ALL_WEEK and award.in_stock]
    assert len(given_pieces) == min(stock, len(hours))
    assert all(award.in_stock for award in awards if award.rule is THREE_DAYS)
