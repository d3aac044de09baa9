"""Where a message goes: chat id, customer's id, mail address, member of staff, robot or welcome code of a target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from qunflow.delivery.welcome_codes import open_code
from qunflow.store.tables import welcomes
from qunflow.store.vault import Vault

# What the vault knows a person by, where a message goes to the person.
_KNOWN_BY = {"private_task": "external_userid", "mail": "mail"}


def addresses_of(conn: Connection, vault: Vault, rows: Sequence[Row[Any]]) -> dict[int, str]:
    """Target id → address, for those of the rows that have one."""
    persons = {way: _persons(conn, vault, kind, way, rows) for way, kind in _KNOWN_BY.items()}
    codes = _welcome_codes(conn, vault, [row for row in rows if row.way == "welcome"])
    found: dict[int, str] = {}
    for row in rows:
        if row.way == "welcome":
            address = codes.get((row.target_ref, row.sender_userid), "")
        elif row.way in persons:
            address = persons[row.way].get(row.target_ref, "")
        else:
            address = row.chat_id or "" if row.way == "mass_task" else row.sender_userid
        if address:
            found[row.target_id] = address
    return found


def _persons(conn: Connection, vault: Vault, kind: str, way: str, rows: Sequence[Row[Any]]) -> dict[int, str]:
    refs = [row.target_ref for row in rows if row.way == way]
    return vault.values_of(conn, kind, refs) if refs else {}


def _welcome_codes(conn: Connection, vault: Vault, rows: Sequence[Row[Any]]) -> dict[tuple[int, str], str]:
    if not rows:
        return {}
    wanted = (
        select(welcomes)
        .where(welcomes.c.person_id.in_([row.target_ref for row in rows]), welcomes.c.answered_at.is_(None))
        .order_by(welcomes.c.received_at)
    )
    return {(row.person_id, row.userid): open_code(vault, row.sealed_code) for row in conn.execute(wanted)}
