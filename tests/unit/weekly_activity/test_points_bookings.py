"""Points and prizes as ledger entries."""

from __future__ import annotations

from datetime import date

import pytest

from qunflow.weekly_activity.points import (
    Booking,
    award_points,
    checkin_points,
    hand_over_prize,
    stock_account,
    stock_prize,
)

DAY = date(2026, 3, 3)


@pytest.mark.parametrize(
    "booking",
    [
        checkin_points("neighbours", "week", 7, DAY, 5),
        award_points("neighbours", "week", 3, 7, 10),
        stock_prize("neighbours", "week", 7, 20),
        hand_over_prize("neighbours", "week", 7, 7),
    ],
    ids=lambda booking: booking.event_key,
)
def test_a_booking_sums_to_nothing(booking: Booking) -> None:
    """Double entry: what one account gets, another gives."""
    assert sum(booking.postings.values()) == 0
    assert all(len(account) <= 120 for account in booking.postings)


def test_event_keys_tell_everything_apart() -> None:
    """Another person, day, week, community or award is another key; the same is the same."""
    keys = {
        checkin_points("a", "week", 7, DAY, 5).event_key,
        checkin_points("a", "week", 8, DAY, 5).event_key,
        checkin_points("a", "week", 7, date(2026, 3, 4), 5).event_key,
        checkin_points("a", "next", 7, DAY, 5).event_key,
        checkin_points("b", "week", 7, DAY, 5).event_key,
        award_points("a", "week", 3, 7, 10).event_key,
        award_points("a", "week", 7, 7, 10).event_key,
        stock_prize("a", "week", 7, 20).event_key,
    }

    assert len(keys) == 8
    assert checkin_points("a", "week", 7, DAY, 5).event_key == checkin_points("a", "week", 7, DAY, 9).event_key


def test_a_prize_comes_off_its_own_shelf() -> None:
    """A piece handed over leaves the stock of this week's award and no other."""
    shelf = stock_account("a", "week", 7)

    assert stock_prize("a", "week", 7, 20).postings[shelf] == 20
    assert hand_over_prize("a", "week", 7, 5).postings[shelf] == -1
    assert shelf != stock_account("a", "week", 3)
