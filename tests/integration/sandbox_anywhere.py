"""A client for any call of the sandbox, whatever its area and method."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx

from qunflow.sandbox.options import Limits, Options
from qunflow.sandbox.running import running
from tests.integration.sandbox_caller import CORP, DOCUMENTED, SECRET, Caller

ACQUISITION = "externalcontact/customer_acquisition"


class Anywhere(Caller):
    """Calls below ``/cgi-bin/`` by their whole path."""

    def post(self, path: str, /, **body: Any) -> dict[str, Any]:
        """POST a call; the body as it came."""
        answer = self.http.post(f"/cgi-bin/{path}", params={"access_token": self.token}, json=body)
        found: dict[str, Any] = answer.json()
        return found

    def get(self, path: str, /, **query: Any) -> dict[str, Any]:
        """GET a call; the body as it came."""
        found: dict[str, Any] = self.raw(path, **query).json()
        return found

    def raw(self, path: str, /, **query: Any) -> httpx.Response:
        """GET a call; the whole answer."""
        return self.http.get(f"/cgi-bin/{path}", params={"access_token": self.token, **query})

    def refused(self, path: str, /, **body: Any) -> int:
        """The errcode of a POST."""
        return int(self.post(path, **body)["errcode"])

    def send_file(self, path: str, content: bytes, /, name: str = "a.bin", **query: Any) -> dict[str, Any]:
        """Upload one file; the body as it came."""
        params = {"access_token": self.token, **query}
        answer = self.http.post(f"/cgi-bin/{path}", params=params, files={"media": (name, content)})
        found: dict[str, Any] = answer.json()
        return found

    def use(self, secret: str) -> None:
        """Go on as another application."""
        answer = self.http.get("/cgi-bin/gettoken", params={"corpid": CORP, "corpsecret": secret}).json()
        self.token = answer["access_token"]

    def pass_time(self, seconds: int) -> None:
        """Let simulated time pass and get a token that is good then."""
        self.wait(seconds)
        self.renew()

    def now(self) -> int:
        """The sandbox clock, Unix seconds."""
        return int(datetime.fromisoformat(self.http.get("/_sandbox/clock").json()["now"]).timestamp())


@contextmanager
def anywhere(limits: Limits = DOCUMENTED, **options: Any) -> Iterator[Anywhere]:
    """A client of a sandbox with staff and empty groups."""
    with running(Options(CORP, SECRET, populated=False, limits=limits, **options)) as base:
        caller = Anywhere(base)
        try:
            yield caller
        finally:
            caller.http.close()
