"""
A load over real HTTP that costs its own core little: kept connections, requests made beforehand, answers only cut.

And the server under load: a process of its own, tied to one core where the system can do that.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_PATIENCE_S = 120.0
# Less than uvicorn keeps an idle connection.
_KEPT_S = 3.0
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Load:
    """What came back: calls, seconds, sorted waiting times in seconds, and the last body."""

    calls: int
    seconds: float
    waits_s: Sequence[float]
    body: bytes

    @property
    def per_second(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    def wait_ms(self, share: float) -> float:
        """The waiting time that this share of the calls did not exceed."""
        return self.waits_s[min(int(share * len(self.waits_s)), len(self.waits_s) - 1)] * 1_000


class Connection(asyncio.Protocol):
    """One kept connection; `ask` sends a request and gives the whole answer, headers included."""

    def __init__(self) -> None:
        self._heard = b""
        self._length = -1
        self._answer: asyncio.Future[bytes] | None = None
        self._used_at = time.monotonic()
        self._lost = False

    @property
    def stale(self) -> bool:
        """Whether the server has hung up, or soon may as nothing was asked for a while."""
        return self._lost or time.monotonic() - self._used_at > _KEPT_S

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self._length < 0 and (end := self._heard.find(_END)) >= 0:
            head = self._heard[:end].lower()
            _, _, rest = head.partition(b"content-length:")
            self._length = end + len(_END) + int(rest.split(b"\r\n", 1)[0])
        if 0 <= self._length <= len(self._heard) and self._answer is not None:
            answer, self._heard, self._length = self._heard, b"", -1
            self._used_at = time.monotonic()
            self._answer.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server hung up"))

    async def ask(self, request: bytes) -> bytes:
        """One request and its answer; the next may be asked when it is there."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        self._transport.close()


async def connected(port: int) -> Connection:
    """A new connection to a server of this machine."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


def request(method: str, target: str, body: bytes = b"") -> bytes:
    """A whole HTTP/1.1 request for this machine."""
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def body_of(answer: bytes) -> bytes:
    """The body of an answer."""
    return answer.partition(_END)[2]


async def load(port: int, requests: Sequence[bytes], *, connections: int) -> Load:
    """Send the requests over some connections, each waiting for its answer, as fast as they are answered."""
    waits: list[float] = []
    waiting, last = iter(requests), b""

    async def keep_asking(connection: Connection) -> None:
        nonlocal last
        for one in waiting:
            began = time.perf_counter()
            last = await connection.ask(one)
            waits.append(time.perf_counter() - began)

    opened = [await connected(port) for _ in range(connections)]
    began = time.perf_counter()
    await asyncio.gather(*(keep_asking(one) for one in opened))
    seconds = time.perf_counter() - began
    for one in opened:
        one.close()
    return Load(len(waits), seconds, sorted(waits), body_of(last))


def cores() -> list[int]:
    """The cores this process may use; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def on_one_core(
    command: Sequence[str], port: int, core: int | None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process of its own, ready to answer; ended when the block is left."""
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})})  # noqa: S603 - our own command
    if core is not None:
        os.sched_setaffinity(process.pid, [core])
    try:
        _wait(process, port)
        yield process
    finally:
        process.terminate()
        process.wait()


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Seconds of CPU a process has used so far; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port nobody listens on just now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    patience = time.monotonic() + _PATIENCE_S
    while time.monotonic() < patience and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not start (exit code {process.poll()})")
