"""
Committing to the inbox: the one thing that happens before any acknowledgement.

A repetition is acknowledged like the first and kept once.
"""

from __future__ import annotations

from qunflow.store import inbox
from qunflow.web.ports import WebPorts


def keep(ports: WebPorts, source: str, key: str, body: inbox.Body) -> bool:
    """
    Commit one row; returns whether it is new.

    Raises:
        StoreBusy: the database stayed locked; nothing was kept.
        PermanentError: the disk is full or may not be written; nothing was kept.
    """
    at = ports.clock.now()
    return ports.store.write(lambda conn: inbox.receive(conn, ports.vault, source, key, body, at))
