"""A small client of the sandbox, written apart from the product's connector, and a fixture-like way to start one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from struct import pack
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import httpx

from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.sandbox.options import Callback, Limits, Options
from qunflow.sandbox.running import running

EC = "externalcontact"
CORP, SECRET = "wwtest", "secret"
TOKEN, AES_KEY = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
HELPER, OWNER, OTHER = "helper_xm", "owner_zhou", "owner_he"
PICTURE = b"\x89PNG\r\n\x1a\n" + pack(">I4sII", 13, b"IHDR", 640, 480) + b"--oranges--"
FILM = pack(">I4s4s", 24, b"ftyp", b"mp42") + b"--oranges rolling--"
DOCUMENTED = Limits()
ON_ITS_OWN = "/_sandbox"


class Caller:
    """Calls below ``/cgi-bin/externalcontact/`` and acts of people in their clients."""

    def __init__(self, base: str, secret: str = SECRET) -> None:
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=10)
        self._secret, self.token = secret, ""
        self.renew()

    def renew(self) -> None:
        """Ask for the token."""
        answer = self.http.get("/cgi-bin/gettoken", params={"corpid": CORP, "corpsecret": self._secret}).json()
        self.token = answer["access_token"]

    def call(self, name: str, /, **body: Any) -> dict[str, Any]:
        """POST a customer-contact call; the body as it came."""
        return self._json(f"/cgi-bin/{EC}/{name}", {}, body)

    def ask(self, name: str, /, **query: str) -> dict[str, Any]:
        """GET a customer-contact call."""
        answer = self.http.get(f"/cgi-bin/{EC}/{name}", params={"access_token": self.token, **query})
        found: dict[str, Any] = answer.json()
        return found

    def media(self, name: str, /, **body: Any) -> dict[str, Any]:
        """POST a call about files that has a JSON body."""
        return self._json(f"/cgi-bin/media/{name}", {}, body)

    def code(self, name: str, /, **body: Any) -> int:
        """The errcode of a call."""
        return int(self.call(name, **body)["errcode"])

    def upload(self, path: str = "upload", content: bytes = PICTURE, **query: Any) -> str:
        """Upload a file and get its media_id; ``path`` is below ``/cgi-bin/media/``."""
        files = {"media": ("a.png", content, "image/png")}
        params = {"access_token": self.token, **query}
        return str(self.http.post(f"/cgi-bin/media/{path}", params=params, files=files).json()["media_id"])

    def upload_picture(self) -> str:
        """Upload a picture and get its lasting address."""
        files = {"media": ("a.png", PICTURE, "image/png")}
        answer = self.http.post("/cgi-bin/media/uploadimg", params={"access_token": self.token}, files=files)
        return str(answer.json()["url"])

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


@contextmanager
def hearing() -> Iterator[tuple[Callback, list[dict[str, str]]]]:
    """An address for callbacks, and the events that arrived there, decrypted, by their tags."""
    crypto = CallbackCrypto(TOKEN, AES_KEY, CORP)
    heard: list[dict[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            query = dict(parse_qsl(urlsplit(self.path).query))
            sealed = ElementTree.fromstring(body).findtext("Encrypt", "")
            plain = crypto.open(query["msg_signature"], query["timestamp"], query["nonce"], sealed)
            heard.append({tag.tag: tag.text or "" for tag in ElementTree.fromstring(plain)})
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Callback(f"http://127.0.0.1:{server.server_port}/", TOKEN, AES_KEY), heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
