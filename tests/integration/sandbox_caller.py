"""A small client of the sandbox, written apart from the product's connector, and a fixture-like way to start one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from qunflow.sandbox.options import Limits, Options
from qunflow.sandbox.running import running

EC = "externalcontact"
CORP, SECRET = "wwtest", "secret"
HELPER, OWNER, OTHER = "helper_xm", "owner_zhou", "owner_he"
PICTURE = b"\x89PNG\r\n\r\n--a picture of oranges--"
DOCUMENTED = Limits()
ON_ITS_OWN = "/_sandbox"


class Caller:
    """Calls below ``/cgi-bin/externalcontact/`` and acts of people in their clients."""

    def __init__(self, base: str) -> None:
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=10)
        self.token = ""
        self.renew()

    def renew(self) -> None:
        """Ask for the token."""
        answer = self.http.get("/cgi-bin/gettoken", params={"corpid": CORP, "corpsecret": SECRET}).json()
        self.token = answer["access_token"]

    def call(self, name: str, /, **body: Any) -> dict[str, Any]:
        """POST a customer-contact call; the body as it came."""
        return self._json(f"/cgi-bin/{EC}/{name}", {}, body)

    def ask(self, name: str, /, **query: str) -> dict[str, Any]:
        """GET a customer-contact call."""
        answer = self.http.get(f"/cgi-bin/{EC}/{name}", params={"access_token": self.token, **query})
        found: dict[str, Any] = answer.json()
        return found

    def code(self, name: str, /, **body: Any) -> int:
        """The errcode of a call."""
        return int(self.call(name, **body)["errcode"])

    def upload(self, path: str = "upload", content: bytes = PICTURE, **query: Any) -> str:
        """Upload a file and get its media_id; ``path`` is below ``/cgi-bin/media/``."""
        files = {"media": ("a.png", content, "image/png")}
        params = {"access_token": self.token, **query}
        return str(self.http.post(f"/cgi-bin/media/{path}", params=params, files=files).json()["media_id"])

    def act(self, act: str, **about: Any) -> dict[str, Any]:
        """Let somebody do something in a client."""
        answer = self.try_act(act, **about)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def try_act(self, act: str, **about: Any) -> httpx.Response:
        """Let somebody try something that may make no sense."""
        return self.http.post(f"{ON_ITS_OWN}/act", json={"act": act, **about})

    def friend(self, **about: Any) -> str:
        """A new friend of the helper account, or of ``userid``; the external_userid."""
        return str(self.act("add_contact", **about)["external_userid"])

    def wait(self, seconds: int) -> None:
        """Let simulated time pass."""
        self.http.post(f"{ON_ITS_OWN}/clock", json={"advance_s": seconds}).raise_for_status()

    def log(self) -> list[dict[str, Any]]:
        """The acceptance log."""
        return [json.loads(line) for line in self.http.get(f"{ON_ITS_OWN}/log").text.splitlines()]

    def chat(self, place: int = 0) -> str:
        """The chat_id of one of the groups."""
        return str(self.http.get(f"{ON_ITS_OWN}/world").json()["groups"][place]["chat_id"])

    def _json(self, path: str, query: dict[str, Any], body: Any) -> dict[str, Any]:
        answer = self.http.post(path, params={"access_token": self.token, **query}, json=body)
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def calling(limits: Limits = DOCUMENTED, **options: Any) -> Iterator[Caller]:
    """A client of a sandbox with staff and empty groups."""
    with running(Options(CORP, SECRET, populated=False, limits=limits, **options)) as base:
        caller = Caller(base)
        try:
            yield caller
        finally:
            caller.http.close()
