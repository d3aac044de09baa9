"""The days to come against the quota, as tables."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.delivery.forecast import Ahead, forecast, outlooks
from qunflow.delivery.quota import period_of
from qunflow.settings.workspace import Quota

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 3, 2)


def slot(day: int, stage: str = "daily_content", way: str = "mass_task", group: str = "g1", hour: int = 12) -> Ahead:
    on = MONDAY + timedelta(days=day)
    at = datetime.combine(on, time(hour), SHANGHAI)
    return Ahead(f"{stage}-{day}-{hour}", stage, group, "wr1", "zhou", "zhou", on, at, way, "…")


def lefts(slots: list[Ahead], quota: Quota, used: int = 0, converted: int = 0) -> list[Any]:
    first = period_of(quota.mode, MONDAY).first
    judged = forecast(slots, quota, {("g1", first): used}, {("g1", first): converted})
    return ["refused" if one.refused else one.left for one in judged]


@pytest.mark.parametrize(
    ("slots", "quota", "used", "converted", "expected"),
    [
        ([slot(0), slot(1)], Quota(mode="week_7"), 0, 0, [6, 5]),
        ([slot(0), slot(1)], Quota(mode="week_7"), 6, 0, [0, "refused"]),
        ([slot(6), slot(7)], Quota(mode="week_7"), 6, 0, [0, 6]),  # a new week begins
        ([slot(0), slot(0, hour=15), slot(1)], Quota(mode="day_1"), 0, 0, [0, "refused", 0]),
        ([slot(0, way="hand_send"), slot(0)], Quota(mode="day_1"), 0, 0, [None, 0]),
        ([slot(0), slot(1, "conversion")], Quota(mode="week_7", reserve=1), 5, 0, [1, 0]),
        ([slot(0), slot(1, "conversion")], Quota(mode="week_7", reserve=1), 6, 0, ["refused", 0]),
        ([slot(0)], Quota(mode="week_7", reserve=1), 6, 1, [0]),  # the reserve has been used for its purpose
        ([slot(1), slot(0)], Quota(mode="week_7"), 0, 0, [6, 5]),  # by time, whatever the order given
    ],
)
def test_what_is_left_after_each(
    slots: list[Ahead], quota: Quota, used: int, converted: int, expected: list[Any]
) -> None:
    """One row, one situation."""
    assert lefts(slots, quota, used, converted) == expected


def test_one_group_does_not_eat_the_quota_of_another() -> None:
    """Each chat has its own count."""
    judged = forecast([slot(0), slot(0, group="g2")], Quota(mode="day_1"), {}, {})
    assert [one.left for one in judged] == [0, 0]


def test_the_outlook_shows_too_much_planned() -> None:
    """Three on a day that allows one leave minus two."""
    found = outlooks([slot(0, hour=hour) for hour in (10, 12, 15)], Quota(mode="day_1"), {("g1", MONDAY): 0})
    assert [(one.group, one.planned, one.left) for one in found] == [("g1", 3, -2)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(8, 20), st.booleans()), max_size=60), st.integers(0, 7))
def test_never_more_than_the_platform_allows(days: list[tuple[int, int, bool]], reserve: int) -> None:
    """Whatever is planned, no week lets more than seven go, and conversion always finds its reserve."""
    slots = [slot(day, "conversion" if sells else "daily_content", hour=hour) for day, hour, sells in days]
    gone: dict[date, list[str]] = {}
    for one in forecast(slots, Quota(mode="week_7", reserve=reserve), {}, {}):
        if not one.refused:
            gone.setdefault(period_of("week_7", one.day).first, []).append(one.stage)
    assert all(len(week) <= 7 for week in gone.values())
    assert all(week.count("daily_content") <= 7 - reserve or "conversion" in week for week in gone.values())
