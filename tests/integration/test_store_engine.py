"""Transactions keep their promises on both engines: all or nothing, one writer, and words when something is wrong."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import DBAPIError

from qunflow.errors import ConfigurationError, PermanentError, StoreBusy, TransientError
from qunflow.store import engine
from qunflow.store.engine import Store, lock
from qunflow.store.rows import insert_ignore, insert_new, upsert
from qunflow.store.tables import kill_switches, person_keys, persons

AT = datetime(2026, 3, 1, 4, 5, 6, 789, tzinfo=UTC)


def count(store: Store) -> int:
    with store.reading() as conn:
        return conn.execute(select(func.count()).select_from(persons)).scalar_one()


def add_person(conn: Connection) -> None:
    conn.execute(insert(persons), {"created_at": AT})


def switch(key: str, by: str = "lin") -> dict[str, object]:
    return {"scope": "group", "key": key, "since": AT, "set_by": by}


def test_what_was_written_can_be_read(store: Store) -> None:
    """A committed row is there for the next transaction, its instant aware and in UTC."""
    with store.writing() as conn:
        add_person(conn)
    with store.reading() as conn:
        assert conn.execute(select(persons.c.created_at)).scalar_one() == AT


def test_an_error_leaves_nothing_behind(store: Store) -> None:
    """A transaction that an error passes through is undone in full."""
    with pytest.raises(ZeroDivisionError), store.writing() as conn:
        add_person(conn)
        raise ZeroDivisionError
    assert count(store) == 0


def test_reading_cannot_write(store: Store) -> None:
    """A write by mistake is an error, not silently undone."""
    with pytest.raises((DBAPIError, PermanentError)), store.reading() as conn:
        add_person(conn)
    assert count(store) == 0
    store.write(add_person)
    assert count(store) == 1


def test_an_instant_without_a_zone_is_refused(store: Store) -> None:
    """Local time never slips into the database."""
    with pytest.raises(Exception, match="without a zone"), store.writing() as conn:
        conn.execute(insert(persons), {"created_at": datetime(2026, 3, 1)})  # noqa: DTZ001
    assert count(store) == 0


def test_two_writers_never_lose_an_update(store: Store) -> None:
    """Threads that each add what they counted end with every number once."""

    def count_up() -> None:
        for _ in range(10):
            store.write(_append_next)

    threads = [threading.Thread(target=count_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as conn:
        assert sorted(conn.execute(select(kill_switches.c.key)).scalars()) == [f"{n:02}" for n in range(30)]


def _append_next(conn: Connection) -> None:
    lock(conn, "count")
    seen = conn.execute(select(func.count()).select_from(kill_switches)).scalar_one()
    conn.execute(insert(kill_switches), switch(f"{seen:02}"))


def test_write_tries_again_while_the_database_is_busy(store: Store) -> None:
    """A busy database costs waiting, not the work."""
    tries: list[int] = []
    waits: list[float] = []

    def busy_twice(conn: Connection) -> str:
        add_person(conn)
        tries.append(1)
        if len(tries) < 3:
            raise StoreBusy("the database stayed locked")
        return "done"

    assert store.write(busy_twice, sleep=waits.append) == "done"
    assert waits == list(engine.RETRY_WAITS_S[:2])
    assert count(store) == 1


def test_a_lock_that_stays_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's open transaction becomes StoreBusy with a next step."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.01)
    path = tmp_path / "q.sqlite3"
    store = Store.open(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy, match="stayed locked") as busy:
        store.write(add_person, sleep=lambda _: None)
    assert "another program" in busy.value.next_step
    other.close()
    store.close()


def test_a_write_transaction_is_alone_from_its_first_statement(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second writer does not even begin: what it would read could not be relied on."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.01)
    path = tmp_path / "q.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    store = Store.open(f"sqlite:///{path}")
    began = False
    with store.writing(), pytest.raises(StoreBusy), store.writing():
        began = True
    assert not began
    store.close()


def test_sqlite_runs_with_the_safe_settings(tmp_path: Path) -> None:
    """Rollback journal, full synchronisation, foreign keys on, nothing deleted left behind."""
    store = Store.open(f"sqlite:///{tmp_path / 'new' / 'folder' / 'q.sqlite3'}")
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
    with store.reading() as conn:
        found = [conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    assert found == ["delete", 2, 1, 1]
    store.close()


def test_what_was_erased_is_in_no_file_of_the_database(sqlite_template: Path, tmp_path: Path) -> None:
    """Neither the file nor its journal still holds the key of a person whose key was deleted."""
    path = tmp_path / "q.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    store, key = Store.open(f"sqlite:///{path}"), b"the sealed key of somebody, sixty bytes or so of it"
    with store.writing() as conn:
        conn.execute(insert(persons), {"person_id": 1, "created_at": AT})
        conn.execute(insert(person_keys), {"person_id": 1, "sealed_key": key})
    assert key in path.read_bytes()
    with store.writing() as conn:
        conn.execute(delete(person_keys))
    assert [one.name for one in tmp_path.iterdir() if key in one.read_bytes()] == []
    store.close()


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "no url", ""])
def test_a_database_of_another_kind_is_refused(url: str) -> None:
    """The refusal names the variable and shows valid addresses."""
    with pytest.raises(ConfigurationError, match="QUNFLOW_DATABASE_URL") as refusal:
        Store.open(url)
    assert "postgresql://" in refusal.value.next_step


def test_a_password_is_never_shown() -> None:
    """Errors name the database without its password."""
    store = Store.open("postgresql://lin:s3cret@127.0.0.1:1/q")
    with pytest.raises(TransientError, match="does not answer") as failure, store.reading():
        pass
    assert "s3cret" not in str(failure.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """Pointing at a picture is told as such."""
    path = tmp_path / "picture.png"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(PermanentError, match="not a database") as failure, Store.open(f"sqlite:///{path}").reading():
        pass
    assert str(path) in failure.value.problem


def test_a_full_disk_stops_the_step_and_keeps_what_was_there(sqlite_template: Path, tmp_path: Path) -> None:
    """When the file cannot grow, the transaction is undone, said in words, and earlier rows stay readable."""
    path = tmp_path / "q.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    program = dedent(
        """
        import resource, signal, sys
        from datetime import UTC, datetime
        from pathlib import Path
        from sqlalchemy import insert
        from qunflow.errors import PermanentError
        from qunflow.store.engine import Store
        from qunflow.store.tables import persons

        path = sys.argv[1]
        store = Store.open(f"sqlite:///{path}")
        row = {"created_at": datetime(2026, 3, 1, tzinfo=UTC)}
        with store.writing() as conn:
            conn.execute(insert(persons), row)
        size = Path(path).stat().st_size
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            with store.writing() as conn:
                conn.execute(insert(persons), [row] * 50_000)
        except PermanentError as error:
            print(error)
            sys.exit(error.exit_code)
        """
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "full or failing" in done.stdout
    assert "free some space" in done.stdout
    store = Store.open(f"sqlite:///{path}")
    assert count(store) == 1
    with store.reading() as conn:
        assert conn.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    store.close()


def test_insert_ignore_counts_what_is_new(store: Store) -> None:
    """Rows that are there already stay as they are and are not counted."""
    with store.writing() as conn:
        assert insert_ignore(conn, kill_switches, [switch("a"), switch("b")]) == 2
        assert insert_ignore(conn, kill_switches, [switch("b", "zhou"), switch("c")]) == 1
        assert insert_ignore(conn, kill_switches, []) == 0
        found = conn.execute(select(kill_switches.c.key, kill_switches.c.set_by).order_by(kill_switches.c.key)).all()
    assert [tuple(row) for row in found] == [("a", "lin"), ("b", "lin"), ("c", "lin")]


def test_insert_new_tells_which_rows_are_new(store: Store) -> None:
    """Only rows that were really inserted come back, also within thousands."""
    with store.writing() as conn:
        insert_ignore(conn, kill_switches, [switch("3")])
        new = insert_new(conn, kill_switches, [switch(str(n)) for n in range(3000)], ["key"])
    assert {row[0] for row in new} == {str(n) for n in range(3000)} - {"3"}


def test_upsert_overwrites_what_it_is_told_to(store: Store) -> None:
    """The named columns of an existing row change, the others do not."""
    later = {**switch("a", "zhou"), "since": AT.replace(year=2027)}
    with store.writing() as conn:
        upsert(conn, kill_switches, [switch("a")], key=["scope", "key"])
        upsert(conn, kill_switches, [later], key=["scope", "key"], update=["set_by"])
        row = conn.execute(select(kill_switches.c.set_by, kill_switches.c.since)).one()
    assert tuple(row) == ("zhou", AT)
