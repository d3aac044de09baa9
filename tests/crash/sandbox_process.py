"""A sandbox in a process of its own, with groups and no people, and what a test tells and asks it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from qunflow.sandbox.options import Options
from qunflow.sandbox.running import running

START = "2026-03-02T09:00:00+08:00"


class Sandbox:
    """A sandbox on loopback."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=f"{url}/_sandbox/", timeout=60, trust_env=False)

    def tell(self, path: str, body: Any) -> Any:
        """Change something."""
        return self._client.post(path, json=body).raise_for_status().json()

    def log(self, since: int = 0) -> list[str]:
        """The acceptance log after a sequence number, a line each."""
        return self._client.get("log", params={"since": since}).raise_for_status().text.splitlines()

    def asked_for(self, path: str) -> int:
        """How often a call was made since faults were set that are about it."""
        plan = self._client.get("faults").raise_for_status().json()["plan"]
        return max(int(rule["asked"]) for rule in plan if rule["path"] == path)

    def now(self) -> datetime:
        """The simulated instant."""
        answer = self._client.get("clock").raise_for_status().json()
        return datetime.fromisoformat(answer["now"]).astimezone(UTC)

    def world(self) -> Any:
        """Groups and staff."""
        return self._client.get("world").raise_for_status().json()


@contextmanager
def a_sandbox_here(folder: Path, chats: int, start: str = START) -> Iterator[Sandbox]:
    """The same in a thread of this process: it starts sooner, and answers more slowly."""
    options = Options(
        "ww1", "s3cret", spec=_spec(folder, chats), populated=False, start=datetime.fromisoformat(start).astimezone(UTC)
    )
    with running(options) as url:
        yield Sandbox(url)


def _spec(folder: Path, chats: int) -> Path:
    spec = folder / "spec.yaml"
    group = {"kind": "benefit_group", "owner": "owner_zhou", "admin": "admin_lin", "share": 0.0}
    rows = [{"key": f"k{one}", "name": f"{one} 群", **group} for one in range(chats)]
    spec.write_text(json.dumps({"groups": rows, "people": 0, "past_days": 1, "arrivals_per_day": 0.0}))
    return spec


@contextmanager
def a_sandbox(folder: Path, chats: int) -> Iterator[Sandbox]:
    """A sandbox process with so many empty groups of one owner."""
    spec, port = _spec(folder, chats), _free_port()
    command = [sys.executable, "-m", "qunflow.cli", "sandbox", "--empty", "--port", str(port), "--spec", str(spec)]
    process = subprocess.Popen([*command, "--corp-id", "ww1", "--secret", "s3cret", "--start", START])
    try:
        sandbox = Sandbox(f"http://127.0.0.1:{port}")
        _wait_for(sandbox, process)
        yield sandbox
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(sandbox: Sandbox, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the sandbox did not start"
        with suppress(httpx.HTTPError):
            sandbox.now()
            return
        time.sleep(0.05)
    pytest.fail("the sandbox did not start in 30 seconds")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
