"""
What contacts answered in private: a refusal is taken down at once, every answer is a sign of life in the history.

Answers come into the inbox under ``reply``, as ``{"external_userid": …, "text": …, "at": ISO instant}``; without the
chat archive a person writes them down. The words themselves stay sealed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from qunflow.acquisition.invitations import is_stop_word
from qunflow.clock import local_day
from qunflow.runtime import Runtime, current
from qunflow.settings.workspace import Community
from qunflow.store import inbox, people
from qunflow.store.inbox import InboxRow

SOURCE = "reply"
INBOX_LIMIT = 5_000
Reply = tuple[InboxRow, int, str, datetime]


def keep_replies(community: Community, now: datetime) -> int:
    """Apply the answers of a community's contacts; returns how many people do not want to be invited any more."""
    here = current()
    return here.store.write(lambda conn: _keep(conn, here, community, now))


def _keep(conn: Connection, here: Runtime, community: Community, now: datetime) -> int:
    rows = inbox.unapplied(conn, here.vault, SOURCE, INBOX_LIMIT)
    broken = [row.inbox_id for row in rows if _told(row) is None]
    inbox.mark(conn, broken, "quarantined", "malformed", now)
    told = [(row, *facts) for row in rows if (facts := _told(row)) is not None]
    person_of = here.vault.known_persons(conn, "external_userid", {who for _, who, _, _ in told})
    ours = {one.person_id for one in people.contacts_of(conn, community.key, with_deleted=True)}
    mine = [(row, person_of[who], text, at) for row, who, text, at in told if person_of.get(who) in ours]
    refusing = [person for _, person, text, _ in mine if is_stop_word(text)]
    _into_history(conn, here, community, mine, now)
    inbox.mark(conn, [row.inbox_id for row, *_ in mine], "applied", "", now, {row.inbox_id: p for row, p, *_ in mine})
    return people.suppress(conn, refusing, "do_not_invite", now, SOURCE)


def _told(row: InboxRow) -> tuple[str, str, datetime] | None:
    body = row.body if isinstance(row.body, dict) else {}
    who, text = body.get("external_userid"), body.get("text")
    try:
        at = datetime.fromisoformat(str(body.get("at")))
    except ValueError:
        return None
    usable = isinstance(who, str) and who and isinstance(text, str) and at.tzinfo
    return (str(who), str(text), at.astimezone(UTC)) if usable else None


def _into_history(
    conn: Connection, here: Runtime, community: Community, replies: Sequence[Reply], now: datetime
) -> None:
    if not replies:
        return
    events: list[dict[str, Any]] = [
        {
            "event_key": f"reply:{row.inbox_id}",
            "happened_at": at,
            "recorded_at": now,
            "local_day": local_day(at, community.zone_info),
            "kind": "reply",
            "person_id": person,
        }
        for row, person, _, at in replies
    ]
    span = f"{replies[0][0].inbox_id}-{replies[-1][0].inbox_id}"
    here.history.append(conn, "inbox:reply", f"replies:{community.key}:{span}", pd.DataFrame(events))
