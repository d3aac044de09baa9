"""The question put to the history, asked of a real DuckDB."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pandas as pd
import pytest

from qunflow.conversion.features import ACTIVE_KINDS, FEATURES_SQL, Features, features_of, window

AS_OF = date(2026, 3, 2)
EVENTS = [
    # person, kind, local day, amount in fen
    (1, "click", date(2026, 2, 28), 0),
    (1, "click", date(2026, 2, 28), 0),
    (1, "checkin", date(2026, 3, 1), 0),
    (1, "order", date(2026, 3, 1), 2990),
    (1, "order", date(2026, 3, 2), 3990),
    (1, "reply", date(2026, 3, 3), 0),
    (1, "message", date(2026, 1, 31), 0),
    (1, "message", date(2026, 2, 1), 0),
    (2, "join", date(2026, 3, 1), 0),
    (2, "delivered", date(2026, 3, 1), 0),
    (3, "message", date(2026, 1, 20), 0),
    (0, "click", date(2026, 3, 1), 0),
]


@pytest.fixture
def answer() -> pd.DataFrame:
    events = pd.DataFrame(EVENTS, columns=["person_id", "kind", "local_day", "amount"])
    connection = duckdb.connect()
    connection.register("events", events)
    since, until = window(AS_OF)
    return connection.execute(FEATURES_SQL, {"first_day": since, "last_day": until}).df()


def test_only_the_window_and_only_acts_count(answer: pd.DataFrame) -> None:
    """Thirty days ending on the day asked about, both ends included; being written to or joining is no activity."""
    people = [features_of(row, AS_OF) for row in answer.to_dict("records")]

    assert people == [Features(1, 4, clicks=2, checkins=1, replies=0, orders=2, amount_fen=6980, recency_days=0)]


def test_window_is_thirty_days() -> None:
    """The window ends on the day itself and holds thirty local days."""
    since, until = window(AS_OF)

    assert (until - since).days + 1 == 30


def test_question_names_every_active_kind() -> None:
    """The kinds in the question are the kinds this module calls activity."""
    assert all(f"'{kind}'" in FEATURES_SQL for kind in ACTIVE_KINDS)


def test_a_date_or_a_timestamp_is_a_day() -> None:
    """The last day seen may come as a date or a timestamp at midnight."""
    row = dict.fromkeys(("active_days", "clicks", "checkins", "replies", "orders", "amount_fen"), 0) | {"person_id": 5}

    by_date = features_of({**row, "last_seen_on": date(2026, 2, 28)}, AS_OF)
    by_instant = features_of({**row, "last_seen_on": datetime(2026, 2, 28)}, AS_OF)  # noqa: DTZ001 - as DuckDB gives it

    assert by_date == by_instant
    assert by_date.recency_days == 2
