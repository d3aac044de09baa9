"""Databases of every version are told apart, and a migrated one has exactly the tables of the program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from qunflow.errors import SchemaMismatch
from qunflow.store import migrate
from qunflow.store.engine import Store
from qunflow.store.tables import metadata


def schema_of(conn: Connection) -> dict[str, Any]:
    """Everything an inspector can tell about the tables, comparable between two databases."""
    inspector = inspect(conn)
    return {
        name: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(name)
            },
            "primary key": inspector.get_pk_constraint(name),
            "foreign keys": sorted(map(str, inspector.get_foreign_keys(name))),
            "unique": sorted(map(str, inspector.get_unique_constraints(name))),
            "checks": sorted(map(str, inspector.get_check_constraints(name))),
            "indexes": sorted(_plain(index) for index in inspector.get_indexes(name)),
        }
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def _plain(index: Any) -> str:
    conditions = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return str({**index, "dialect_options": conditions})


def compare(declared_url: str, migrated_url: str) -> None:
    declared, migrated = Store.open(declared_url), Store.open(migrated_url)
    migrate.upgrade_store(migrated)
    with declared.writing() as conn:
        metadata.create_all(conn)
        expected = schema_of(conn)
    with migrated.reading() as conn:
        found = schema_of(conn)
    declared.close()
    migrated.close()
    assert sorted(found) == sorted(expected)
    for name, table in expected.items():
        assert found[name] == table, name


def test_the_revisions_make_the_declared_tables_on_sqlite(tmp_path: Path) -> None:
    """Columns, keys, checks and indexes of a migrated SQLite file are those of the metadata."""
    compare(f"sqlite:///{tmp_path / 'declared.sqlite3'}", f"sqlite:///{tmp_path / 'migrated.sqlite3'}")


def test_the_revisions_make_the_declared_tables_on_postgresql(
    empty_postgresql: str, another_empty_postgresql: str
) -> None:
    """Columns, defaults, keys, checks and indexes of a migrated PostgreSQL database are those of the metadata."""
    compare(empty_postgresql, another_empty_postgresql)


def test_the_expected_version_is_the_newest_revision() -> None:
    """The version written in the program is the last revision in the package."""
    assert migrate.known_revisions()[-1] == migrate.EXPECTED


def test_upgrading_twice_changes_nothing(store_url: str) -> None:
    """A database that is current stays as it is."""
    assert migrate.upgrade(store_url).is_current
    assert migrate.upgrade(store_url) == migrate.upgrade(store_url)


def test_a_current_database_is_accepted(store: Store) -> None:
    """What `upgrade` made is what `require_current` wants."""
    migrate.require_current(store)
    assert migrate.version_of(store).found == migrate.EXPECTED


@pytest.mark.parametrize(
    ("found", "problem", "next_step"),
    [
        ("9999", "has version 9999; this Qunflow expects", "newer Qunflow"),
        ("0001", "has version 0001; this Qunflow expects version", "qunflow db upgrade"),
    ],
)
def test_a_database_of_another_version_is_refused(store: Store, found: str, problem: str, next_step: str) -> None:
    """The refusal names what was found, what is expected and the next step."""
    with store.writing() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": found})
    with pytest.raises(SchemaMismatch) as refusal:
        migrate.require_current(store)
    assert problem in refusal.value.problem
    assert migrate.EXPECTED in refusal.value.problem
    assert next_step in refusal.value.next_step


def test_an_empty_database_is_refused_until_it_is_upgraded(tmp_path: Path) -> None:
    """A new file has no version; the next step says how it gets one."""
    store = Store.open(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    with pytest.raises(SchemaMismatch, match="is empty") as refusal:
        migrate.require_current(store)
    assert "qunflow db upgrade" in refusal.value.next_step
    migrate.upgrade_store(store)
    migrate.require_current(store)
    store.close()


def test_a_database_of_something_else_is_never_upgraded(tmp_path: Path) -> None:
    """Tables of another program are left alone."""
    store = Store.open(f"sqlite:///{tmp_path / 'shop.sqlite3'}")
    with store.writing() as conn:
        conn.execute(text("CREATE TABLE customers (name TEXT)"))
    with pytest.raises(SchemaMismatch, match="holds 1 tables but no version"):
        migrate.upgrade_store(store)
    with store.reading() as conn:
        assert inspect(conn).get_table_names() == ["customers"]
    store.close()


def test_a_revision_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Revisions run in one transaction: a full disk half-way leaves the database as it was."""
    from alembic import op

    made: list[str] = []
    create_table = op.create_table

    def fails_at_the_tenth(name: str, *columns: Any, **options: Any) -> Any:
        made.append(name)
        if len(made) == 10:
            raise OSError("no space left on device")
        return create_table(name, *columns, **options)

    monkeypatch.setattr(op, "create_table", fails_at_the_tenth)
    store = Store.open(f"sqlite:///{tmp_path / 'half.sqlite3'}")
    with pytest.raises(OSError, match="no space"):
        migrate.upgrade_store(store)
    assert migrate.version_of(store).tables == 0
    store.close()


def _upgraded_to(store: Store, revision: str) -> None:
    from alembic import command

    with store.rebuilding() as conn:
        config = migrate._config()
        config.attributes["connection"] = conn
        command.upgrade(config, revision)


_OLD_ROWS = (
    "INSERT INTO contents VALUES ('v1', '你好', '[]', '2026-03-02 01:00:00+00')",
    "INSERT INTO calls (call_id, way, sender_userid, content_version, fingerprint, state, worker, intent_at, reason,"
    " reminders) VALUES (7, 'mass_task', 'zhou', 'v1', 'f', 'sent', 'w', '2026-03-02 01:00:00+00', '', 1)",
    "INSERT INTO targets (target_id, community, stage, campaign, slot_key, local_day, way, sender_userid, target_kind,"
    " target_ref, content_version, due_at, not_after, marketing, catch_up, state, reason, call_id, attempts,"
    " planned_at, outcome) VALUES (3, 'c', 'daily_content', '', 's', '2026-03-02', 'mass_task', 'zhou', 'chat', 1,"
    " 'v1', '2026-03-02 01:00:00+00', '2026-03-02 02:00:00+00', true, 'skip', 'sent', '', 7, 1,"
    " '2026-03-02 01:00:00+00', 'waiting')",
)


def test_rows_of_an_older_version_survive_the_upgrade(empty_store_url: str) -> None:
    """Tables that are made again keep their rows, and what refers to them."""
    store = Store.open(empty_store_url)
    _upgraded_to(store, "0002")
    with store.writing() as conn:
        for statement in _OLD_ROWS:
            conn.execute(text(statement))
    migrate.upgrade_store(store)
    with store.writing() as conn:
        row = conn.execute(text("SELECT call_id, wave, author FROM targets WHERE target_id = 3")).one()
        reminders = conn.execute(text("SELECT reminders FROM calls WHERE call_id = 7")).scalar_one()
        with pytest.raises(DBAPIError), conn.begin_nested():
            conn.execute(text("DELETE FROM calls WHERE call_id = 7"))
    store.close()
    assert (tuple(row), reminders) == ((7, 0, ""), 1)


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"])
def test_the_audit_log_cannot_be_changed(store: Store, statement: str) -> None:
    """The database itself refuses to change or remove what somebody did."""
    with store.writing() as conn:
        conn.execute(
            text(
                "INSERT INTO audit_log (at, actor, action, subject, detail)"
                " VALUES ('2026-03-02 01:00:00+00', 'li', 'delivery.approve', 's', '{}')"
            )
        )
    with pytest.raises(DBAPIError, match="append-only"), store.writing() as conn:
        conn.execute(text(statement))
