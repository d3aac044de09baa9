"""Writing many rows at once, in the same words on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Row = Mapping[str, Any]
Item = TypeVar("Item")

# SQLite allows 32,766 bound values a statement.
CHUNK = 5_000


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Cut ``items`` into lists of at most ``size``."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


def _insert(conn: Connection, table: Table) -> Any:
    # The two dialects' inserts have the same methods but no common type.
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)


def insert_ignore(conn: Connection, table: Table, rows: Sequence[Row]) -> int:
    """
    Insert the rows whose keys are new and leave the others as they are.

    Every row must have the same columns.

    Returns:
        How many rows are new.
    """
    # Counted by what comes back: the drivers do not agree on the row count of many inserts at once.
    return len(insert_new(conn, table, rows, [next(iter(table.primary_key)).name]))


def insert_new(conn: Connection, table: Table, rows: Sequence[Row], returning: Sequence[str]) -> list[tuple[Any, ...]]:
    """Like ``insert_ignore``, but give the ``returning`` columns of the rows that are new, in no order."""
    if not rows:
        return []
    statement = _insert(conn, table).on_conflict_do_nothing().returning(*(table.c[name] for name in returning))
    return [tuple(row) for row in conn.execute(statement, list(rows))]


def upsert(
    conn: Connection, table: Table, rows: Sequence[Row], *, key: Sequence[str], update: Sequence[str] | None = None
) -> None:
    """
    Insert the rows, and where ``key`` exists set the ``update`` columns.

    Args:
        key: columns with a unique constraint.
        update: columns to overwrite; all given ones outside the key when left out.
    """
    if not rows:
        return
    statement = _insert(conn, table)
    changed = [name for name in rows[0] if name not in key] if update is None else update
    values = {name: statement.excluded[name] for name in changed}
    conn.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values), list(rows))
