"""
Visits of the live-code page between the inbox and the history: moving rows, no rule of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.acquisition.scans import NOBODY, Scan, ScanFact, first_counted, read_scan
from qunflow.clock import local_day
from qunflow.runtime import Runtime
from qunflow.runtime.stage import StageRun
from qunflow.settings.workspace import Community
from qunflow.store import inbox
from qunflow.store.engine import lock
from qunflow.store.inbox import InboxRow

SOURCE = "scan_page"
KIND = "scan"
AT_ONCE = 5_000
_SQL = """
SELECT person_id, channel, happened_at, local_day
FROM events
WHERE kind = 'scan' AND json_extract_string(props, '$.community') = $community
  AND local_day BETWEEN $first_day AND $last_day
"""
Read = Sequence[tuple[InboxRow, Scan]]


def keep_scans(here: Runtime, now: datetime, at_once: int = AT_ONCE) -> int:
    """
    Write every visit that waits into the history, of whichever community; returns how many there were.

    Args:
        at_once: visits in one transaction.
    """
    total = 0
    while taken := here.store.write(partial(_keep, here=here, now=now, limit=at_once)):
        total += taken
    return total


def _keep(conn: Connection, here: Runtime, now: datetime, limit: int) -> int:
    # Two runs at once must not both make events of the same rows.
    lock(conn, f"inbox:{SOURCE}")
    rows = inbox.unapplied(conn, here.vault, SOURCE, limit)
    told = [(row, read_scan(row.body) if isinstance(row.body, dict) else None) for row in rows]
    homes = {one.key: one for one in here.workspace.communities}
    usable = [(row, scan) for row, scan in told if scan and scan.community in homes]
    persons = here.vault.known_persons(conn, "external_userid", {scan.actor for _, scan in usable if scan.actor})
    if usable:
        name = f"scans:{usable[0][0].inbox_id}-{usable[-1][0].inbox_id}"
        here.history.append(conn, f"inbox:{SOURCE}", name, events_of(usable, persons, homes, now))
    whose = {row.inbox_id: persons[scan.actor] for row, scan in usable if scan.actor in persons}
    inbox.mark(conn, [row.inbox_id for row, _ in usable], "applied", "", now, whose)
    inbox.mark(conn, [row.inbox_id for row, scan in told if scan is None], "quarantined", "malformed", now)
    lost = [row.inbox_id for row, scan in told if scan and scan.community not in homes]
    inbox.mark(conn, lost, "quarantined", "unknown_community", now)
    return len(rows)


def events_of(
    visits: Read, persons: Mapping[str, int], homes: Mapping[str, Community], recorded_at: datetime
) -> pd.DataFrame:
    """Visits as events; the same row is the same event however often it is read. A visitor nobody knows is 0."""
    rows: list[dict[str, Any]] = [
        {
            "event_key": f"{KIND}:{row.inbox_id}",
            "happened_at": scan.at,
            "recorded_at": recorded_at,
            "local_day": local_day(scan.at, homes[scan.community].zone_info),
            "kind": KIND,
            "person_id": persons.get(scan.actor, NOBODY),
            "channel": scan.channel,
            "props": json.dumps({"community": scan.community, "group_id": scan.group_id}, sort_keys=True),
        }
        for row, scan in visits
    ]
    return pd.DataFrame(rows)


def scans_of(conn: Connection, run: StageRun) -> list[ScanFact]:
    """The visits that the figures of a run's day count."""
    first: date = first_counted(run.day)
    days = {"first_day": first, "last_day": run.day}
    found = run.runtime.history.query(_SQL, since=first, until=run.day, conn=conn, community=run.community.key, **days)
    columns = (found[name].tolist() for name in ("person_id", "channel", "happened_at", "local_day"))
    return [ScanFact(who, channel, at.to_pydatetime(), day) for who, channel, at, day in zip(*columns, strict=True)]
