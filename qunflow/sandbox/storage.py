"""
What survives a restart: records, the acceptance log and the event log, in one SQLite file.

A log line and the state it caused are one transaction with synchronous FULL, so neither can exist without the other;
`commits` sees to it that the line is on disk before the caller gets an answer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from qunflow.errors import BadInput, SchemaMismatch
from qunflow.sandbox.shelf import Shelf

VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS records (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,
  person TEXT NOT NULL, chat TEXT NOT NULL, amount INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_time ON events (at);
"""
_KEEP = (
    "INSERT INTO records (kind, key, body) VALUES (?,?,?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)
Event = tuple[int, str, str, str, int]


class Storage:
    """
    One SQLite file, or memory.

    Raises:
        BadInput: when the file cannot be opened or is no database.
        SchemaMismatch: when the file was written by another version of the sandbox.
    """

    def __init__(self, path: str) -> None:
        self._db = _opened(path)
        self._require_version(path)
        self._db.executescript(_TABLES)
        self._survives = path != ":memory:"
        self._shelves: list[Shelf[Any]] = []
        self._events: list[Event] = []
        self._owes_log = False

    @property
    def owes_log(self) -> bool:
        """Whether a line of the acceptance log is not durable yet."""
        return self._owes_log

    def attach(self, shelf: Shelf[Any]) -> None:
        """Load a shelf and write its changes from now on."""
        rows = self._db.execute("SELECT key, body FROM records WHERE kind = ? ORDER BY rowid", (shelf.name,))
        shelf.load(dict(rows.fetchall()))
        self._shelves.append(shelf)

    def note_log(self, line: dict[str, Any]) -> None:
        """Append to the acceptance log; durable with the next `commit`."""
        self._begin()
        self._owes_log = True
        number = self._db.execute("SELECT coalesce(max(seq), 0) + 1 FROM log").fetchone()[0]
        text = json.dumps({"seq": number, **line}, ensure_ascii=False, separators=(",", ":"))
        self._db.execute("INSERT INTO log (seq, line) VALUES (?, ?)", (number, text))

    def log_lines(self, since: int = 0) -> Iterator[str]:
        """Accepted effects after a sequence number, as JSON texts."""
        for (line,) in self._db.execute("SELECT line FROM log WHERE seq > ? ORDER BY seq", (since,)):
            yield line

    def note_events(self, events: Iterable[Event]) -> None:
        """Append what people did: at (Unix seconds), kind, external_userid, chat_id, amount in fen."""
        self._events.extend(events)

    def events(self, since: int, until: int, kinds: Sequence[str] = ()) -> list[Event]:
        """Events with ``since <= at < until``, by time."""
        self._write()
        some = f" AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
        query = f"SELECT at, kind, person, chat, amount FROM events WHERE at >= ? AND at < ?{some} ORDER BY at, seq"  # noqa: S608
        return self._db.execute(query, (since, until, *kinds)).fetchall()

    def chat_events(self, chat: str, since: int, limit: int) -> list[tuple[int, str, str]]:
        """The newest events of one group since an instant, oldest first: at, kind, external_userid."""
        self._write()
        query = "SELECT at, kind, person FROM events WHERE at >= ? AND chat = ? ORDER BY at DESC, seq DESC LIMIT ?"
        return self._db.execute(query, (since, chat, limit)).fetchall()[::-1]

    def newest_log(self, limit: int, part: str = "") -> list[str]:
        """The newest accepted effects whose path contains a text, newest first, as JSON texts."""
        query = "SELECT line FROM log WHERE instr(json_extract(line, '$.path'), ?) > 0 ORDER BY seq DESC LIMIT ?"
        return [line for (line,) in self._db.execute(query, (part, limit))]

    def commit(self) -> None:
        """Make everything noted so far durable."""
        self._write()
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        self._owes_log = False

    def close(self) -> None:
        self.commit()
        self._db.close()

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _write(self) -> None:
        for shelf in self._shelves:
            if not self._survives:
                shelf.forget_changes()
            elif changes := shelf.take_changes():
                self._write_records(shelf.name, changes)
        if self._events:
            self._begin()
            self._db.executemany("INSERT INTO events (at, kind, person, chat, amount) VALUES (?,?,?,?,?)", self._events)
            self._events.clear()

    def _write_records(self, kind: str, changes: list[tuple[str, str | None]]) -> None:
        self._begin()
        kept = [(kind, key, body) for key, body in changes if body is not None]
        gone = [(kind, key) for key, body in changes if body is None]
        self._db.executemany(_KEEP, kept)
        self._db.executemany("DELETE FROM records WHERE kind = ? AND key = ?", gone)

    def _require_version(self, path: str) -> None:
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, VERSION):
            problem = f"{path} was written by sandbox format {found}, this one reads {VERSION}"
            raise SchemaMismatch(problem, "give another --db file, or remove the old one")
        self._db.execute(f"PRAGMA user_version = {VERSION}")


def _opened(path: str) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA synchronous = FULL")
        # Emptying the journal in place is synced like everything else and spares the folder's own syncs: 7 × as fast.
        db.execute("PRAGMA journal_mode = PERSIST")
        db.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise BadInput(f"{path} cannot be opened as a sandbox file: {error}", "give another --db file") from error
    return db
