"""
Where the foreign clients play: a running sandbox, what people do in their clients, and the address callbacks go to.

Nothing here speaks the platform's calls; those are the foreign clients' part.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from qunflow.sandbox.options import Callback, Limits, Options
from qunflow.sandbox.running import running

CORP, SECRET = "ww0a1b2c3d4e5f6071", "a-secret-of-the-app"
TOKEN, AES_KEY = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
HELPER = "helper_xm"
CALLS_PER_MIN = 30
PNG = b"\x89PNG\r\n\r\n--a picture of oranges--"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One callback as it arrived: address with query, and body."""

    url: str
    body: str

    @property
    def query(self) -> dict[str, str]:
        """The signature's parts."""
        return dict(parse_qsl(urlsplit(self.url).query))


@dataclass(frozen=True, slots=True)
class Ground:
    """A running sandbox with staff and empty groups."""

    base: str
    http: httpx.Client
    deliveries: list[Delivery]

    def act(self, act: str, **about: Any) -> dict[str, Any]:
        """Let somebody do something in a client."""
        answer = self.http.post("/_sandbox/act", json={"act": act, **about})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, seconds: int) -> None:
        """Let simulated time pass."""
        self.http.post("/_sandbox/clock", json={"advance_s": seconds}).raise_for_status()

    def group(self, place: int = 0) -> dict[str, Any]:
        """One of the groups: chat_id, name, owner."""
        found: dict[str, Any] = self.http.get("/_sandbox/world").json()["groups"][place]
        return found

    def friend(self, **about: Any) -> str:
        """A new customer of the helper account; the external_userid."""
        return str(self.act("add_contact", **about)["external_userid"])

    def members(self, people: int, place: int = 0) -> list[str]:
        """New customers in one of the groups; their external_userids."""
        chat, made = self.group(place)["chat_id"], [self.friend(name=f"邻居{n}") for n in range(people)]
        for who in made:
            self.act("pull_in", chat_id=chat, external_userid=who)
        return made

    def log(self) -> list[str]:
        """The acceptance log, a line a call that had an effect."""
        return self.http.get("/_sandbox/log").text.splitlines()


@contextmanager
def open_ground() -> Iterator[Ground]:
    """A sandbox of its own: one mass message a day for each recipient, few calls a minute, callbacks kept."""
    with _receiving() as (address, deliveries):
        limits = Limits(quota_mode="day_1", calls_per_min=CALLS_PER_MIN)
        options = Options(CORP, SECRET, populated=False, limits=limits, callback=Callback(address, TOKEN, AES_KEY))
        with running(options) as base, httpx.Client(base_url=base, trust_env=False, timeout=10) as http:
            yield Ground(base, http, deliveries)


@contextmanager
def _receiving() -> Iterator[tuple[str, list[Delivery]]]:
    kept: list[Delivery] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.append(Delivery(self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/callback", kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
