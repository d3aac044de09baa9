"""
``./run bench refusals [EACH]``: whether the time a bad callback takes tells how far it got.

Four kinds of failure (signature, padding, receiver, content) are sent in random order to a real process and timed. For
each pair the largest distance between the two distributions is printed (Kolmogorov–Smirnov), as a share of the distance
that two samples of one and the same kind show in the same run. The peer answers as soon as it knows.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from benchmarks.ingress import CRYPTO, SECRETS, event, serve, workspace
from benchmarks.loopback import connected, free_port, on_one_core
from qunflow.connectors.wecom.crypto import CallbackCrypto

EACH = 300
AT = ("1763700001", "372623149")


def requests() -> dict[str, bytes]:
    """One request of each kind of failure; the last is the first again, as a measure of chance."""
    other_key = CallbackCrypto(token=CRYPTO.token, aes_key="A" * 43, receive_id=CRYPTO.receive_id)
    other_receiver = CallbackCrypto(token=CRYPTO.token, aes_key=CRYPTO.aes_key, receive_id="ww9")
    return {
        "signature": _request(CRYPTO.seal(event(1)), "0" * 40),
        "padding": _request(other_key.seal(event(1))),
        "receiver": _request(other_receiver.seal(event(1))),
        "content": _request(CRYPTO.seal(b"x" * len(event(1)))),
        "signature again": _request(CRYPTO.seal(event(1)), "0" * 40),
    }


async def timed(port: int, each: int) -> dict[str, list[float]]:
    """Waiting times in ms by kind, the kinds in random order over one connection."""
    made = requests()
    order = [kind for kind in made for _ in range(each)]
    random.Random(1).shuffle(order)  # noqa: S311 - an order, not a secret
    took: dict[str, list[float]] = {kind: [] for kind in made}
    connection = await connected(port)
    for kind in order:
        began = time.perf_counter()
        answer = await connection.ask(made[kind])
        took[kind].append((time.perf_counter() - began) * 1_000)
        if not answer.startswith(b"HTTP/1.1 403"):
            raise RuntimeError(f"{kind} was answered {answer[:40]!r}")
    connection.close()
    return took


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """The largest distance between two empirical distributions, 0 to 1."""
    first, second = sorted(one), sorted(other)
    return max(abs(bisect_right(first, x) / len(first) - bisect_right(second, x) / len(second)) for x in (*one, *other))


def main(arguments: list[str]) -> int:
    """Print one line a way of answering; as a server when asked by itself."""
    if arguments[:1] == ["serve"]:
        from qunflow.web import callbacks

        callbacks.REFUSED_AFTER_S = float(arguments[3])
        return serve(Path(arguments[1]), int(arguments[2]), 1)
    each = int(arguments[0]) if arguments else EACH
    print(
        f"{each} requests of each kind\nway             median ms by kind                 largest distance / by chance"
    )
    for way, wait_s in (("same time", "0.02"), ("when it knows", "0")):
        with tempfile.TemporaryDirectory(prefix="qunflow-bench-") as folder:
            home, port = workspace(Path(folder) / "home"), free_port()
            command = [sys.executable, "-m", "benchmarks.refusals", "serve", str(home), str(port), wait_s]
            with on_one_core(command, port, None, dict.fromkeys(SECRETS, "")):
                asyncio.run(timed(port, 20))
                print(_line(way, asyncio.run(timed(port, each))), flush=True)
    return 0


def _line(way: str, took: Mapping[str, Sequence[float]]) -> str:
    kinds = [kind for kind in took if kind != "signature again"]
    medians = " ".join(f"{kind[:4]} {median(took[kind]):.3f}" for kind in kinds)
    largest = max(distance(took[one], took[other]) for one, other in combinations(kinds, 2))
    return f"{way:<15} {medians}  {largest:>15.3f} / {distance(took['signature'], took['signature again']):.3f}"


def _request(sealed: str, signature: str = "") -> bytes:
    told = {"msg_signature": signature or CRYPTO.signature(*AT, sealed), "timestamp": AT[0], "nonce": AT[1]}
    body = f"<xml><ToUserName>wwSBX</ToUserName><Encrypt>{sealed}</Encrypt></xml>".encode()
    head = f"POST /wecom/callback?{urlencode(told)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
