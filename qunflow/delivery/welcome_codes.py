"""
Welcome codes as they are kept: sealed, found by a keyed hash, good for 20 seconds and once.

Who collects and answers them is left to ``welcome``.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from qunflow.store.rows import insert_ignore
from qunflow.store.tables import welcomes
from qunflow.store.vault import Vault

WINDOW = timedelta(seconds=20)
_CONTEXT = "welcome_code"


def code_digest(vault: Vault, code: str) -> str:
    """What a code is found by."""
    return vault.digest(_CONTEXT, code)


def open_code(vault: Vault, sealed: bytes) -> str:
    """The code in clear."""
    return vault.open_bytes(sealed, _CONTEXT).decode()


def remember_welcome(
    conn: Connection, vault: Vault, *, person_id: int, userid: str, channel: str, code: str, received_at: datetime
) -> bool:
    """
    Keep a welcome code until it is answered.

    Args:
        person_id: who was added.
        userid: the member of staff they added.
        channel: the ``State`` of the contact way.
        code: ``WelcomeCode`` of the event.
        received_at: the event's time; the code works for 20 seconds from then.

    Returns:
        False when the code is known already.
    """
    row = {
        "code_digest": code_digest(vault, code),
        "person_id": person_id,
        "userid": userid,
        "channel": channel,
        "sealed_code": vault.seal_bytes(code.encode(), _CONTEXT),
        "received_at": received_at,
    }
    return insert_ignore(conn, welcomes, [row]) == 1
