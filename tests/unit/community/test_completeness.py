"""A day's data are as complete as three sources agree; a leave within bounds is no disagreement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.community.completeness import Grade, GroupDay, Official, Presence, Reason, bounds, grades, of_community

END = datetime(2026, 3, 2, 16, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = GroupDay("g1", "zhou", 100, 100, 2, 3, was_read=True, was_told=True, contradictions=0)
AGREES = {"zhou": Official(1, 102, 3)}


def letter(day: GroupDay = DAY, official: dict[str, Official] | None = AGREES) -> str:
    return grades([day], official)[0].letter


@pytest.mark.parametrize(
    ("low", "high", "official", "expected"),
    [
        (100, 100, Official(1, 102, 3), "A"),
        (99, 101, Official(1, 101, 3), "A"),
        (100, 100, Official(1, 101, 3), "B"),
        (100, 100, Official(1, 98, 3), "C"),
        (100, 100, Official(1, 90, 3), "D"),
        (100, 100, Official(1, 102, 5), "C"),
    ],
)
def test_the_grade_follows_how_far_the_sources_differ(low: int, high: int, official: Official, expected: str) -> None:
    """Inside the bounds is agreement; beyond them one in a hundred is B, five C, more D; missed joins count."""
    assert letter(replace(DAY, low=low, high=high), {"zhou": official}) == expected


@pytest.mark.parametrize(
    ("day", "official", "reason"),
    [
        (replace(DAY, was_read=False), AGREES, Reason.NOT_READ),
        (replace(DAY, was_told=False), AGREES, Reason.NOTHING_TOLD),
        (DAY, None, Reason.NO_STATISTICS),
        (DAY, {}, Reason.NO_STATISTICS),
    ],
)
def test_a_missing_source_is_d_and_says_which(
    day: GroupDay, official: dict[str, Official] | None, reason: Reason
) -> None:
    """Not read, never told, no statistics: D each, and no difference to warn of."""
    (grade,) = grades([day], official)

    assert (grade.letter, reason in grade.reasons, grade.differs) == ("D", True, False)


def test_an_owner_with_groups_of_his_own_cannot_be_compared() -> None:
    """Official figures are of all his groups; with others among them the best grade is C."""
    (grade,) = grades([DAY], {"zhou": Official(2, 300, 9)})

    assert (grade.letter, grade.reasons) == ("C", (Reason.NOT_COMPARABLE,))


CLOSED = replace(DAY, group="old", low=40, high=40, staff=1, joins=0, was_read=False)


@pytest.mark.parametrize(
    ("official", "expected"),
    [
        (Official(2, 143, 3), "A"),
        (Official(2, 142, 3), "B"),
        (Official(2, 120, 3), "D"),
        (Official(1, 102, 3), "A"),
        (Official(3, 150, 3), "C"),
    ],
)
def test_a_group_closed_here_and_still_there_is_added(official: Official, expected: str) -> None:
    """Counted where official figures count it, left out where they do not, never graded; a third one is unknown."""
    found = grades([DAY], {"zhou": official}, [CLOSED, replace(CLOSED, owner="wang")])

    assert [(one.group, one.letter) for one in found] == [("g1", expected)]


def test_callbacks_that_fit_no_stay_lower_the_grade() -> None:
    """One told leave of nobody in a hundred is B, and says that callbacks differ."""
    (grade,) = grades([replace(DAY, contradictions=1)], AGREES)

    assert (grade.letter, grade.reasons) == ("B", (Reason.CALLBACKS_DIFFER,))


def test_a_community_is_as_good_as_nearly_all_its_people() -> None:
    """One small group of a worse grade does not drag hundreds of groups down; a big one does."""
    good, small, big = Grade("g1", "A", (), 950), Grade("g2", "D", (), 40), Grade("g3", "D", (), 200)

    assert (of_community([good, small]), of_community([good, big]), of_community([])) == ("A", "D", "D")


def test_members_at_an_instant_lie_between_bounds() -> None:
    """Certain before the earliest leave, possible until the latest; gone after it, not there before joining."""
    stays = [
        Presence(END - 9 * HOUR, None, None),
        Presence(END - 9 * HOUR, END - HOUR, END + HOUR),
        Presence(END - 9 * HOUR, END - HOUR, END - HOUR),
        Presence(END, None, None),
    ]

    assert bounds(stays, END) == (1, 2)


@given(st.integers(0, 200), st.integers(0, 40), st.integers(0, 300))
def test_a_wider_bound_never_lowers_a_grade(low: int, more: int, official: int) -> None:
    """Knowing less exactly when somebody left cannot make the sources disagree more."""
    day = replace(DAY, low=low, high=low, staff=0, joins=0)
    narrow, wide = (letter(one, {"zhou": Official(1, official, 0)}) for one in (day, replace(day, high=low + more)))

    assert wide <= narrow
