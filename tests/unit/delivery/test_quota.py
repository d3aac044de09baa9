"""The platform's quota periods as a table."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from qunflow.delivery.claims import claim
from qunflow.delivery.facts import quota_uses
from qunflow.delivery.ports import Ports
from qunflow.delivery.quota import Period, period_of, platform_day
from qunflow.store.tables import targets
from tests.unit.delivery.platform_fake import DAY, NOON, a_plan, add_groups, put

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("mode", "first", "end", "most"),
    [
        ("month_days", (2026, 2, 1), (2026, 3, 1), 28),
        ("month_4", (2026, 2, 1), (2026, 3, 1), 4),
        ("week_7", (2026, 2, 23), (2026, 3, 2), 7),
        ("day_1", (2026, 2, 28), (2026, 3, 1), 1),
    ],
)
def test_quota_periods_follow_the_calendar(mode: Any, first: tuple[int, int, int], end: Any, most: int) -> None:
    """Of the last day of February 2026, a Saturday."""
    assert period_of(mode, date(2026, 2, 28)) == Period(date(*first), date(*end), most)


def test_the_platform_counts_in_beijing_time() -> None:
    """Half past four in the afternoon of the 28th in London is the 1st of March there."""
    at = datetime(2026, 2, 28, 16, 30, tzinfo=UTC)
    assert platform_day(at) == date(2026, 3, 1)
    assert period_of("day_1", platform_day(at)).instants[0] == datetime(2026, 3, 1, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("state", "outcome", "counts"),
    [
        ("sent", "delivered", 1),
        ("unknown", "waiting", 1),
        ("dead", "waiting", 1),  # it may have arrived
        ("dead", "missed", 0),
        ("sent", "cancelled", 0),
        ("refused", "waiting", 0),
    ],
)
def test_what_may_have_arrived_counts(ports: Ports, state: str, outcome: str, counts: int) -> None:
    """One rule for the claim and for the plan of the days ahead."""
    (group,) = add_groups(ports.store, 1)
    put(ports.store, a_plan(group))
    with ports.store.writing() as conn:
        claim(conn, ports, worker="w", now=NOON)
        conn.execute(update(targets).values(state=state, outcome=outcome))
        since, until = period_of("day_1", DAY).instants
        assert len(quota_uses(conn, "chat", [group], since, until)) == counts
        assert quota_uses(conn, "chat", [group], until, until + (until - since)) == []
