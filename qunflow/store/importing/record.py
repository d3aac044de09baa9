"""
Which files were imported: one row an import, the work and its note in one transaction.

A file stands once for each kind. Taken back, it may come again; its row stays on the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from qunflow.errors import BadInput
from qunflow.store import quarantine
from qunflow.store.engine import lock
from qunflow.store.history import IMPORTED, History
from qunflow.store.importing import notes
from qunflow.store.importing.files import Reject
from qunflow.store.importing.kinds import ImportKind
from qunflow.store.importing.notes import Note, Watch
from qunflow.store.tables import imports
from qunflow.store.tables import quarantine as quarantine_table
from qunflow.store.vault import Vault

if TYPE_CHECKING:
    import pandas as pd

NOTE = "import-note"
# Under which stage the rows stand that could not be used.
STAGES: Mapping[ImportKind, str] = {
    "members": "acquisition",
    "groups": "acquisition",
    "orders": "conversion",
    "coupons": "conversion",
    "events": "retention",
}


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One import: counts of rows, and since when it is taken back (``None`` while it stands)."""

    import_id: int
    kind: str
    community: str
    file_name: str
    rows_read: int
    rows_kept: int
    rows_new: int
    rows_known: int
    rows_doubtful: int
    rows_quarantined: int
    imported_at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Head:
    """A file under a mapping, as its import is written down."""

    kind: ImportKind
    community: str
    file_name: str
    sha256: str
    mapping: Mapping[str, Any]
    rows_read: int
    rows_new: int
    rows_known: int
    rows_doubtful: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What an import kept; ``already`` means that the file stands as imported and nothing changed."""

    import_id: int
    rows_kept: int
    rows_quarantined: int
    events: int
    already: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """
    What an import does in its transaction.

    Args:
        before: whose rows there are to look at before it starts.
        write: does it; gives whose rows to look at afterwards, and the events for the history.
        file: what is to be noted of a file that ``finish`` writes, the last thing before the commit.
    """

    before: Watch
    write: Callable[[], tuple[Watch, pd.DataFrame]]
    file: Mapping[str, str] = field(default_factory=dict)
    finish: Callable[[], None] = lambda: None


def imports_of(conn: Connection) -> list[ImportRow]:
    """Every import, the newest first."""
    query = select(*(imports.c[name] for name in ImportRow.__slots__)).order_by(imports.c.import_id.desc())
    return [ImportRow(*row) for row in conn.execute(query)]


def found(conn: Connection, name: str) -> ImportRow:
    """
    The standing import of a number or a file name.

    Raises:
        BadInput: there is none, it is taken back already, or several have that name.
    """
    rows = [row for row in imports_of(conn) if name in (str(row.import_id), row.file_name)]
    there = [row for row in rows if row.undone_at is None]
    if len(there) == 1:
        return there[0]
    if there:
        listed = ", ".join(str(row.import_id) for row in there)
        raise BadInput(f"{name} was imported {len(there)} times", f"name one by its number: {listed}")
    problem = f"the import {name} was taken back before" if rows else f"there is no import {name!r}"
    raise BadInput(problem, "see which there are: qunflow import list")


def batch_name(community: str, import_id: int) -> str:
    """The name of an import in the history and in the quarantine."""
    return f"{IMPORTED}{community}:{import_id}"


def carried_out(
    conn: Connection,
    vault: Vault,
    history: History,
    head: Head,
    rejects: Iterable[Reject],
    plan: Callable[[], Work],
    now: datetime,
) -> Kept:
    """
    Do the work of an import and write down what it brought; a file that stands changes nothing.

    Raises:
        BadInput: the file stands under another mapping.
    """
    lock(conn, "imports")
    if (known := _standing(conn, head)) is not None:
        return _again(known, head)
    import_id = _begun(conn, head, now)
    name = batch_name(head.community, import_id)
    work = plan()
    before = notes.look(conn, work.before)
    after, events = work.write()
    appended = history.append(conn, f"{IMPORTED}{head.community}", name, events) if len(events) else 0
    aside = quarantine.keep(conn, vault, STAGES[head.kind], name, list(rejects), now)
    tables = notes.stamped(conn, {**after, quarantine_table: [name]}, before)
    note = vault.seal_bytes(notes.packed(Note(name if appended else "", tables, work.file)), NOTE)
    kept = head.rows_read - aside
    counts: dict[str, Any] = {"rows_kept": kept, "rows_quarantined": aside, "sealed_note": note}
    if head.kind == "events":
        # Which events are known only the history can tell, and only once their persons have numbers.
        counts |= {"rows_new": appended, "rows_known": kept - appended}
    conn.execute(update(imports).where(imports.c.import_id == import_id).values(**counts))
    work.finish()
    return Kept(import_id, kept, aside, appended)


def noted(conn: Connection, vault: Vault, import_id: int) -> Note | None:
    """The note of an import; None for one that was made before there were notes."""
    sealed = conn.execute(select(imports.c.sealed_note).where(imports.c.import_id == import_id)).scalar_one()
    return notes.opened(vault.open_bytes(sealed, NOTE)) if sealed else None


def _standing(conn: Connection, head: Head) -> Any:
    query = select(imports).where(imports.c.kind == head.kind, imports.c.sha256 == head.sha256)
    return conn.execute(query.where(imports.c.undone_at.is_(None))).first()


def _begun(conn: Connection, head: Head, now: datetime) -> int:
    row = {name: getattr(head, name) for name in Head.__slots__}
    row |= {"file_name": head.file_name[-200:], "mapping": dict(head.mapping), "imported_at": now}
    row |= {"rows_kept": 0, "rows_quarantined": 0}
    return int(conn.execute(insert(imports).returning(imports.c.import_id), row).scalar_one())


def _again(known: Any, head: Head) -> Kept:
    # Sorted headings came later than the first imports.
    if {**known.mapping, "headings": None} != {**head.mapping, "headings": None}:
        raise BadInput(
            f"{head.file_name} was imported on {known.imported_at:%Y-%m-%d} with another mapping; nothing was changed",
            f"take it back first (qunflow import undo {known.import_id}), or repeat the mapping of the first time",
        )
    return Kept(known.import_id, known.rows_kept, known.rows_quarantined, 0, already=True)
