"""A frame of events fits the history, or is refused naming the column."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from qunflow.errors import BadInput
from qunflow.store.events import COLUMNS, arrow_schema, to_table

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)


def frame(**changes: Any) -> pd.DataFrame:
    row = {
        "event_key": ["a", "b"],
        "happened_at": pd.to_datetime([AT, AT]),
        "recorded_at": pd.to_datetime([AT, AT]),
        "local_day": [date(2026, 3, 1)] * 2,
        "kind": ["join", "message"],
        "person_id": [1, 2],
    }
    return pd.DataFrame({**row, **changes})


def test_missing_columns_get_their_defaults() -> None:
    """Nobody has to write group, channel, amount, props and source when there is nothing to say."""
    table = to_table(frame(), "inbox:wecom")
    assert table.schema == arrow_schema()
    assert table.select(["group_id", "channel", "amount", "props", "source"]).to_pylist()[0] == {
        "group_id": 0,
        "channel": "",
        "amount": 0,
        "props": "{}",
        "source": "inbox:wecom",
    }


def test_an_empty_group_means_none() -> None:
    """A nullable group becomes 0."""
    table = to_table(frame(group_id=pd.array([7, None], dtype="Int64")), "test")
    assert table.column("group_id").to_pylist() == [7, 0]


def test_of_two_events_with_one_key_the_first_stays() -> None:
    """A source that repeats itself within a batch counts once."""
    table = to_table(frame(event_key=["a", "a"]), "test")
    assert table.column("person_id").to_pylist() == [1]


def test_days_may_be_timestamps() -> None:
    """A day read from a CSV as a timestamp at midnight is that day."""
    table = to_table(frame(local_day=pd.to_datetime(["2026-03-01", "2026-03-02"])), "test")
    assert table.column("local_day").to_pylist() == [date(2026, 3, 1), date(2026, 3, 2)]


def test_instants_of_other_zones_become_utc() -> None:
    """Twelve in Shanghai is four in UTC."""
    shanghai = pd.to_datetime(["2026-03-01 12:00", "2026-03-01 12:00"]).tz_localize("Asia/Shanghai")
    assert to_table(frame(happened_at=shanghai), "test").column("happened_at").to_pylist() == [AT, AT]


def test_rows_come_out_in_order() -> None:
    """A file is ordered by day and instant, whatever order it came in."""
    table = to_table(frame(local_day=[date(2026, 3, 2), date(2026, 3, 1)]), "test")
    assert table.column("event_key").to_pylist() == ["b", "a"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": ["join", "wave"]}, "unknown kind of event: wave"),
        ({"happened_at": pd.to_datetime(["2026-03-01"] * 2)}, "happened_at have no zone"),
        ({"happened_at": ["yesterday", "today"]}, "values in happened_at are no instants"),
        ({"person_id": pd.array([1, None], dtype="Int64")}, "nothing in person_id"),
        ({"event_key": ["a", None]}, "nothing in event_key"),
        ({"person_id": ["one", "two"]}, "do not fit"),
        ({"amount": [1.5, 2]}, "do not fit"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(changes: dict[str, Any], problem: str) -> None:
    """The refusal names the column and what is wrong with it."""
    with pytest.raises(BadInput, match=problem):
        to_table(frame(**changes), "test")


@pytest.mark.parametrize("empty", [pd.DataFrame(), frame().head(0)])
def test_an_empty_frame_has_every_column(empty: pd.DataFrame) -> None:
    """A day on which nothing happened is no mistake."""
    table = to_table(empty, "test")
    assert (table.num_rows, table.schema) == (0, arrow_schema())


def test_a_missing_column_is_named() -> None:
    """What has no default must be given."""
    with pytest.raises(BadInput, match="events without person_id"):
        to_table(frame().drop(columns="person_id"), "test")


def test_the_columns_are_the_agreed_ones() -> None:
    """Readers of history rely on these names in this order."""
    assert COLUMNS == (
        "event_key",
        "happened_at",
        "recorded_at",
        "local_day",
        "kind",
        "person_id",
        "group_id",
        "channel",
        "amount",
        "props",
        "source",
    )
