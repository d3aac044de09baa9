"""The bounds as a table: what leaves, what waits, what is skipped."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from qunflow.delivery.bounds import Candidate, Facts, Verdict, quiet_now, verdict
from qunflow.settings.workspace import Caps, Community, Holiday, QuietHours, Quota
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
        "slot_key": "noon",
        "local_day": DAY,
        "wave": 0,
        "not_after": NOON + timedelta(minutes=10),
        "marketing": True,
        "catch_up": "skip",
        "attempts": 0,
        **changes,
    }
    return Candidate(**values)


def facts(**changes: Any) -> Facts:
    return Facts(**changes)


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
    ("quota kept for conversion", {}, {"used": {("chat", 1): 5}, "kept": {("chat", 1): 2}}, NOON, "skip"),
    ("quota kept, one above", {}, {"used": {("chat", 1): 4}, "kept": {("chat", 1): 2}}, NOON, "send"),
    (
        "conversion may take it",
        {"stage": "conversion"},
        {"used": {("chat", 1): 6}, "kept": {("chat", 1): 1}},
        NOON,
        "send",
    ),
    ("test group", {"wave": 1}, {}, NOON, "send"),
    ("second wave", {"wave": 2}, {}, NOON, "wait"),
    ("second wave, released", {"wave": 2}, {"released": {("noon", DAY, 2)}}, NOON, "send"),
    ("second wave, first released", {"wave": 2}, {"released": {("noon", DAY, 1)}}, NOON, "wait"),
    ("group heard 15", {"way": "hand_send"}, {"heard_today": {("chat", 1): 15}}, NOON, "send"),
    ("group heard 16", {"way": "hand_send"}, {"heard_today": {("chat", 1): 16}}, NOON, "skip"),
    ("person got one today", PERSON, {"heard_today": {("person", 1): 1}}, NOON, "skip"),
    ("person got one, service", {**PERSON, "marketing": False}, {"heard_today": {("person", 1): 1}}, NOON, "send"),
    ("person got two in the week", PERSON, {"heard_week": {1: 2}}, NOON, "send"),
    ("person got three in the week", PERSON, {"heard_week": {1: 3}}, NOON, "skip"),
    ("a card costs no quota", {"way": "hand_send"}, {"used": {("chat", 1): 7}}, NOON, "send"),
    ("29 cards this minute", {"way": "hand_send"}, {"cards": {"zhou": 29}}, NOON, "send"),
    ("30 cards this minute", {"way": "hand_send"}, {"cards": {"zhou": 30}}, NOON, "wait"),
]


@pytest.mark.parametrize(("changes", "known", "now", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_each_bound(changes: dict[str, Any], known: dict[str, Any], now: datetime, expected: str) -> None:
    """One row, one rule."""
    assert verdict(candidate(**changes), HOME, facts(**known), now).what == expected


def test_a_community_out_of_the_settings_waits() -> None:
    """Without settings there are no quiet hours to keep, so nothing leaves."""
    assert verdict(candidate(), None, facts(), NOON).what == "wait"


SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_what_is_let_go_counts_for_the_next() -> None:
    """Within one batch the second message of a person meets the first one's count."""
    known, one = facts(kept={("person", 1): 1}), candidate(**PERSON, stage="conversion")
    assert verdict(one, HOME, known, NOON).what == "send"
    known.count(one)
    assert verdict(one, HOME, known, NOON) == Verdict("skip", "cap: the person has got 1 of 1 today")
    assert (known.used, known.kept, known.heard_week) == ({("person", 1): 1}, {("person", 1): 0}, {1: 1})


def test_no_cap_is_no_cap() -> None:
    """0 in the settings lets everything through."""
    free = HOME.model_copy(update={"caps": Caps(person_per_day=0, person_per_week=0, group_per_day=0)})
    known = facts(heard_today={("person", 1): 99}, heard_week={1: 99})
    assert verdict(candidate(**PERSON), free, known, NOON).what == "send"


REST = QuietHours(rest_day_end=time(9, 30))


@pytest.mark.parametrize(
    ("day", "changed", "quiet"),
    [
        (date(2026, 3, 4), (), False),  # a Wednesday
        (date(2026, 3, 7), (), True),  # a Saturday
        (date(2026, 10, 1), (), True),  # the National Day, a Thursday
        (date(2026, 10, 10), (), False),  # a Saturday that is worked
        (date(2026, 10, 10), (Holiday(on=date(2026, 10, 10), off=True),), True),
        (date(2026, 10, 1), (Holiday(on=date(2026, 10, 1), off=False),), False),
    ],
)
def test_on_days_of_rest_quiet_hours_end_later(day: date, changed: tuple[Holiday, ...], quiet: bool) -> None:
    """At nine in the morning of working days, weekends, holidays, worked weekends and days the community changed."""
    home = HOME.model_copy(update={"quiet_hours": REST, "holidays": changed})
    assert quiet_now(home, datetime.combine(day, time(9), SHANGHAI)) is quiet


@pytest.mark.parametrize(("zone", "quiet"), [("Asia/Shanghai", False), ("Asia/Tokyo", True), ("Europe/London", False)])
def test_quiet_hours_are_those_of_the_communitys_own_zone(zone: str, quiet: bool) -> None:
    """At 20:30 in Shanghai it is half past nine in Tokyo."""
    place = HOME.model_copy(update={"zone": zone, "quiet_hours": QuietHours(start=time(21), end=time(8))})
    assert quiet_now(place, datetime(2026, 3, 4, 20, 30, tzinfo=SHANGHAI)) is quiet
