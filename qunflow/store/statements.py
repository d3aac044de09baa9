"""What a person got and gave, entry by entry, in the order it was booked. Words are left to the language catalogue."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from qunflow.store.ledger import Unit
from qunflow.store.tables import ledger_entries, ledger_postings


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as it concerns a person; ``left`` is what they hold of the unit in the community after it."""

    booked_at: datetime
    community: str
    unit: Unit
    reason: str
    event_key: str
    amount: int
    left: int


def statement(conn: Connection, person_id: int) -> list[Line]:
    """Every entry of a person, oldest first."""
    entries, postings = ledger_entries.c, ledger_postings.c
    named = (entries.booked_at, entries.community, entries.unit, entries.reason, entries.event_key)
    query = (
        select(*named, func.sum(postings.amount).label("amount"))
        .join_from(ledger_postings, ledger_entries)
        .where(postings.person_id == person_id)
        .group_by(entries.entry_id, *named)
        .order_by(entries.entry_id)
    )
    left: dict[tuple[str, str], int] = defaultdict(int)
    lines = []
    for row in conn.execute(query):
        left[row.community, row.unit] += int(row.amount)
        held = left[row.community, row.unit]
        line = Line(row.booked_at, row.community, row.unit, row.reason, row.event_key, int(row.amount), held)
        lines.append(line)
    return lines
