"""
A simulated season: one sandbox, one workspace, 60 days of past brought in through the ordinary import, then days
lived through the real flows over real HTTP.

Knows the order of things, not how they look: ``demo`` shows them, ``up`` leaves them running.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from flows.commands.services import Running, Service, program, python, start
from qunflow.clock import instant_of
from qunflow.errors import BadInput, ChannelUnavailable

ZONE = ZoneInfo("Asia/Shanghai")
# A fixed calendar, so that a seed gives the same figures whenever it is run.
FIRST_DAY = date(2026, 3, 2)
PAST = timedelta(days=60)
MORNING = time(7, 30)
# When the resident sender looks besides the minutes at which something falls due; a real one looks every few seconds.
STEPS = tuple(time(8 + half // 2, 30 * (half % 2)) for half in range(27))
NIGHT = time(22, 0)
MARKER = ".qunflow-season"


@dataclass(frozen=True, slots=True)
class Season:
    """Where a season lives: its folder, the folder of pid files and logs, the ports of its processes on loopback."""

    folder: Path
    run_folder: Path
    seed: int
    sandbox_port: int
    web_port: int

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"


def clear(folder: Path) -> None:
    """
    Empty the folder of an earlier season.

    Raises:
        BadInput: the folder holds something that is not a season; nothing is deleted.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise BadInput(f"{folder} is not an earlier season and is not empty", "name another folder with --out")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("A simulated season; ./run demo overwrites this folder.\n")


def new_secrets() -> dict[str, str]:
    """Credentials of the season's pretended company; they open nothing but its own sandbox."""
    return {
        "QUNFLOW_WECOM_CORP_ID": "ww" + secrets.token_hex(8),
        "QUNFLOW_WECOM_SECRET": secrets.token_urlsafe(32),
        "QUNFLOW_WECOM_AGENT_ID": "1000002",
        "QUNFLOW_WECOM_CALLBACK_TOKEN": secrets.token_hex(12),
        "QUNFLOW_WECOM_CALLBACK_AES_KEY": _letters(43),
        "QUNFLOW_HOOK_SECRET": secrets.token_hex(24),
    }


def _letters(count: int) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(count))


def addresses(season: Season) -> dict[str, str]:
    """Where the season's processes find each other."""
    return {
        "QUNFLOW_WECOM_BASE_URL": season.sandbox_url,
        "QUNFLOW_WEB_URL": season.web_url,
        "QUNFLOW_CLOCK_URL": f"{season.sandbox_url}/_sandbox/clock",
    }


def sandbox_service(season: Season, credentials: Mapping[str, str]) -> Service:
    """The pretended platform and its people. Secrets travel by environment: a command line can be read by others."""
    return Service(
        "sandbox",
        program(
            "qunflow", "sandbox",
            "--port", str(season.sandbox_port),
            "--seed", str(season.seed),
            "--db", str(season.folder / "sandbox.sqlite3"),
            "--start", datetime.combine(FIRST_DAY - PAST, time.min, ZONE).isoformat(),
            "--callback-url", f"{season.web_url}/wecom/callback",
            "--hook-url", season.web_url,
            # As at the real platform a group shows a change only a moment later.
            "--limit", "group_lag_s=2",
        ),
        environment=dict(credentials),
        health_url=f"{season.sandbox_url}/_sandbox/clock",
    )  # fmt: skip


def web_service(season: Season) -> Service:
    """The product's own ingress and phone pages."""
    return Service(
        "web",
        program("qunflow", "web", "--port", str(season.web_port), "-w", str(season.folder)),
        health_url=f"{season.web_url}/healthz",
    )


def prefect_service(home: Path, port: int) -> Service:
    """A Prefect server of its own, whose database stays in ``home``."""
    return Service(
        "prefect",
        python("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)),
        environment={"PREFECT_HOME": str(home), "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api"},
        health_url=f"http://127.0.0.1:{port}/api/health",
        wait_s=120,
    )


def ask(season: Season, path: str) -> Any:
    """Read what the sandbox tells outsiders."""
    return _answer(lambda: _loopback().get(season.sandbox_url + path), path)


def advance(season: Season, to: datetime) -> None:
    """Let the simulated community live until an instant; its callbacks and hooks have arrived when this returns."""
    body = {"advance_to": to.isoformat()}
    _answer(lambda: _loopback().post(f"{season.sandbox_url}/_sandbox/clock", json=body), "clock")


@cache
def _loopback() -> httpx.Client:
    """One client for the season: making one loads certificates, which costs more than an answer."""
    return httpx.Client(timeout=300, trust_env=False, verify=False)  # noqa: S501 - plain HTTP to this machine


def _answer(call: Callable[[], httpx.Response], what: str) -> Any:
    try:
        answer = call().raise_for_status()
    except httpx.HTTPError as error:
        raise ChannelUnavailable(
            f"the sandbox does not answer ({what}: {type(error).__name__})", "read its log in run/logs/sandbox.log"
        ) from error
    return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content


def moments(day: date, due: Iterable[datetime]) -> list[datetime]:
    """The instants of one day at which the resident sender looks, in UTC: every step, and whenever something is due."""
    steps = [instant_of(day, at, ZONE) for at in STEPS]
    return sorted({*steps, *(at for at in due if steps[0] < at < steps[-1])})


def start_all(season: Season, services: list[Service]) -> list[Running]:
    """Start several processes at once; waiting for them is the caller's."""
    return [start(service, season.run_folder) for service in services]
