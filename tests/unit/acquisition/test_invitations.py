"""A contact who has not joined is asked again, rarely, with changing words, and left alone when told so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.acquisition.invitations import (
    Candidate,
    StopSignal,
    asking_window,
    invitations_due,
    is_stop_word,
    stop_signal,
    text_for,
)

DAY = date(2026, 3, 10)
SHANGHAI = ZoneInfo("Asia/Shanghai")
CONTACT = Candidate(7, "helper", "poster-a", False, False, False, 0, DAY - timedelta(days=7))


def signal(**changes: object) -> StopSignal | None:
    return stop_signal(replace(CONTACT, **changes), DAY, interval_days=7, limit=3)  # type: ignore[arg-type]


def test_a_contact_outside_every_group_is_asked_after_the_interval() -> None:
    """Seven days after the last word a contact may be asked."""
    assert signal() is None
    assert signal(last_asked_on=DAY - timedelta(days=6)) is StopSignal.TOO_SOON


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"in_group": True, "ever_joined": True}, StopSignal.JOINED),
        ({"ever_joined": True}, StopSignal.LEFT_BY_CHOICE),
        ({"deleted": True}, StopSignal.DELETED),
        ({"suppressions": frozenset({"opt_out"})}, StopSignal.REFUSED),
        ({"suppressions": frozenset({"do_not_invite"})}, StopSignal.REFUSED),
        ({"suppressions": frozenset({"support_case"})}, StopSignal.SUPPORT_CASE),
        ({"attempts": 3}, StopSignal.LIMIT_REACHED),
    ],
)
def test_each_stop_signal_stops(changes: dict[str, object], reason: StopSignal) -> None:
    """Joined, gone, refused, in a dispute or asked often enough: never asked again."""
    assert signal(**changes) is reason


@pytest.mark.parametrize(("limit", "expected"), [(1, "A"), (2, "AE"), (3, "ABE"), (5, "ABCDE"), (6, "ABCDBE")])
def test_texts_begin_with_a_and_end_with_e(limit: int, expected: str) -> None:
    """The first is a reminder, the last a goodbye, those between take turns."""
    used = [text_for(attempt, limit=limit, texts=5, person_id=0) for attempt in range(1, limit + 1)]

    assert "".join(chr(65 + text) for text in used) == expected


@given(st.integers(1, 8), st.integers(2, 6), st.integers(0, 10**6))
def test_every_text_exists(limit: int, texts: int, person_id: int) -> None:
    """Whatever the settings, the text chosen is one of those there are."""
    for attempt in range(1, limit + 1):
        assert 0 <= text_for(attempt, limit=limit, texts=texts, person_id=person_id) < texts


def test_an_invitation_counts_on_from_the_last() -> None:
    """The second time a person is asked is attempt 2, with one of the middle texts."""
    due = invitations_due([replace(CONTACT, attempts=1)], DAY, interval_days=7, limit=3, texts=5)

    assert [(one.attempt, one.letter) for one in due] == [(2, "C")]


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("2026-03-10T00:05", ("10:00", "11:30")),
        ("2026-03-10T10:30", ("10:30", "11:30")),
        ("2026-03-10T12:00", ("15:00", "17:00")),
        ("2026-03-10T17:00", None),
    ],
)
def test_people_are_asked_in_the_late_morning_or_afternoon(local: str, expected: tuple[str, str] | None) -> None:
    """A run at night plans for ten o'clock; one in the evening asks nobody today."""
    window = asking_window(DAY, datetime.fromisoformat(local).replace(tzinfo=SHANGHAI).astimezone(UTC), SHANGHAI)

    shown = tuple(at.astimezone(SHANGHAI).strftime("%H:%M") for at in window) if window else None
    assert shown == expected


@pytest.mark.parametrize(
    ("reply", "stops"),
    [
        ("不用", True),
        ("不用了。", True),
        ("退订", True),
        ("别发啦", True),
        ("不用会员也能买吗", False),
        ("好的", False),
    ],
)
def test_a_short_refusal_is_understood(reply: str, stops: bool) -> None:
    """A refusal is a short answer; a question that holds the same word is not."""
    assert is_stop_word(reply) is stops
