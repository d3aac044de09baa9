"""A web application over a migrated SQLite store, with a frozen clock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from qunflow.clock import FixedClock
from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.language import catalogue
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace
from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts

HOOK_SECRET = "a hook secret for tests"
NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)


@pytest.fixture
def crypto() -> CallbackCrypto:
    """The callback crypto both sides share."""
    return CallbackCrypto(token="QDG6eK", aes_key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", receive_id="wwSBX")


@pytest.fixture
def ports(sqlite_template: Path, tmp_path: Path, crypto: CallbackCrypto) -> Iterator[WebPorts]:
    """The ports of a demo workspace."""
    path = tmp_path / "web.sqlite3"
    shutil.copy(sqlite_template, path)
    store = Store.open(f"sqlite:///{path}")
    home = write_workspace(tmp_path / "demo", None, date(2026, 3, 1))
    yield WebPorts(
        store=store,
        vault=Vault(store, bytes(32)),
        clock=FixedClock(NOW),
        workspace=load_workspace(home),
        language=catalogue("zh"),
        crypto=crypto,
        hook_secret=HOOK_SECRET,
        web_url="https://q.example.com",
    )
    store.close()


@pytest.fixture
def client(ports: WebPorts) -> Iterator[TestClient]:
    """A browser that follows nothing by itself."""
    with TestClient(create_app(ports), follow_redirects=False) as opened:
        yield opened
