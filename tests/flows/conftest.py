"""
A small brand to run flows on: a demo workspace, a real sandbox on loopback, a clock that the test moves.

Prefect runs against one temporary server a session.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from qunflow import runtime
from qunflow.clock import FixedClock, instant_of
from qunflow.runtime import Runtime, open_runtime
from qunflow.sandbox.options import Options
from qunflow.sandbox.running import running
from qunflow.settings.scaffold import write_workspace
from qunflow.store import members

ZONE = ZoneInfo("Asia/Shanghai")
FIRST_DAY = date(2026, 3, 2)
PAST_DAYS = 20
PAST = timedelta(days=20)
FEW_PEOPLE = f"people: 40\npast_days: {PAST_DAYS}\narrivals_per_day: 3\n"


@dataclass(frozen=True)
class House:
    """A runtime on a sandbox; ``clock`` stands still until ``move_to``."""

    runtime: Runtime
    sandbox_url: str
    clock: FixedClock

    def ask(self, path: str) -> Any:
        """GET one of the sandbox's own addresses, e.g. ``log`` or ``truth``."""
        answer = httpx.get(f"{self.sandbox_url}/_sandbox/{path}", timeout=60, trust_env=False).raise_for_status()
        return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.text

    def tell(self, path: str, body: Any) -> Any:
        """POST to one of the sandbox's own addresses, e.g. ``faults`` or ``act``."""
        answer = httpx.post(f"{self.sandbox_url}/_sandbox/{path}", json=body, timeout=120, trust_env=False)
        return answer.raise_for_status().json()

    def move_to(self, day: date, at: time = time(8, 0)) -> datetime:
        """Let the sandbox live until a local time and set the runtime's clock to it."""
        instant = instant_of(day, at, ZONE)
        self.tell("clock", {"advance_to": instant.isoformat()})
        self.clock.at = instant
        return instant

    def accepted(self) -> list[str]:
        """The paths of all effects the sandbox accepted, in order."""
        import json

        return [json.loads(line)["path"] for line in self.ask("log").splitlines() if line]


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One temporary Prefect server for the session, heartbeats off: each would cost a flow a second."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sandbox database with its past already lived, to copy: making it costs more than reading it."""
    folder = tmp_path_factory.mktemp("sandbox")
    (folder / "spec.yaml").write_text(FEW_PEOPLE)
    with running(_options(folder)):
        pass
    return folder


def _options(folder: Path) -> Options:
    # A sandbox starts with its past.
    start = datetime.combine(FIRST_DAY - timedelta(days=PAST_DAYS), time.min, ZONE).astimezone(UTC)
    return Options(
        corp_id="wwtest",
        secret="test-secret",
        db=str(folder / "sandbox.sqlite3"),
        spec=folder / "spec.yaml",
        start=start,
    )


@pytest.fixture
def house(lived_in: Path, sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A workspace on its own sandbox at 08:00 of the first day, made the runtime of this process."""
    shutil.copytree(lived_in, tmp_path / "sandbox")
    with running(_options(tmp_path / "sandbox")) as url:
        folder = _workspace(tmp_path / "brand", url, sqlite_template)
        monkeypatch.setenv("QUNFLOW_WORKSPACE", str(folder))
        clock = FixedClock(instant_of(FIRST_DAY, time(0, 0), ZONE))
        opened = replace(open_runtime(folder), clock=clock)
        opened.store.write(lambda conn: members.sync_groups(conn, opened.workspace))
        with runtime.using(opened):
            house = House(opened, url, clock)
            house.move_to(FIRST_DAY)
            yield house
        opened.close()


def _workspace(folder: Path, url: str, database: Path) -> Path:
    world = httpx.get(f"{url}/_sandbox/world", timeout=60, trust_env=False).raise_for_status().json()
    variables = {
        "QUNFLOW_WECOM_BASE_URL": url,
        "QUNFLOW_WECOM_CORP_ID": "wwtest",
        "QUNFLOW_WECOM_SECRET": "test-secret",
        "QUNFLOW_WECOM_AGENT_ID": "1000002",
        "QUNFLOW_WEB_URL": "http://127.0.0.1:9",
    }
    write_workspace(folder, world, FIRST_DAY, variables=variables)
    stand_in_for_the_approver(folder)
    shutil.copy(database, folder / "state" / "qunflow.sqlite3")
    return folder


def stand_in_for_the_approver(folder: Path) -> None:
    """Let every stage run on standing approval; tests of approval itself take it back."""
    settings = folder / "qunflow.yaml"
    text = settings.read_text(encoding="utf-8")
    assert "standing: [acquisition, daily_content, weekly_activity]" in text
    settings.write_text(text.replace("weekly_activity]", "weekly_activity, conversion]"), encoding="utf-8")
