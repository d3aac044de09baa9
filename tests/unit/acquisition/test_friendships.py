"""When two were friends follows from the set of what was told, in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from qunflow.acquisition.friendships import Friendship, friendships

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def hour(number: int) -> datetime:
    return AT + timedelta(hours=number)


@pytest.mark.parametrize(
    ("added", "ended", "expected"),
    [
        ([], [1], []),
        ([1], [], [(1, None)]),
        ([1, 2], [], [(1, None)]),
        ([1], [2], [(1, 2)]),
        ([1], [1], [(1, 1)]),
        ([3], [2], [(3, None)]),
        ([1, 3], [2], [(1, 2), (3, None)]),
        ([1, 3, 4], [2, 5, 6], [(1, 2), (3, 5)]),
        ([1, 2], [2], [(1, 2)]),
    ],
)
def test_beginnings_and_ends_become_times(
    added: list[int], ended: list[int], expected: list[tuple[int, int | None]]
) -> None:
    """The first beginning after an end begins a friendship, the first end at or after it ends it."""
    found = friendships({hour(one): str(one) for one in added}, [hour(one) for one in ended])
    assert found == [
        Friendship(hour(since), str(since), hour(until) if until is not None else None) for since, until in expected
    ]
