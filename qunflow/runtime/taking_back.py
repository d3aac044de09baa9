"""
Taking an import back while callbacks and rosters went on telling: what they said meanwhile stands on its own.

A callback that told of a stay a file had brought changed nothing then. Once the file is gone the stay follows from the
callback alone, so the stays of everybody the file spoke of are worked out anew, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.runtime import Runtime
from qunflow.runtime.group_reading import SOURCE
from qunflow.runtime.memberships import bring_in_line
from qunflow.store import evidence, members
from qunflow.store.importing import undo
from qunflow.store.importing.undo import Undone


def undo_import(here: Runtime, name: str, by: str, now: datetime) -> Undone:
    """
    Take an import back by its number or file name, all of it or nothing.

    Raises:
        BadInput: there is no such import, or it was made by a version that took no notes.
    """
    work_anew = partial(_work_anew, here, now)
    return undo.undo(here.store, here.vault, here.history, name, by, now, here.directory, work_anew)


def _work_anew(here: Runtime, now: datetime, conn: Connection, person_ids: Sequence[int]) -> None:
    told_of = evidence.groups_told_of(conn, person_ids)
    events: list[dict[str, Any]] = []
    for community in here.workspace.communities:
        known = [*members.groups_of(conn, community.key), *members.dissolved_of(conn, community.key)]
        for group_id in sorted({group.group_id for group in known} & told_of.keys()):
            events += bring_in_line(conn, community, group_id, told_of[group_id], now).events
    if events:
        name = f"undo:{events[0]['event_key']}:{now.isoformat()}"
        here.history.append(conn, SOURCE, name, pd.DataFrame(events))
