"""Intervals as arithmetic: every instant lies in the interval that says so, in every zone, and none is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from qunflow.errors import BadInput
from qunflow.retention.measuring.facts import followed
from qunflow.retention.measuring.grid import Calendar, offsets
from qunflow.retention.measuring.query import Bucket
from qunflow.retention.measuring.result import Measured, Row
from qunflow.retention.outlook.survival import fitted

ZONES = ("UTC", "Asia/Kolkata", "Europe/Berlin", "America/Santiago", "Pacific/Apia", "America/St_Johns")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("period", get_args(Bucket))
def test_an_instant_lies_between_the_edges_of_its_interval(zone: str, period: Bucket) -> None:
    """start(n) ≤ instant < start(n + 1), through two years with every change of the clock."""
    calendar = Calendar(period, ZoneInfo(zone), "sunday")
    at = datetime(2010, 12, 30, 0, 17, tzinfo=UTC)
    while at < datetime(2012, 3, 1, tzinfo=UTC):
        number = calendar.number_of(at)
        assert calendar.start(number) <= at < calendar.start(number + 1), at
        at += timedelta(hours=7, minutes=31)


def test_a_day_that_a_zone_skipped_is_empty() -> None:
    """Samoa had no 30 December 2011: the interval is there and lasts no time."""
    calendar = Calendar("day", ZoneInfo("Pacific/Apia"))
    number = calendar.number_of(datetime(2011, 12, 30, 9, tzinfo=UTC))

    assert calendar.label(number) == "2011-12-29"
    assert calendar.start(number + 1) == calendar.start(number + 2)


def test_every_change_of_the_clock_is_found() -> None:
    """Berlin in 2026: winter, summer from 29 March 01:00 UTC, winter from 25 October 01:00 UTC."""
    found = offsets(ZoneInfo("Europe/Berlin"), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))

    assert [offset.seconds for offset in found] == [3_600, 7_200, 3_600]
    spring, autumn = (datetime(2026, month, day, 1, tzinfo=UTC).timestamp() for month, day in ((3, 29), (10, 25)))
    assert [offset.since_us for offset in found] == [None, int(spring) * 10**6, int(autumn) * 10**6]


def test_means_weigh_actors_and_leave_out_blanks_and_cohorts_of_nobody() -> None:
    """A 0 counts, a blank does not, an empty cohort weighs nothing, and the number of cohorts is told."""
    rows = (Row("a", "", (8, 4)), Row("b", "", (2, 0)), Row("c", "", (0, 0)), Row("d", "", (90, None)))
    found = Measured(None, ("size", "1"), rows, {}, {}, None)

    (mean,) = found.means

    assert (mean.actors, mean.size, mean.cohorts, mean.rate) == (4, 10, 2, 0.4)
    assert mean.interval == pytest.approx((0.168180, 0.687326), abs=1e-6)
    assert found.rates(rows[2]) == (None,)


def test_aliases_are_followed_to_their_end() -> None:
    """A chain ends at the last name; a circle at the first of its names by text, and is counted."""
    assert followed({"a": "b", "b": "c"}) == ({"a": "c", "b": "c"}, 0)
    assert followed({"x": "z", "z": "y", "y": "x", "w": "z"}) == ({"z": "x", "y": "x", "w": "x"}, 3)


@pytest.mark.parametrize("people", [[100, 90], [100, 100, 100], [100, 90, 95]])
def test_a_curve_that_cannot_be_fitted_is_refused(people: list[float]) -> None:
    """Too short, nobody gone, or rising."""
    with pytest.raises(BadInput, match="no curve fits"):
        fitted(people)
