"""
A brand that lives some days beside a sandbox and hears its callbacks over HTTP, through the product's own receiver.

Callbacks can be made to get lost, come twice or come late; the brand reads rosters each morning and follows callbacks
during the day.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pandas as pd
import uvicorn

from qunflow import runtime
from qunflow.cli.web import web_ports
from qunflow.clock import FixedClock, instant_of
from qunflow.retention.membership import intervals
from qunflow.runtime import Runtime, open_runtime
from qunflow.runtime.completeness import DayGrades, graded_day
from qunflow.sandbox.options import Callback, Options
from qunflow.sandbox.running import running
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import Community
from qunflow.store import members
from qunflow.web.app import create_app
from tasks.acquisition_contacts import keep_contact_callbacks
from tasks.acquisition_roster import follow_groups, read_groups

ZONE = ZoneInfo("Asia/Shanghai")
FIRST_DAY = date(2026, 3, 2)
PAST_DAYS = 3
TOKEN, AES_KEY = "SeasonToken", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
HOURS = (time(8), time(11), time(14), time(17), time(20), time(23))
# Stands for "still in" where stays are put in order.
OPEN = datetime.max.replace(tzinfo=UTC)
Interval = tuple[str, str, datetime]


@dataclass(frozen=True)
class Season:
    """A runtime beside its sandbox."""

    runtime: Runtime
    sandbox_url: str
    clock: FixedClock

    @property
    def community(self) -> Community:
        return self.runtime.workspace.communities[0]

    def tell(self, path: str, body: Any) -> Any:
        answer = httpx.post(f"{self.sandbox_url}/_sandbox/{path}", json=body, timeout=120, trust_env=False)
        return answer.raise_for_status().json()

    def live(self, days: int) -> dict[date, DayGrades]:
        """Some days, each with its hours; then the morning after, on which the last is graded."""
        hours = [(number, at) for number in range(days) for at in HOURS]
        for number, at in [*hours, (days, HOURS[0])]:
            self.move_to(FIRST_DAY + timedelta(days=number), at)
            keep_contact_callbacks(self.community, self.clock.at)
            act = read_groups if at == HOURS[0] else follow_groups
            act(self.community, [group.key for group in self.community.groups], self.clock.at)
        lived = [FIRST_DAY + timedelta(days=number) for number in range(days)]
        return {day: graded_day(self.runtime, self.community, day, self.clock.at) for day in lived}

    def move_to(self, day: date, at: time) -> None:
        instant = instant_of(day, at, ZONE)
        self.tell("clock", {"advance_to": instant.isoformat()})
        self.clock.at = instant

    def rosters(self) -> dict[str, set[str]]:
        """Who the platform says is in each group."""
        found = {}
        for group in self.community.groups:
            listed = self.runtime.wecom.group(group.chat_id or "")["member_list"]
            found[group.key] = {str(one["userid"]) for one in listed if one["type"] == 2}
        return found

    def stays(self) -> dict[Interval, members.Membership]:
        """Every stay on file by group, the platform's id of the person and the instant of joining."""
        here = self.runtime
        with here.store.reading() as conn:
            rows = members.memberships_of(conn, self.community.key)
            names = here.vault.external_userids(conn, {one.person_id for one in rows})
            keys = {group.group_id: group.group_key for group in members.groups_of(conn, self.community.key)}
        return {(keys[one.group_id], names[one.person_id], one.joined_at): one for one in rows}

    def history(self) -> list[tuple[int, int, datetime, datetime]]:
        """Group, person, joining and leaving of every stay as the history's events give it."""
        frame = intervals(self.runtime.history.table()).to_pandas()
        rows = frame[["group_id", "person_id", "joined_at", "left_at"]].itertuples(index=False, name=None)
        return sorted((group, who, _instant(came), _instant(went)) for group, who, came, went in rows)

    def on_file(self) -> dict[str, set[str]]:
        """Who is in each group according to the file."""
        found: dict[str, set[str]] = {group.key: set() for group in self.community.groups}
        for (group, who, _), one in self.stays().items():
            if one.left_at is None:
                found[group].add(who)
        return found


def _instant(value: Any) -> datetime:
    return OPEN if pd.isna(value) else pd.Timestamp(value).to_pydatetime()


@contextmanager
def lived(folder: Path, database: Path, faults: Sequence[dict[str, Any]], spec: str) -> Iterator[Season]:
    """A season in a folder of its own, its callbacks under these faults."""
    folder.mkdir()
    (folder / "spec.yaml").write_text(spec)
    port = _free_port()
    start = datetime.combine(FIRST_DAY - timedelta(days=PAST_DAYS), time.min, ZONE).astimezone(UTC)
    callback = Callback(f"http://127.0.0.1:{port}/wecom/callback", TOKEN, AES_KEY)
    options = Options("wwtest", "test-secret", spec=folder / "spec.yaml", start=start, callback=callback)
    with running(options) as url:
        home = _workspace(folder / "brand", url, database)
        clock = FixedClock(instant_of(FIRST_DAY, time(0, 0), ZONE))
        opened = replace(open_runtime(home), clock=clock)
        opened.store.write(lambda conn: members.sync_groups(conn, opened.workspace))
        with runtime.using(opened), _receiving(opened, port):
            season = Season(opened, url, clock)
            season.tell("faults", list(faults))
            yield season
        opened.close()


def _workspace(folder: Path, url: str, database: Path) -> Path:
    world = httpx.get(f"{url}/_sandbox/world", timeout=60, trust_env=False).raise_for_status().json()
    variables = {
        "QUNFLOW_WECOM_BASE_URL": url,
        "QUNFLOW_WECOM_CORP_ID": "wwtest",
        "QUNFLOW_WECOM_SECRET": "test-secret",
        "QUNFLOW_WECOM_AGENT_ID": "1000002",
        "QUNFLOW_WECOM_CALLBACK_TOKEN": TOKEN,
        "QUNFLOW_WECOM_CALLBACK_AES_KEY": AES_KEY,
        "QUNFLOW_CLOCK_URL": f"{url}/_sandbox/clock",
        "QUNFLOW_WEB_URL": "http://127.0.0.1:9",
    }
    write_workspace(folder, world, FIRST_DAY, variables=variables)
    shutil.copy(database, folder / "state" / "qunflow.sqlite3")
    return folder


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _receiving(opened: Runtime, port: int) -> Iterator[None]:
    """The product's own web side on a port."""
    settings = uvicorn.Config(
        create_app(web_ports(opened)), host="127.0.0.1", port=port, log_level="error", access_log=False
    )
    server = uvicorn.Server(settings)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    deadline = monotonic() + 20
    while not server.started and monotonic() < deadline:
        sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
