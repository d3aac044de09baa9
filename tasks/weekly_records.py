"""
Check-ins between the inbox, the state and the history: moving rows, no rule of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

import pandas as pd
from sqlalchemy import Connection

from qunflow.conversion.orders import instant
from qunflow.runtime import Runtime
from qunflow.store import activities, inbox
from qunflow.store.activities import Activity, CheckinRow
from qunflow.store.inbox import InboxRow
from qunflow.store.vault import Vault
from qunflow.weekly_activity.challenge import Challenge
from qunflow.weekly_activity.checkins import Arrival, Checkin, Sorted

SOURCE = "inbox:checkin"


def challenge(week: Activity) -> Challenge:
    """A stored week as the rules know it."""
    return Challenge(week.activity_key, week.title, week.opens_on, week.closes_on, week.points_per_checkin)


def running_week(conn: Connection, community: str, day: date) -> Activity | None:
    """The week that is open on a local day, if one was opened."""
    return next(iter(activities.activities_between(conn, community, day, day)), None)


def arrivals_of(conn: Connection, vault: Vault, rows: Sequence[InboxRow]) -> list[Arrival]:
    """Inbox rows as taps; whoever is not known to us stays unknown, a tap makes nobody a person."""
    bodies = [(row.inbox_id, row.body if isinstance(row.body, dict) else {}) for row in rows]
    actors = {actor for _, body in bodies if (actor := str(body.get("actor") or ""))}
    persons = vault.known_persons(conn, "external_userid", actors)
    return [
        Arrival(
            inbox_id,
            str(body.get("code") or ""),
            persons.get(str(body.get("actor") or "")),
            instant(body.get("at")),
        )
        for inbox_id, body in bodies
    ]


def weeks_of(conn: Connection, codes: Collection[str]) -> tuple[dict[str, Challenge], list[tuple[str, int, date]]]:
    """The challenges behind these codes, and the check-ins already written down for them."""
    found = activities.by_code(conn, codes)
    code_of = {week.activity_id: code for code, week in found.items()}
    known = [(code_of[row.activity_id], row.person_id, row.local_day) for row in activities.checkins_of(conn, code_of)]
    return {code: challenge(week) for code, week in found.items()}, known


def checkins_in(conn: Connection, week: Activity) -> list[Checkin]:
    """The check-ins of a week as the rules know them."""
    rows = activities.checkins_of(conn, [week.activity_id])
    return [Checkin(0, week.code, row.person_id, row.local_day, row.checked_in_at) for row in rows]


def keep_sorted(conn: Connection, *, here: Runtime, told: Sorted, persons: Mapping[int, int], at: datetime) -> int:
    """Write sorted taps down; returns how many check-ins are new."""
    weeks = activities.by_code(conn, {one.code for one in told.checkins})
    rows = [CheckinRow(weeks[one.code].activity_id, one.person_id, one.day, one.at) for one in told.checkins]
    new = activities.keep_checkins(conn, rows)
    if told.checkins:
        ids = [one.inbox_id for one in told.checkins]
        here.history.append(conn, SOURCE, f"{SOURCE}:{min(ids)}-{max(ids)}", _events(told, weeks, at))
    inbox.mark(conn, [*(one.inbox_id for one in told.checkins), *told.repeats], "applied", "", at, persons)
    for reason, ids in _by_reason(told).items():
        inbox.mark(conn, ids, "quarantined", reason, at)
    return new


def _by_reason(told: Sorted) -> dict[str, list[int]]:
    reasons: dict[str, list[int]] = defaultdict(list)
    for one in told.refused:
        reasons[one.reason].append(one.inbox_id)
    return reasons


def _events(told: Sorted, weeks: Mapping[str, Activity], at: datetime) -> pd.DataFrame:
    rows = [
        {
            "event_key": f"checkin/{weeks[one.code].activity_id}/{one.person_id}/{one.day}",
            "happened_at": one.at,
            "recorded_at": at,
            "local_day": one.day,
            "kind": "checkin",
            "person_id": one.person_id,
        }
        for one in told.checkins
    ]
    return pd.DataFrame(rows)
