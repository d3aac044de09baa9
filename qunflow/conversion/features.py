"""
What somebody did in the last 30 days: the question put to the history, and one person's answer.

Leaves running the question to the store and weighing the answer to ``buyers``. Speech is not in it: without the chat
archive nobody can see who spoke, so answers are the taps and forms we have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

WINDOW_DAYS = 30

# Kinds by which somebody shows that he is there; joining, leaving and being written to are not among them.
ACTIVE_KINDS = ("message", "reply", "checkin", "click", "order")

# Rows of ``events``; local_day is the community's, amount in fen, $first_day and $last_day are included.
FEATURES_SQL = """
SELECT person_id,
       count(DISTINCT local_day) AS active_days,
       count(*) FILTER (kind = 'click') AS clicks,
       count(*) FILTER (kind = 'checkin') AS checkins,
       count(*) FILTER (kind = 'reply') AS replies,
       count(*) FILTER (kind = 'order') AS orders,
       coalesce(sum(amount) FILTER (kind = 'order'), 0)::BIGINT AS amount_fen,
       max(local_day) AS last_seen_on
FROM events
WHERE local_day BETWEEN $first_day AND $last_day
  AND kind IN ('message', 'reply', 'checkin', 'click', 'order')
  AND person_id <> 0
GROUP BY person_id
ORDER BY person_id
"""


@dataclass(frozen=True, slots=True)
class Features:
    """One person over the window: whole counts, money in fen, ``recency_days`` since last seen (0 = on ``as_of``)."""

    person_id: int
    active_days: int
    clicks: int
    checkins: int
    replies: int
    orders: int
    amount_fen: int
    recency_days: int


def window(as_of: date) -> tuple[date, date]:
    """First and last local day of the 30 that end on ``as_of``, both included."""
    return as_of - timedelta(days=WINDOW_DAYS - 1), as_of


def features_of(row: Mapping[str, Any], as_of: date) -> Features:
    """One row of ``FEATURES_SQL`` as features of a person."""
    counts = {name: int(row[name]) for name in ("active_days", "clicks", "checkins", "replies", "orders", "amount_fen")}
    return Features(int(row["person_id"]), **counts, recency_days=(as_of - _day(row["last_seen_on"])).days)


def _day(value: date) -> date:
    # DuckDB answers a frame with timestamps at midnight, a row with dates; a timestamp is a date, too.
    return value.date() if isinstance(value, datetime) else value
