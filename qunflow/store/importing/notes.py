"""
What an import changed in the store, noted so that exactly this can be taken back.

The rows around an import are looked at before and after: rows that are new, and rows that are not any more as they
were. A new row is noted by its owner and a stamp of what stands in it, so whoever changed it since is found out; an
old one is noted whole. The note is sealed with the workspace's key; it names nobody.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Date, LargeBinary, Table, and_, bindparam, delete, insert, select

from qunflow.store.rows import chunks
from qunflow.store.tables import (
    Instant,
    contacts,
    coupons,
    identities,
    identity_reviews,
    ledger_entries,
    ledger_postings,
    memberships,
    metadata,
    orders,
    person_fields,
    person_keys,
    persons,
    quarantine,
)

# Table → the column that says whose or which a row is; an import looks at the rows of the owners it has to do with.
OWNERS: Mapping[Table, str] = {
    persons: "person_id",
    person_keys: "person_id",
    person_fields: "person_id",
    identities: "person_id",
    contacts: "person_id",
    memberships: "person_id",
    identity_reviews: "person_id",
    orders: "source_key",
    coupons: "code",
    ledger_entries: "event_key",
    ledger_postings: "entry_id",
    quarantine: "source",
}
OF_PERSONS = (persons, person_keys, person_fields, identities, contacts, memberships, identity_reviews)
Owner = int | str
Watch = Mapping[Table, Iterable[Owner]]
Stamps = dict[Owner, Counter[int]]


@dataclass(frozen=True, slots=True)
class TableNote:
    """Of one table: its columns then, owner → stamps of new rows, and rows as they were before."""

    columns: tuple[str, ...]
    made: Mapping[Owner, Sequence[int]]
    before: Sequence[Mapping[str, Any]]

    @property
    def rows(self) -> int:
        """How many rows are new or changed."""
        return sum(len(stamps) for stamps in self.made.values())


@dataclass(frozen=True, slots=True)
class Note:
    """Everything an import changed: table name → what, and the name of its batch in the history."""

    batch: str = ""
    tables: Mapping[str, TableNote] = field(default_factory=dict)
    file: Mapping[str, str] = field(default_factory=dict)

    def made(self, table: Table) -> list[Owner]:
        """The owners of new rows of a table."""
        note = self.tables.get(table.name)
        return list(note.made) if note else []


@dataclass(frozen=True, slots=True)
class Seen:
    """The rows of some owners at one moment: table → owner → stamp → row."""

    rows: Mapping[Table, Mapping[Owner, Mapping[int, Mapping[str, Any]]]]


def look(conn: Connection, watch: Watch) -> Seen:
    """Look at the rows of owners."""
    found: dict[Table, dict[Owner, dict[int, Mapping[str, Any]]]] = {}
    for table, owners in watch.items():
        names = tuple(table.c.keys())
        by_owner: dict[Owner, dict[int, Mapping[str, Any]]] = defaultdict(dict)
        for row in _rows_of(conn, table, owners):
            by_owner[row[OWNERS[table]]][_stamp(row, names)] = row
        found[table] = by_owner
    return Seen(found)


def stamped(conn: Connection, watch: Watch, before: Seen) -> dict[str, TableNote]:
    """What differs from an earlier look, table by table; tables without a difference are left out."""
    found = {table.name: _difference(conn, table, owners, before) for table, owners in watch.items()}
    return {name: note for name, note in found.items() if note.made or note.before}


def _difference(conn: Connection, table: Table, owners: Iterable[Owner], before: Seen) -> TableNote:
    names = tuple(table.c.keys())
    was = {owner: dict(rows) for owner, rows in before.rows.get(table, {}).items()}
    made: dict[Owner, list[int]] = defaultdict(list)
    for row in _rows_of(conn, table, owners):
        owner, stamp = row[OWNERS[table]], _stamp(row, names)
        if was.get(owner, {}).pop(stamp, None) is None:
            made[owner].append(stamp)
    return TableNote(names, made, [row for rows in was.values() for row in rows.values()])


def packed(note: Note) -> bytes:
    """A note as bytes."""
    tables = {
        name: {
            "columns": one.columns,
            "owners": list(one.made),
            "stamps": list(one.made.values()),
            "before": [_plain_row(row) for row in one.before],
        }
        for name, one in note.tables.items()
    }
    plain = {"batch": note.batch, "tables": tables, "file": dict(note.file)}
    return zlib.compress(json.dumps(plain, ensure_ascii=False).encode(), 1)


def opened(content: bytes) -> Note:
    """A note from its bytes."""
    plain = json.loads(zlib.decompress(content))
    tables = {
        name: TableNote(
            tuple(one["columns"]),
            dict(zip(one["owners"], one["stamps"], strict=True)),
            [_typed_row(metadata.tables[name], row) for row in one["before"]],
        )
        for name, one in plain["tables"].items()
    }
    return Note(plain["batch"], tables, plain["file"])


def take_back(
    conn: Connection, note: Note, forgiven: frozenset[Owner], require_free: Callable[[Mapping[str, int]], None]
) -> None:
    """
    Delete what is new and put back what was there before.

    Args:
        forgiven: persons who were erased since: what is left of theirs goes, what is missing is not missed.
        require_free: asked before the persons themselves go and the old rows come back, with table → rows that are not
            any more as the import left them; raises to keep everything.
    """
    names = [table for table in metadata.sorted_tables if table.name in note.tables]
    differing = {
        table.name: missing
        for table in reversed(names)
        if table is not persons and (missing := _take_back_table(conn, table, note.tables[table.name], forgiven))
    }
    require_free(differing)
    if persons in names:
        _take_back_table(conn, persons, note.tables[persons.name], forgiven)
    for table in names:
        if note.tables[table.name].before:
            conn.execute(insert(table), list(note.tables[table.name].before))


def _take_back_table(conn: Connection, table: Table, note: TableNote, forgiven: frozenset[Owner]) -> int:
    wanted = {owner: Counter(stamps) for owner, stamps in note.made.items()}
    mine: list[Mapping[str, Any]] = []
    for row in _rows_of(conn, table, wanted):
        left = wanted[row[OWNERS[table]]]
        stamp = _stamp(row, note.columns)
        if left[stamp]:
            left[stamp] -= 1
            mine.append(row)
    _delete(conn, table, mine)
    is_of_persons = table in OF_PERSONS
    return sum(left.total() for owner, left in wanted.items() if not (is_of_persons and owner in forgiven))


def _delete(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    keys = [column.name for column in table.primary_key]
    if len(keys) == 1:
        for part in chunks(row[keys[0]] for row in rows):
            conn.execute(delete(table).where(table.c[keys[0]].in_(part)))
    elif rows:
        same = and_(*(table.c[name] == bindparam(f"key_{name}", type_=table.c[name].type) for name in keys))
        conn.execute(delete(table).where(same), [{f"key_{name}": row[name] for name in keys} for row in rows])


def _rows_of(conn: Connection, table: Table, owners: Iterable[Owner]) -> Iterator[Mapping[str, Any]]:
    column = table.c[OWNERS[table]]
    for part in chunks(owners):
        yield from map(dict, conn.execute(select(table).where(column.in_(part))).mappings())


def _stamp(row: Mapping[str, Any], names: Sequence[str]) -> int:
    return zlib.crc32(repr(tuple(row[name] for name in names)).encode())


def _plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date | datetime) else value


def _typed_row(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _typed(table, name, value) for name, value in row.items()}


def _typed(table: Table, name: str, value: Any) -> Any:
    kind = table.c[name].type
    if not isinstance(value, str):
        return value
    if isinstance(kind, LargeBinary):
        return base64.b64decode(value)
    if isinstance(kind, Instant):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if isinstance(kind, Date) else value
