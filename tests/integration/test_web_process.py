"""`qunflow web` as a real process: it comes up, keeps what it acknowledged when it is killed, and stops when asked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from qunflow.delivery.links import short_link
from qunflow.sandbox.options import Hooks
from qunflow.sandbox.outside import Outside, Seen
from qunflow.settings.environment import load_environment
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace
from qunflow.store import inbox
from qunflow.store.engine import Store
from qunflow.store.migrate import upgrade
from qunflow.store.vault import Vault
from qunflow.web.signatures import sign

SECRET = "a hook secret for tests"
VARIABLES = {
    "QUNFLOW_HOOK_SECRET": SECRET,
    "QUNFLOW_WECOM_BASE_URL": "http://127.0.0.1:9",
    "QUNFLOW_WECOM_CORP_ID": "wwSBX",
    "QUNFLOW_WECOM_SECRET": "not a real secret",
    "QUNFLOW_WECOM_AGENT_ID": "1000002",
    "QUNFLOW_WEB_URL": "http://127.0.0.1:8790",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace with its database."""
    made = write_workspace(tmp_path / "demo", None, date(2026, 3, 1), variables=VARIABLES)
    upgrade(load_environment(made).database_url)
    return made


@pytest.fixture
def served(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The process and its address, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("QUNFLOW_")}
    command = [sys.executable, "-m", "qunflow.cli", "web", "--port", str(port), "-w", str(home)]
    process = subprocess.Popen(command, env=clean, stderr=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, process)
        yield process, address
    finally:
        process.kill()
        process.communicate()


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the process is healthy; fails with what it said when it is not in time."""
    for _ in range(300):
        try:
            if httpx.get(f"{address}/healthz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.1)
    pytest.fail("qunflow web did not become healthy within 30 s")


def keys(home: Path) -> set[str]:
    """The keys of the form entries in the inbox."""
    environment = load_environment(home)
    store = Store.open(environment.database_url)
    vault = Vault(store, environment.master_key_bytes())
    with store.reading() as conn:
        found = {row.key for row in inbox.unapplied(conn, vault, "form", 1000)}
    store.close()
    return found


def test_what_was_acknowledged_survives_a_kill(home: Path, served: tuple[subprocess.Popen[bytes], str]) -> None:
    """SIGKILL right after a 200: every acknowledged entry is there."""
    process, address = served
    form = load_workspace(home).forms[0].form
    acknowledged = set()
    for number in range(20):
        body = json.dumps({"form": form, "entry": {"serial_number": number}}).encode()
        headers = {"X-Qunflow-Signature": sign(SECRET, body)}
        answer = httpx.post(f"{address}/hooks/forms/{form}", content=body, headers=headers, trust_env=False)
        assert answer.status_code == 200
        acknowledged.add(f"{form}/{number}")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert keys(home) == acknowledged


def test_the_simulated_people_are_known_to_the_real_process(
    home: Path, served: tuple[subprocess.Popen[bytes], str]
) -> None:
    """A tap of somebody in the sandbox over HTTP is a click of that person, and leads on."""
    workspace, environment = load_workspace(home), load_environment(home)
    store = Store.open(environment.database_url)
    vault, at = Vault(store, environment.master_key_bytes()), datetime.now(UTC)
    host = workspace.redirect_hosts[0]
    with store.writing() as conn:
        code = short_link(
            conn, "one", f"https://{host}/a", community=workspace.communities[0].key,
            at=at, expires_at=at + timedelta(hours=1), hosts=[host],
        )  # fmt: skip

    async def tap() -> Seen:
        people = Outside(Hooks())
        seen = await people.open_link(f"{served[1]}/s/{code}", "wmSBX01")
        await people.close()
        return seen

    assert asyncio.run(tap()) == Seen(302, f"https://{host}/a")
    with store.reading() as conn:
        (row,) = inbox.unapplied(conn, vault, "click", 10)
    store.close()
    assert isinstance(row.body, dict)
    assert row.body["actor"] == "wmSBX01"


def test_it_stops_when_asked_and_logs_no_secret(served: tuple[subprocess.Popen[bytes], str]) -> None:
    """SIGTERM ends it at once; every log line is one JSON object without codes from addresses."""
    process, address = served
    assert httpx.get(f"{address}/s/secretcode1", trust_env=False).status_code == 404
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=10)
    lines = [json.loads(line) for line in log.decode().splitlines()]
    assert {"route": "/s/{code}", "status": 404}.items() <= next(
        line for line in lines if "route" in line and line["status"] == 404
    ).items()
    assert "secretcode1" not in log.decode()
