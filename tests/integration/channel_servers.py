"""
Platforms to be refused by, in a process of their own: a robot's HTTP server that does as it is told beforehand.

Run as ``python channel_servers.py``; the first line it prints is its port. ``POST /_next`` takes the behaviours of the
next requests, ``GET /_seen`` gives what was read.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

NEXT: list[dict[str, Any]] = []
SEEN: list[dict[str, Any]] = []
DONE = {"status": 200, "body": '{"errcode":0,"errmsg":"ok","code":0,"msg":"success"}'}


class Platform(BaseHTTPRequestHandler):
    """Reads a whole request, then behaves."""

    protocol_version = "HTTP/1.1"
    # Head and body in one packet, else each answer waits for an acknowledgement.
    wbufsize = 65_536

    def do_GET(self) -> None:
        self._answer(200, json.dumps(SEEN).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/_next":
            SEEN.clear()
            NEXT[:] = body
            self._answer(200, b"[]")
            return
        SEEN.append({"path": self.path, "body": body})
        told = NEXT.pop(0) if NEXT else DONE
        if told.get("lost"):
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self._answer(told["status"], told["body"].encode(), told.get("missing", 0), told.get("to"))

    def _answer(self, status: int, body: bytes, missing: int = 0, to: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + missing))
        if to:
            self.send_header("Location", to)
        self.end_headers()
        self.wfile.write(body)
        if missing:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


class Told:
    """A running server: what it shall do next, and what it read."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, trust_env=False, verify=False)

    def will(self, *behaviours: dict[str, Any]) -> None:
        """Behave like this at the next requests, then accept."""
        self._http.post("/_next", json=list(behaviours)).raise_for_status()

    def seen(self) -> list[dict[str, Any]]:
        """The requests read since ``will``."""
        found: list[dict[str, Any]] = self._http.get("/_seen").json()
        return found


@contextmanager
def a_platform() -> Iterator[Told]:
    """A server in another process."""
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Told(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        finally:
            process.kill()


def main() -> None:
    """Serve until killed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
