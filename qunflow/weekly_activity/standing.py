"""
Where everybody stands in a week: streaks, points earned and booked, and what is left of the prizes.

Rows for the output check and the report. Leaves reading the ledger to the tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from qunflow.weekly_activity.challenge import Challenge
from qunflow.weekly_activity.streaks import streaks

Row = dict[str, int | str]


def standing_rows(
    challenge: Challenge,
    checkins: Iterable[tuple[int, date]],
    *,
    as_of: date,
    booked: Mapping[int, int],
    stock_left: int,
) -> list[Row]:
    """
    One row a person who checked in up to ``as_of``.

    Args:
        challenge: the week.
        checkins: ``(person_id, local day)`` of this week.
        as_of: last local day counted, included.
        booked: points booked for check-ins of this week up to now, by person.
        stock_left: pieces left of the scarcest prize; 0 or more unless something was given twice.
    """
    rows = list(checkins)
    all_days: dict[int, int] = {}
    for person_id, _ in set(rows):
        all_days[person_id] = all_days.get(person_id, 0) + 1
    return [
        {
            "activity": challenge.key,
            "person_id": person_id,
            "current_days": one.current,
            "longest_days": one.longest,
            "total_days": one.total,
            # Points follow the taps, also those made later than ``as_of``, as bookings do.
            "points_due": all_days[person_id] * challenge.points_per_checkin,
            "points_booked": booked.get(person_id, 0),
            "stock_left": stock_left,
        }
        for person_id, one in streaks(rows, as_of).items()
    ]
