"""
Which version of the tables a database has, and how it gets to the one this program expects.

The revisions are in ``migrations/versions``; they run inside one transaction, one program at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from qunflow.errors import SchemaMismatch
from qunflow.store.engine import Store, lock

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
# Kept here so that opening a store needs no Alembic; a test compares it with the newest revision.
EXPECTED = "0007"


@dataclass(frozen=True, slots=True)
class Version:
    """The revision a database has (empty for a new database) and the one this program expects."""

    found: str
    expected: str
    tables: int

    @property
    def is_current(self) -> bool:
        return self.found == self.expected


def upgrade(url: str) -> Version:
    """
    Bring the database at ``url`` to the expected version; a new one gets every table.

    Raises:
        SchemaMismatch: when it was made by a newer Qunflow, or holds tables of something else.
        StoreBusy: when somebody else keeps it locked.
    """
    store = Store.open(url)
    try:
        return upgrade_store(store)
    finally:
        store.close()


def upgrade_store(store: Store) -> Version:
    """``upgrade`` for a store that is open already."""
    if version_of(store).is_current:
        return version_of(store)
    with store.rebuilding() as conn:
        lock(conn, "migrate")
        version = _version(conn)
        if not version.is_current:
            _refuse_strangers(version, store.address)
            _run_revisions(conn)
    return version_of(store)


def version_of(store: Store) -> Version:
    """Read the version of a database; it is not changed."""
    with store.reading() as conn:
        return _version(conn)


def require_current(store: Store) -> None:
    """
    Refuse a database of another version.

    Raises:
        SchemaMismatch: naming what was found, what is expected and what to do.
    """
    version = version_of(store)
    if version.is_current:
        return
    _refuse_strangers(version, store.address)
    found = f"has version {version.found}" if version.found else "is empty"
    raise SchemaMismatch(
        f"the database {store.address} {found}; this Qunflow expects version {version.expected}",
        "make a backup, then run `qunflow db upgrade`" if version.found else "run `qunflow db upgrade`",
    )


def _version(conn: Connection) -> Version:
    names = inspect(conn).get_table_names()
    row = conn.execute(text("SELECT version_num FROM alembic_version")).first() if "alembic_version" in names else None
    return Version(str(row[0]) if row else "", EXPECTED, len(names))


def _refuse_strangers(version: Version, address: str) -> None:
    if not version.found and version.tables:
        raise SchemaMismatch(
            f"the database {address} holds {version.tables} tables but no version of Qunflow",
            "point QUNFLOW_DATABASE_URL at a new file or an empty database",
        )
    if version.found and version.found not in known_revisions():
        raise SchemaMismatch(
            f"the database {address} has version {version.found}; this Qunflow expects version {version.expected}"
            " and does not know that one",
            "it was made by a newer Qunflow: install that version, or restore a backup from before the upgrade",
        )


def known_revisions() -> list[str]:
    """Every revision in the package, oldest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in scripts.walk_revisions()][::-1]


def _run_revisions(conn: Connection) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    # Alembic reads % as interpolation.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
