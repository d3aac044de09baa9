"""
Welcomes while callbacks pour in: ``qunflow web`` and ``qunflow deliver`` as they run, and a platform that only listens.

Every hundredth callback carries a welcome code. A welcome counts from the instant at which its callback was due to the
arrival of its call at the platform, which takes a code for 20 seconds. Beside it the same welcomes with nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.ingress import SECRETS, at_a_rate, callback, workspace
from benchmarks.loopback import free_port, on_one_core

ALLOWED_S = 20.0
ONE_OF = 100
HELPER, CHANNEL = "helper_xm", "poster-a"
_ANSWER = json.dumps({"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200}).encode()
_HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(_ANSWER)}\r\n\r\n".encode()


@dataclass(slots=True)
class Welcomes:
    """When each code was due at our door, when it came to the platform, and what the callbacks' waits were, in s."""

    due: dict[str, float] = field(default_factory=dict)
    came: dict[str, float] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    @property
    def took_s(self) -> list[float]:
        """From callback to welcome, in order; those that never came are left out."""
        return sorted(at - self.due[code] for code, at in self.came.items() if code in self.due)

    def line(self, name: str) -> str:
        """What was seen, for people."""
        took = self.took_s
        missing = len(self.due) - len(took)
        if not took:
            return f"{name}: none of {len(self.due)} welcomes came"
        half, slow = (took[int(share * (len(took) - 1))] for share in (0.5, 0.99))
        told = f"{name}: {len(took)} welcomes, p50 {half:.1f} s, p99 {slow:.1f} s, last {took[-1]:.1f} s"
        return f"{told} = {took[-1] / ALLOWED_S:.2f} of the {ALLOWED_S:.0f} s allowed; never came: {missing}"


@asynccontextmanager
async def platform(seen: Welcomes, port: int) -> AsyncIterator[None]:
    """Says yes to everything, and writes down when a welcome came."""

    talks: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks[asyncio.current_task()] = writer
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
                body = await reader.readexactly(int(length or 0))
                if b"send_welcome_msg" in head:
                    seen.came.setdefault(json.loads(body)["welcome_code"], time.perf_counter())
                writer.write(_HEAD + _ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        yield
        for writer in talks.values():
            writer.close()
        await asyncio.gather(*(talk for talk in talks if talk is not None))


async def pour(port: int, platform_port: int, rate: int, seconds: float, seen: Welcomes, every: int) -> None:
    """Callbacks at a rate, each ``every``-th with a code; then as long as a code is good for, until all have come."""
    starts = time.time() + 0.5
    requests = []
    for number in range(int(rate * seconds)):
        code = f"code-{number}" if number % every == 0 else ""
        requests.append(callback(number, at=int(starts + number / rate), who=HELPER, channel=CHANNEL, code=code))
    async with platform(seen, platform_port):
        await asyncio.sleep(max(0.0, starts - time.time()))
        begins = time.perf_counter()
        seen.due |= {f"code-{number}": begins + number / rate for number in range(0, len(requests), every)}
        seen.waits, _ = await at_a_rate(port, requests, rate)
        patience = time.perf_counter() + ALLOWED_S + 2
        while len(seen.came) < len(seen.due) and time.perf_counter() < patience:
            await asyncio.sleep(0.05)


def measure_welcomes(folder: Path, rate: int, seconds: float) -> Welcomes:
    """One load against a fresh workspace with web and sender."""
    loaded = rate >= ONE_OF
    platform_port, port, seen = free_port(), free_port(), Welcomes()
    home = workspace(folder, {**SECRETS, "QUNFLOW_WECOM_BASE_URL": f"http://127.0.0.1:{platform_port}"})
    _make_live_code(home)
    quiet = {name: "" for name in os.environ if name.startswith("QUNFLOW_")}
    web = [sys.executable, "-m", "benchmarks.ingress", "serve", str(home), str(port), "256"]
    with on_one_core(web, port, None, quiet), _sender(home, quiet):
        asyncio.run(pour(port, platform_port, rate, seconds, seen, ONE_OF if loaded else 1))
    return seen


@contextmanager
def _sender(home: Path, quiet: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-m", "qunflow.cli", "deliver", "-w", str(home)]
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, env={**os.environ, **quiet}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _make_live_code(home: Path) -> None:
    """A welcome that cannot say how to get into a group is not sent."""
    from qunflow.settings.environment import load_environment
    from qunflow.store.engine import Store
    from qunflow.store.live_codes import LiveCode, keep_code

    store = Store.open(load_environment(home).database_url)
    code = LiveCode("c1", "neighbours", CHANNEL, (), "https://wework.example.com/g/c1", datetime.now(UTC))
    store.write(lambda conn: keep_code(conn, code))
    store.close()
