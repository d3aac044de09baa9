"""
Rows that cannot even be read, set aside as dead letters: one of them would otherwise stop every claim.

It takes a hand in the database, or a disk that fails, to make one. What cannot be sent although it can be read is left
to ``sender`` and ``claims``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import DBAPIError

from qunflow.delivery.addresses import addresses_of
from qunflow.delivery.claims import rows_of, texts_of
from qunflow.delivery.ports import Ports
from qunflow.store.tables import targets

_CHUNK = 500


def set_aside(conn: Connection, ports: Ports) -> int:
    """Make approved targets whose row, words or address cannot be read dead, with a reason; returns how many."""
    approved = select(targets.c.target_id).where(targets.c.state == "approved").order_by(targets.c.target_id)
    ids = conn.execute(approved).scalars().all()
    broken = [one for start in range(0, len(ids), _CHUNK) for one in _broken(conn, ports, ids[start : start + _CHUNK])]
    for target_id, why in broken:
        reason = f"its row in the database cannot be read ({why})"
        conn.execute(update(targets).where(targets.c.target_id == target_id).values(state="dead", reason=reason))
    return len(broken)


def _broken(conn: Connection, ports: Ports, ids: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Those that cannot be read, each with the kind of error: halves of what cannot be read as a whole."""
    why = _problem(conn, ports, ids)
    if not why:
        return
    if len(ids) == 1:
        yield ids[0], why
        return
    middle = len(ids) // 2
    yield from _broken(conn, ports, ids[:middle])
    yield from _broken(conn, ports, ids[middle:])


def _problem(conn: Connection, ports: Ports, ids: Sequence[int]) -> str:
    try:
        rows = rows_of(conn, ids)
        texts_of(conn, [row.content_version for row in rows])
        addresses_of(conn, ports.vault, rows)
    except DBAPIError:
        raise  # the database's own trouble is no fault of a row
    except Exception as error:  # noqa: BLE001 - whatever a damaged value makes of its reader
        return type(error).__name__
    return ""
