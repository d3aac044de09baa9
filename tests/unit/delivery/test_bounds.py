"""The bounds as a table: what leaves, what waits, what is skipped."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from qunflow.delivery.bounds import Candidate, Facts, quiet_now, quota_of, verdict
from qunflow.settings.workspace import Community, QuietHours, Quota
from tests.unit.delivery.platform_fake import DAY, NOON

HOME = Community(key="neighbours", name="邻里", type="购物", helper="h", quota=Quota(mode="week_7"))
NIGHT = NOON + timedelta(hours=9)


def candidate(**changes: Any) -> Candidate:
    values: dict[str, Any] = {
        "community": "neighbours",
        "stage": "daily_content",
        "campaign": "spring",
        "way": "mass_task",
        "sender_userid": "zhou",
        "target_kind": "chat",
        "target_ref": 1,
        "group_key": "g1",
        "local_day": DAY,
        "not_after": NOON + timedelta(minutes=10),
        "marketing": True,
        "catch_up": "skip",
        "attempts": 0,
        **changes,
    }
    return Candidate(**values)


def facts(**changes: Any) -> Facts:
    values: dict[str, Any] = {"stopped": (), "gone": {}, "suppressed": {}, "used": {}, "cards": {}, **changes}
    return Facts(**values)


PERSON = {"target_kind": "person", "way": "private_task"}
CASES: list[tuple[str, dict[str, Any], dict[str, Any], datetime, str]] = [
    ("ordinary", {}, {}, NOON, "send"),
    ("stopped: all", {}, {"stopped": [("all", "all")]}, NOON, "wait"),
    ("stopped: its campaign", {}, {"stopped": [("campaign", "spring")]}, NOON, "wait"),
    ("stopped: another campaign", {}, {"stopped": [("campaign", "autumn")]}, NOON, "send"),
    ("stopped: its group", {}, {"stopped": [("group", "neighbours/g1")]}, NOON, "wait"),
    ("stopped: another group", {}, {"stopped": [("group", "neighbours/g2")]}, NOON, "send"),
    ("stopped: no campaign at all", {"campaign": ""}, {"stopped": [("campaign", "spring")]}, NOON, "send"),
    ("group dissolved", {}, {"gone": {("chat", 1): "dissolved"}}, NOON, "skip"),
    ("person of the same number gone", {}, {"gone": {("person", 1): "left"}}, NOON, "send"),
    ("opted out", PERSON, {"suppressed": {1: {"opt_out"}}}, NOON, "skip"),
    ("opted out, service message", {**PERSON, "marketing": False}, {"suppressed": {1: {"opt_out"}}}, NOON, "skip"),
    ("support case, marketing", PERSON, {"suppressed": {1: {"support_case"}}}, NOON, "skip"),
    ("support case, service", {**PERSON, "marketing": False}, {"suppressed": {1: {"support_case"}}}, NOON, "send"),
    ("not to invite", {**PERSON, "stage": "acquisition"}, {"suppressed": {1: {"do_not_invite"}}}, NOON, "skip"),
    ("not to invite, other stage", PERSON, {"suppressed": {1: {"do_not_invite"}}}, NOON, "send"),
    ("a group is not a person", {}, {"suppressed": {1: {"opt_out"}}}, NOON, "send"),
    ("last moment", {"not_after": NOON}, {}, NOON, "send"),
    ("late", {"not_after": NOON - timedelta(seconds=1)}, {}, NOON, "skip"),
    ("late, ask", {"not_after": NOON - timedelta(hours=1), "catch_up": "ask"}, {}, NOON, "ask"),
    ("late, send", {"not_after": NOON - timedelta(hours=1), "catch_up": "send"}, {}, NOON, "send"),
    ("late, send, next day", {"catch_up": "send"}, {}, NOON + timedelta(days=1), "skip"),
    ("quiet hours", {"not_after": NIGHT}, {}, NIGHT, "wait"),
    ("quiet hours, card", {"not_after": NIGHT, "way": "hand_send"}, {}, NIGHT, "wait"),
    ("quiet hours, private", {"not_after": NIGHT, **PERSON}, {}, NIGHT, "wait"),
    ("quiet hours, welcome", {"not_after": NIGHT, "way": "welcome", "target_kind": "person"}, {}, NIGHT, "send"),
    ("quiet hours, staff", {"not_after": NIGHT, "way": "staff_notice", "target_kind": "staff"}, {}, NIGHT, "send"),
    ("quota free", {}, {"used": {("chat", 1): 6}}, NOON, "send"),
    ("quota used up", {}, {"used": {("chat", 1): 7}}, NOON, "skip"),
    ("a card costs no quota", {"way": "hand_send"}, {"used": {("chat", 1): 7}}, NOON, "send"),
    ("29 cards this minute", {"way": "hand_send"}, {"cards": {"zhou": 29}}, NOON, "send"),
    ("30 cards this minute", {"way": "hand_send"}, {"cards": {"zhou": 30}}, NOON, "wait"),
    ("five tries", {"attempts": 5}, {}, NOON, "dead"),
    ("kill switch beats everything", {"attempts": 5}, {"stopped": [("all", "all")]}, NOON, "wait"),
]


@pytest.mark.parametrize(("changes", "known", "now", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_each_bound(changes: dict[str, Any], known: dict[str, Any], now: datetime, expected: str) -> None:
    """One row, one rule."""
    assert verdict(candidate(**changes), HOME, facts(**known), now).what == expected


def test_a_community_out_of_the_settings_waits() -> None:
    """Without settings there are no quiet hours to keep, so nothing leaves."""
    assert verdict(candidate(), None, facts(), NOON).what == "wait"


SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("mode", "start", "end", "most"),
    [
        ("month_days", (2026, 2, 1), (2026, 3, 1), 28),
        ("month_4", (2026, 2, 1), (2026, 3, 1), 4),
        ("week_7", (2026, 2, 23), (2026, 3, 2), 7),
        ("day_1", (2026, 2, 28), (2026, 3, 1), 1),
    ],
)
def test_quota_periods_follow_the_calendar_of_the_platform(
    mode: Any, start: tuple[int, int, int], end: tuple[int, int, int], most: int
) -> None:
    """On the last evening of February 2026 in Shanghai, a Saturday."""
    found = quota_of(mode, datetime(2026, 2, 28, 23, 59, tzinfo=SHANGHAI).astimezone(UTC))
    assert found == (datetime(*start, tzinfo=SHANGHAI), datetime(*end, tzinfo=SHANGHAI), most)


@pytest.mark.parametrize(("zone", "quiet"), [("Asia/Shanghai", False), ("Asia/Tokyo", True), ("Europe/London", False)])
def test_quiet_hours_are_those_of_the_communitys_own_zone(zone: str, quiet: bool) -> None:
    """At 20:30 in Shanghai it is half past nine in Tokyo."""
    place = HOME.model_copy(update={"zone": zone, "quiet_hours": QuietHours(start=time(21), end=time(8))})
    assert quiet_now(place, datetime(2026, 3, 4, 20, 30, tzinfo=SHANGHAI)) is quiet
