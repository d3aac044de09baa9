"""People in groups, for tests that need them there: written as a roster that was read would have them written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from qunflow.store import rosters

# Group, person, since when, and until when: None while they are there.
Seat = tuple[int, int, datetime, datetime | None]


def seated(conn: Connection, group_id: int, persons: Iterable[int], at: datetime, channel: str = "") -> None:
    """Let some people be in a group since an instant."""
    seat_all(conn, [(group_id, person, at, None) for person in persons], channel)


def seat_all(conn: Connection, seats: Iterable[Seat], channel: str = "") -> None:
    """Write stays; who left did so by a callback."""
    rosters.rewrite(conn, [_row(*seat, channel) for seat in seats], [], [])


def _row(group_id: int, person: int, since: datetime, until: datetime | None, channel: str) -> dict[str, Any]:
    when = {"joined_at": since, "left_at": until, "left_known_by": "callback" if until else None}
    how = {"join_scene": 3, "pulled_in": False, "inviter_userid": "", "channel": channel}
    return {"group_id": group_id, "person_id": person, "last_seen_at": since, **when, **how}
