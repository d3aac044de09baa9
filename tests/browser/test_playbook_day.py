"""
A day of the benefit group's SOP as its admin lives it: one mass task, the rest by hand, every one on its minute.

Real pages in a real browser, the real sandbox behind them. With QUNFLOW_PICTURES=FOLDER each hour leaves a picture
there, from which docs/how-to/live-a-day.md is told.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import uvicorn

from qunflow.cli.web import web_ports
from qunflow.clock import instant_of
from qunflow.daily_content.params import DailyContentParams
from qunflow.delivery.outbox import board
from qunflow.delivery.resident import tick
from qunflow.runtime import Runtime, open_runtime
from qunflow.runtime.stage import StageRun
from qunflow.sandbox.options import Options
from qunflow.sandbox.running import running
from qunflow.settings.scaffold import write_workspace
from qunflow.store import team
from qunflow.web.app import create_app
from tasks import daily_content as speaking
from tests.browser.chromium import Tab, chromium

pytestmark = pytest.mark.needs_chromium

ZONE = ZoneInfo("Asia/Shanghai")
TUESDAY = date(2026, 3, 3)
PHONE = (390, 844)
POSTED = ".is-now form[action='/today/done'] button"
# The simulated admin leaves the posting to whoever holds the phone; the owner confirms within minutes.
SPEC = """
people: 30
past_days: 20
arrivals_per_day: 0
staff:
  - {userid: helper_xm, name: 小满, role: helper}
  - {userid: owner_zhou, name: 周启明, role: owner}
  - {userid: admin_lin, name: 林小满, role: admin, habit: never}
groups:
  - {key: g1, name: 小满邻里·春熙路1群, kind: benefit_group, owner: owner_zhou, admin: admin_lin, share: 1.0}
"""


@dataclass(frozen=True)
class Day:
    """A brand with one group on a Tuesday, and the admin's phone."""

    here: Runtime
    sandbox_url: str
    base: str
    tab: Tab

    def until(self, at: time) -> None:
        """Let the sandbox live until an hour, sending whatever falls due on the way."""
        moment = instant_of(TUESDAY, at, ZONE)
        due = {row["due_at"] for row in self.rows() if self.here.clock.now() < row["due_at"] < moment}
        for one in sorted({*due, moment}):
            body = {"advance_to": one.isoformat()}
            httpx.post(f"{self.sandbox_url}/_sandbox/clock", json=body, timeout=60, trust_env=False).raise_for_status()
            tick(self.here.ports, now=one)

    def rows(self) -> list[dict[str, Any]]:
        with self.here.store.reading() as conn:
            found = board(conn, "neighbours", TUESDAY)
        return [row for row in found if row["target_kind"] == "chat"]

    def look(self, name: str) -> None:
        """Open today's page; keep a picture where one is asked for."""
        self.tab.open(f"{self.base}/today?{name}", *PHONE)
        folder = os.environ.get("QUNFLOW_PICTURES")
        if folder:
            self.tab.picture(Path(folder) / f"day-{name}.png")

    def post_what_is_due(self) -> int:
        """Tap 已发 on every card whose minute has come, one after the other."""
        number = 0
        while self.tab.evaluate(f"Boolean(document.querySelector({POSTED!r}))"):
            self.tab.evaluate("window.before = true")
            self.tab.click(POSTED)
            self.tab.wait("!window.before && document.readyState === 'complete'")
            number += 1
        return number


@pytest.fixture
def day(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """Everything running on loopback, before the working day begins."""
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    start = datetime.combine(date(2026, 2, 10), time.min, ZONE)
    options = Options("ww1", "s3cret", spec=tmp_path / "spec.yaml", start=start)
    with running(options) as url:
        folder = _workspace(tmp_path / "brand", url, sqlite_template)
        here = open_runtime(folder)
        (tmp_path / "chromium" / "profile").mkdir(parents=True)
        with _served(here) as base, chromium(tmp_path / "chromium" / "profile") as tab:
            made = Day(here, url, base, tab)
            made.until(time(7, 0))
            _plan(here)
            token = here.store.write(partial(team.issue, userid="admin_lin", purpose="link", at=here.clock.now()))
            tab.open(f"{base}/in/{token}", *PHONE)
            yield made
        here.close()


def _workspace(folder: Path, url: str, database: Path) -> Path:
    variables = {
        "QUNFLOW_WECOM_BASE_URL": url,
        "QUNFLOW_WECOM_CORP_ID": "ww1",
        "QUNFLOW_WECOM_SECRET": "s3cret",
        "QUNFLOW_WECOM_AGENT_ID": "1000002",
        "QUNFLOW_WEB_URL": "http://127.0.0.1:9",
        "QUNFLOW_CLOCK_URL": f"{url}/_sandbox/clock",
    }
    world = httpx.get(f"{url}/_sandbox/world", trust_env=False).json()
    write_workspace(folder, world, TUESDAY, variables=variables)
    shutil.copy(database, folder / "state" / "qunflow.sqlite3")
    return folder


@contextmanager
def _served(here: Runtime) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app(web_ports(here)), port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def _plan(here: Runtime) -> None:
    """The morning's flow, without its orchestration."""
    community = here.workspace.communities[0]
    run = StageRun("daily_content", here, community, TUESDAY, here.clock.now(), dry_run=False, backfill=False)
    speaking.queue_and_send.fn(run, speaking.write_slots.fn(run, DailyContentParams(dry_run=False)))


def test_a_day_of_the_sop_is_lived_on_the_phone(day: Day) -> None:
    """From the to-do card of the morning to the ring that is full in the evening."""
    ways = [row["way"] for row in day.rows()]
    assert ways.count("mass_task") == 1
    assert ways.count("hand_send") >= 8
    posted = 0
    for name, at in (
        ("0750", time(7, 50)),
        ("0816", time(8, 16)),
        ("1001", time(10, 1)),
        ("1125", time(11, 25)),
        ("1158", time(11, 57)),
        ("1241", time(12, 41)),
        ("1531", time(15, 31)),
        ("1711", time(17, 11)),
        ("1931", time(19, 31)),
        ("2041", time(20, 41)),
    ):
        day.until(at)
        day.look(name)
        posted += day.post_what_is_due()
    day.until(time(20, 45))
    day.look("2045")
    done = {(row["way"], row["outcome"]) for row in day.rows()}
    assert posted == ways.count("hand_send")
    assert done == {("mass_task", "delivered"), ("hand_send", "delivered")}
    assert f"今天 {posted}/{posted}" in day.tab.text("body")
