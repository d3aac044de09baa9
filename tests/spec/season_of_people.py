"""A few days lived over HTTP with a product that only sends: what tests of planted truths look at afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from qunflow.sandbox.options import Hooks, Limits, Options
from qunflow.sandbox.running import running
from tests.integration.sandbox_caller import CORP, HELPER, SECRET, Caller

FIRST_DAY = datetime.fromisoformat("2026-03-02T00:00:00+08:00")
LARGE = Limits(chat_members=100_000, qr_members=100_000)


class Season(Caller):
    """Calls as a product makes them; ``links`` is how its short links begin, ``pushed`` what forms and shop told it."""

    links: str
    pushed: list[dict[str, Any]]

    def until(self, day: int, hour: float) -> None:
        """Let the people live until an hour of a day, from 0, and get a token that is good then."""
        to = FIRST_DAY + timedelta(days=day, hours=hour)
        self.http.post("/_sandbox/clock", json={"advance_to": to.isoformat()}, timeout=120).raise_for_status()
        self.renew()

    def tell(self, sender: str, text: str, **to: Any) -> list[str]:
        """Send a mass message and let the sender confirm it; who or which groups got it."""
        answer = self.call("add_msg_template", sender=sender, text={"content": text}, **to)
        assert answer["errcode"] == 0, answer
        served: list[str] = self.act("confirm", msgid=answer["msgid"], userid=sender)["served"]
        return served

    def tell_group(self, place: int, text: str) -> list[str]:
        """Send a mass message to one of the groups."""
        group = self.http.get("/_sandbox/world").json()["groups"][place]
        return self.tell(group["owner"], text, chat_type="group", chat_id_list=[group["chat_id"]])

    def channels(self) -> dict[str, str]:
        """The channel of every friend of the helper account, as the platform tells it."""
        found, cursor = {}, ""
        while True:
            answer = self.call("batch/get_by_user", userid_list=[HELPER], cursor=cursor, limit=100)
            for one in answer["external_contact_list"]:
                found[one["external_contact"]["external_userid"]] = one["follow_info"]["state"]
            if not (cursor := answer["next_cursor"]):
                return found

    def truth(self) -> dict[str, Any]:
        """What really is."""
        found: dict[str, Any] = self.http.get("/_sandbox/truth", timeout=60).json()
        return found


@contextmanager
def season(
    folder: Path, spec: dict[str, Any], *, seed: int = 1, limits: Limits = LARGE, **options: Any
) -> Iterator[Season]:
    """A season whose past, of six days where the spec says nothing else, ends on Monday, 2 March 2026."""
    path = folder / "spec.yaml"
    spec = {"past_days": 6, **spec}
    path.write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")
    start = FIRST_DAY - timedelta(days=spec["past_days"])
    with product() as (address, pushed):
        made = Options(
            CORP, SECRET, seed=seed, start=start, spec=path, limits=limits, hooks=Hooks(address, "s"), **options
        )
        with running(made) as base:
            one = Season(base)
            one.links, one.pushed = f"{address}/s", pushed
            try:
                yield one
            finally:
                one.http.close()


@contextmanager
def product() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address whose short links lead on, and what was pushed to its hooks."""
    pushed: list[dict[str, Any]] = []

    class Product(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(302, Location="http://127.0.0.1/goods")

        def do_POST(self) -> None:
            pushed.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}"))
            self._answer(200)

        def _answer(self, status: int, **headers: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Product)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", pushed
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
