"""Scans count every visit, and who came in among those who are known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from qunflow.acquisition.funnel import Share, StayFact
from qunflow.acquisition.scans import NOBODY, Scan, ScanFact, read_scan, scans_by_channel

DAY = date(2026, 3, 20)
END = datetime(2026, 3, 20, 15, 59, tzinfo=UTC)
BODY = {"community": "n", "channel": "poster-a", "group_id": 3, "actor": "wm1", "at": "2026-03-02T12:00:00+08:00"}


def ago(days: int, hours: int = 0) -> datetime:
    return END - timedelta(days=days, hours=hours)


def scan(person: int, at: datetime, channel: str = "poster-a") -> ScanFact:
    return ScanFact(person, channel, at, at.date())


def stay(person: int, joined: datetime, left: datetime | None = None) -> StayFact:
    return StayFact(person, 1, "poster-a", joined, left, pulled_in=False)


def of(scans: list[ScanFact], stays: list[StayFact], channel: str = "poster-a") -> Any:
    return scans_by_channel(END, scans, stays, ["poster-a", "article"])[channel]


def test_every_visit_counts_on_its_day() -> None:
    """Known or not, however often; what lies after the instant does not count; a channel without any has none."""
    found = [scan(NOBODY, ago(0)), scan(NOBODY, ago(0)), scan(7, ago(1)), scan(7, END + timedelta(seconds=1))]
    assert of(found, []).visits == {DAY: 2, DAY - timedelta(days=1): 1}
    assert of(found, [], "article").visits == {}
    assert list(scans_by_channel(END, [scan(7, ago(1), "flyer")], [], ["article"])) == ["article", "flyer"]


def test_who_joined_is_counted_among_those_who_are_known() -> None:
    """In within seven days counts, later does not; nobody knows whether a stranger came in."""
    scans = [scan(person, ago(9)) for person in (1, 2, 3, NOBODY)]
    stays = [stay(1, ago(8)), stay(2, ago(1)), stay(3, ago(9, -1), ago(8))]
    assert of(scans, stays).joined == Share(2, 3)


def test_a_window_that_has_not_passed_counts_for_nobody() -> None:
    """Seven days to the second."""
    assert of([scan(1, ago(7) + timedelta(seconds=1))], []).joined.value is None
    assert of([scan(1, ago(7))], []).joined == Share(0, 1)


def test_who_was_in_already_did_not_come_by_the_scan() -> None:
    """A member who opens the page is no newcomer; once they have left, the next scan may bring them back."""
    inside = stay(1, ago(20), ago(10))
    assert of([scan(1, ago(12))], [inside]).joined == Share(0, 0)
    assert of([scan(1, ago(12)), scan(1, ago(9))], [inside, stay(1, ago(9, -2))]).joined == Share(1, 1)


def test_a_join_told_by_another_clock_a_moment_before_is_one_after_the_scan() -> None:
    """The platform cuts off below the second; a minute and a half before the scan somebody was in already."""
    at = ago(9)
    assert of([scan(1, at)], [stay(1, at - timedelta(seconds=1))]).joined == Share(1, 1)
    assert of([scan(1, at)], [stay(1, at - timedelta(seconds=90))]).joined == Share(0, 0)


def test_a_visit_is_read_as_the_page_wrote_it() -> None:
    """The instant in UTC, an unknown visitor as empty."""
    assert read_scan(BODY) == Scan("n", "poster-a", 3, "wm1", datetime(2026, 3, 2, 4, tzinfo=UTC))
    assert read_scan(BODY | {"actor": None}) == Scan("n", "poster-a", 3, "", datetime(2026, 3, 2, 4, tzinfo=UTC))


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": "2026-03-02T12:00:00"},
        {"at": 5},
        {"channel": ""},
        {"community": None},
        {"group_id": "3"},
        {"group_id": True},
    ],
)
def test_what_is_no_visit_is_none(wrong: dict[str, Any]) -> None:
    """A time without a zone could be any hour; a channel that is not there no figure can name."""
    assert read_scan(BODY | wrong) is None
