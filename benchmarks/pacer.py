"""
``./run bench pacer [SECONDS]``: how much of an allowed rate several processes use together, and how full a second gets.

Clients send datagrams to a server in another process as fast as the pacer lets them; the kernel stamps each arrival,
and the server answers after a latency. The rate that is allowed is the limit everything is printed against; the peer
is what processes do alone that are given a share of the rate each and sleep for the rest of every second.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import multiprocessing
import select
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from qunflow.connectors.pacer import Limit, Pacer, Rate

LATENCIES_S = (0.005, 0.05, 0.5)
PROCESSES = (1, 2, 8)
PER_MINUTE = (6_000, 10_000)
_STAMP = struct.Struct("=qq")
# SO_TIMESTAMPNS of Linux, which the standard library does not name.
_KERNEL_STAMPS = 35
_START_S = 60.0
_ANSWER_S = 5.0
_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Trial:
    """One measurement: so many processes asking for calls of a rate, each answered after a latency."""

    per_minute: int
    latency_s: float
    processes: int
    seconds: float
    paced: bool = True

    @property
    def crowd(self) -> int:
        """Calls a process has on their way at most: half as many again as the rate needs."""
        return math.ceil(1.5 * self.per_minute / 60 * (self.latency_s + 0.01) / self.processes) + 2


@dataclass(frozen=True, slots=True)
class Seen:
    """The share of the allowed rate that was used, and the most calls in any second."""

    share: float
    fullest: int


def serve(told: Connection, latency_s: float) -> None:
    """Answer datagrams after a latency, and tell the stamps of all when asked to end."""
    stamps: list[float] = []
    answers: list[tuple[float, tuple[str, int]]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with suppress(OSError):  # other systems stamp when it is read
            server.setsockopt(socket.SOL_SOCKET, _KERNEL_STAMPS, 1)
        told.send(server.getsockname())
        while not told.poll():
            wait_s = min(0.05, max(0.0, answers[0][0] - time.monotonic())) if answers else 0.05
            if select.select([server], [], [], wait_s)[0]:
                _data, extra, _flags, sender = server.recvmsg(64, 64)
                stamps.append(_stamp(extra))
                heapq.heappush(answers, (time.monotonic() + latency_s, sender))
            while answers and answers[0][0] <= time.monotonic():
                server.sendto(b"ok", heapq.heappop(answers)[1])
    told.send(stamps)


def client(address: tuple[str, int], directory: Path, trial: Trial, ready: Barrier) -> None:
    """Call as often as one may until the time is over, from when everybody is ready."""
    ready.wait(_START_S)
    asyncio.run(_client(address, directory, trial, time.monotonic()))


def measure(trial: Trial) -> list[float]:
    """The arrival stamps of one trial: seconds, in order."""
    here, there = _spawn.Pipe()
    server = _spawn.Process(target=serve, args=(there, trial.latency_s), daemon=True)
    server.start()
    address = here.recv()
    with tempfile.TemporaryDirectory() as directory:
        arguments = (address, Path(directory), trial, _spawn.Barrier(trial.processes))
        clients = [_spawn.Process(target=client, args=arguments, daemon=True) for _ in range(trial.processes)]
        for one in clients:
            one.start()
        for one in clients:
            one.join(_START_S + trial.seconds + _ANSWER_S)
    here.send("end")
    stamps: list[float] = sorted(here.recv())
    server.join()
    return stamps


def judged(stamps: Sequence[float], per_minute: int, seconds: float) -> Seen:
    """What arrival stamps, in order, say; nothing of this is shared with how turns are given."""
    most = first = 0
    for last, at in enumerate(stamps):
        while at - stamps[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return Seen(len(stamps) / seconds / (per_minute / 60), most)


def main(arguments: list[str]) -> int:
    """Print one line a trial."""
    seconds = float(arguments[0]) if arguments else 4.0
    print("allowed/min  latency  processes  way     used of allowed  fullest second / allowed")
    for per_minute in PER_MINUTE:
        trials = [Trial(per_minute, latency_s, n, seconds) for latency_s in LATENCIES_S for n in PROCESSES]
        trials += [Trial(per_minute, latency_s, 8, seconds, paced=False) for latency_s in LATENCIES_S]
        for trial in trials:
            print(_line(trial, judged(measure(trial), per_minute, seconds)), flush=True)
    return 0


def _line(trial: Trial, seen: Seen) -> str:
    way = "pacer" if trial.paced else "shares"
    asked = f"{trial.per_minute:>11,}  {trial.latency_s * 1_000:>4.0f} ms  {trial.processes:>9}  {way:<6}"
    return f"{asked}  {seen.share:>15.1%}  {seen.fullest:>14} / {trial.per_minute / 60:.1f}"


def _stamp(extra: Sequence[tuple[int, int, bytes]]) -> float:
    for _level, _kind, data in extra:
        if len(data) == _STAMP.size:
            seconds, nanoseconds = _STAMP.unpack(data)
            return float(seconds + nanoseconds / 1e9)
    return time.time()


async def _client(address: tuple[str, int], directory: Path, trial: Trial, begins_at: float) -> None:
    turn = _paced(directory, trial) if trial.paced else _share(trial, begins_at)
    ends_at = begins_at + trial.seconds
    await asyncio.gather(*(_caller(address, turn, ends_at) for _ in range(trial.crowd)))


async def _caller(address: tuple[str, int], turn: Callable[[], Awaitable[float]], ends_at: float) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.setblocking(False)
        mine.connect(address)
        while time.monotonic() < ends_at:
            if await turn() == 0 and time.monotonic() < ends_at:
                mine.send(b"call")
                await asyncio.wait_for(loop.sock_recv(mine, 64), _ANSWER_S)


def _paced(directory: Path, trial: Trial) -> Callable[[], Awaitable[float]]:
    pacer = Pacer(directory)
    limits = [
        Limit("corp", (Rate(trial.per_minute, 60), Rate(15 * trial.per_minute, 3_600))),
        Limit("address", (Rate(2 * trial.per_minute, 60),)),
    ]
    return lambda: pacer.turn(limits, 2.0)


def _share(trial: Trial, begins_at: float) -> Callable[[], Awaitable[float]]:
    """The usual way: each process makes its share of calls, then sleeps until its next second."""
    share = trial.per_minute // 60 // trial.processes
    second_at, made = begins_at, 0

    async def turn() -> float:
        nonlocal second_at, made
        if made >= share:
            second_at, made = max(time.monotonic(), second_at + 1), 0
        made += 1
        await asyncio.sleep(max(0.0, second_at - time.monotonic()))
        return 0.0

    return turn


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
