"""Where a message goes: the chat id, the customer's id, the member of staff or the welcome code behind a target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from qunflow.delivery.welcome_codes import open_code
from qunflow.store.tables import welcomes
from qunflow.store.vault import Vault


def addresses_of(conn: Connection, vault: Vault, rows: Sequence[Row[Any]]) -> dict[int, str]:
    """Target id → address, for those of the rows that have one."""
    private = [row.target_ref for row in rows if row.way == "private_task"]
    persons = vault.external_userids(conn, private) if private else {}
    codes = _welcome_codes(conn, vault, [row for row in rows if row.way == "welcome"])
    found: dict[int, str] = {}
    for row in rows:
        if row.way == "welcome":
            address = codes.get((row.target_ref, row.sender_userid), "")
        elif row.target_kind == "person":
            address = persons.get(row.target_ref, "")
        else:
            address = row.chat_id or "" if row.way == "mass_task" else row.sender_userid
        if address:
            found[row.target_id] = address
    return found


def _welcome_codes(conn: Connection, vault: Vault, rows: Sequence[Row[Any]]) -> dict[tuple[int, str], str]:
    if not rows:
        return {}
    wanted = (
        select(welcomes)
        .where(welcomes.c.person_id.in_([row.target_ref for row in rows]), welcomes.c.answered_at.is_(None))
        .order_by(welcomes.c.received_at)
    )
    return {(row.person_id, row.userid): open_code(vault, row.sealed_code) for row in conn.execute(wanted)}
