"""
Taking an import back: its rows go, its events are withdrawn, and what it changed is again as it was.

Nothing is taken back by halves. Where something was built on what came with the file (a coupon was used, a message was
sent, a later file leaned on it), nothing is changed and each reason is told with how often it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from qunflow.errors import BadInput
from qunflow.settings.workspace import FILE_NAME
from qunflow.store import audit
from qunflow.store.engine import Store, lock
from qunflow.store.files import write_durably
from qunflow.store.history import History
from qunflow.store.importing import groups, notes, record
from qunflow.store.importing.notes import Note, Owner
from qunflow.store.importing.orders import pushed_keys
from qunflow.store.importing.record import ImportRow
from qunflow.store.rows import chunks
from qunflow.store.tables import coupons, imports, inbox, memberships, metadata, orders, persons, targets
from qunflow.store.tables import groups as groups_table
from qunflow.store.vault import Vault

# Kinds that may bring the same things: what one of them found there, another may have brought.
_LEANING = {"members": ("members", "events"), "events": ("members", "events")}
WorkAnew = Callable[[Connection, Sequence[int]], None]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an import cannot be taken back: ``name`` is in the catalogue, ``count`` rows, ``which`` import or table."""

    name: str
    count: int
    which: str = ""


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of it; with ``reasons`` nothing was changed."""

    row: ImportRow
    rows: int
    events: int
    reasons: Sequence[Reason] = ()


class _BuiltOnError(Exception):
    """Carries the reasons out of the transaction, so that it is rolled back."""

    def __init__(self, row: ImportRow, reasons: Sequence[Reason]) -> None:
        super().__init__()
        self.row, self.reasons = row, reasons


def undo(
    store: Store,
    vault: Vault,
    history: History,
    name: str,
    by: str,
    now: datetime,
    directory: Path,
    work_anew: WorkAnew,
) -> Undone:
    """
    Take an import back by its number or file name, all of it or nothing.

    Args:
        directory: the workspace, whose settings lose the groups that came with a file.
        by: who asked for it, for the audit log.
        work_anew: told whose memberships are again as they were: callbacks may have said more since.

    Raises:
        BadInput: there is no such import, or it was made by a version that took no notes.
    """
    try:
        return store.write(lambda conn: _undo(conn, vault, history, name, by, now, directory, work_anew))
    except _BuiltOnError as refused:
        return Undone(refused.row, 0, 0, refused.reasons)


def _undo(
    conn: Connection,
    vault: Vault,
    history: History,
    name: str,
    by: str,
    now: datetime,
    directory: Path,
    work_anew: WorkAnew,
) -> Undone:
    lock(conn, "imports")
    row = record.found(conn, name)
    note = record.noted(conn, vault, row.import_id)
    if note is None:
        raise BadInput(f"import {row.import_id} has no note of what it brought", "it was made by an older version")
    reasons = [*_later(conn, row), *_pushed(conn, vault, note, row.imported_at), *_used_codes(conn, note)]
    settings, problem = groups.without_lines(directory, note.file) if note.file else ("", "")
    reasons += [Reason(problem, 1)] if problem else []
    chats = groups.in_store(conn, row.community, note.file) if note.file else []
    events = history.withdraw(conn, note.batch, now) if note.batch else 0
    made = [int(person) for person in note.made(persons)]
    erased = _erased(conn, made)

    def require_free(differing: Mapping[str, int]) -> None:
        changed = [Reason("changed", count, table) for table, count in differing.items()]
        if every := [*reasons, *changed, *_in_use(conn, history, made, erased), *_referring(conn, groups_table, chats)]:
            raise _BuiltOnError(row, every)

    notes.take_back(conn, note, erased, require_free)
    work_anew(conn, _with_stays(note))
    gone = update(imports).where(imports.c.import_id == row.import_id)
    conn.execute(gone.values(undone_at=now, sealed_note=None))
    conn.execute(delete(groups_table).where(groups_table.c.group_id.in_(chats)))
    audit.record(conn, by, "import.undo", f"import:{row.import_id}", now, {"file": row.file_name})
    if note.file:
        write_durably(directory / FILE_NAME, settings.encode())
    return Undone(row, sum(one.rows for one in note.tables.values()), events)


def _with_stays(note: Note) -> list[int]:
    """Everybody whose memberships an import made or changed."""
    noted = note.tables.get(memberships.name)
    before = [row["person_id"] for row in noted.before] if noted else []
    return sorted({int(person) for person in (*note.made(memberships), *before)})


def _later(conn: Connection, row: ImportRow) -> Iterable[Reason]:
    """Later imports that found something there already: perhaps what this one brought."""
    query = select(imports.c.import_id, imports.c.rows_known).where(
        imports.c.import_id > row.import_id,
        imports.c.community == row.community,
        imports.c.kind.in_(_LEANING.get(row.kind, (row.kind,))),
        imports.c.undone_at.is_(None),
        imports.c.rows_known > 0,
    )
    for later in conn.execute(query.order_by(imports.c.import_id.desc())):
        yield Reason("later_import", later.rows_known, str(later.import_id))


def _pushed(conn: Connection, vault: Vault, note: Note, imported_at: datetime) -> Iterable[Reason]:
    """Orders the shop pushed by itself since: they stand on more than the file."""
    tables = note.tables.get(orders.name)
    known = {row["source_key"] for row in tables.before} if tables else set()
    rows: list[Mapping[str, Any]] = []
    for part in chunks(note.made(orders)):
        rows += map(dict, conn.execute(select(orders).where(orders.c.source_key.in_(part))).mappings())
    new = pushed_keys([row for row in rows if row["source_key"] not in known])
    changed = pushed_keys([row for row in rows if row["source_key"] in known])
    applied = inbox.c.state == "applied"
    count = _count(conn, inbox, "key_digest", [vault.digest("inbox:order", key) for key in new], applied)
    digests = [vault.digest("inbox:order", key) for key in changed]
    count += _count(conn, inbox, "key_digest", digests, applied, inbox.c.applied_at > imported_at)
    if count:
        yield Reason("pushed", count)


def _used_codes(conn: Connection, note: Note) -> Iterable[Reason]:
    """Codes that came with an order since."""
    tables = note.tables.get(coupons.name)
    known = {row["code"] for row in tables.before} if tables else set()
    if count := _count(conn, orders, "coupon_code", [code for code in note.made(coupons) if code not in known]):
        yield Reason("code_in_order", count)


def _in_use(conn: Connection, history: History, made: Sequence[int], erased: frozenset[Owner]) -> Iterable[Reason]:
    """What refers to the persons of an import, once its own rows are gone."""
    mine = [person for person in made if person not in erased]
    yield from _referring(conn, persons, mine)
    if count := _count(conn, targets, "target_ref", mine, targets.c.target_kind == "person"):
        yield Reason("written_to", count)
    sql = "SELECT count(*) AS events FROM events WHERE person_id IN (SELECT unnest($persons))"
    if mine and (count := int(history.query(sql, conn=conn, persons=mine)["events"].iloc[0])):
        yield Reason("in_history", count)


def _referring(conn: Connection, to: Table, numbers: Sequence[int]) -> Iterable[Reason]:
    """Rows of other tables that refer to some of a table."""
    for table in metadata.sorted_tables:
        columns = [key.parent.name for key in table.foreign_keys if key.column.table is to]
        if count := sum(_count(conn, table, column, numbers) for column in columns):
            yield Reason("in_use", count, table.name)


def _erased(conn: Connection, made: Sequence[int]) -> frozenset[Owner]:
    found: set[Owner] = set()
    for part in chunks(made):
        query = select(persons.c.person_id).where(persons.c.person_id.in_(part), persons.c.erased_at.is_not(None))
        found.update(conn.execute(query).scalars())
    return frozenset(found)


def _count(conn: Connection, table: Table, column: str, values: Sequence[object], *more: ColumnElement[bool]) -> int:
    total = 0
    for part in chunks(values):
        query = select(func.count()).select_from(table).where(table.c[column].in_(part), *more)
        total += int(conn.execute(query).scalar_one())
    return total
