"""
Schemathesis against the ingress: whatever is pushed or opened, a documented answer and never a 5xx.

What it makes up is sent as it is and, by a sender who knows the secrets, signed. QUNFLOW_SOAK=1 runs the long form.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import count, product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from ruamel.yaml import YAML

from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.delivery.links import short_link
from qunflow.store import members
from qunflow.store.activities import open_activity
from qunflow.store.live_codes import LiveCode, keep_code
from qunflow.web.app import create_app
from qunflow.web.guessing import GuessLimit
from qunflow.web.ports import WebPorts
from qunflow.web.signatures import key_for, sign

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
EACH = 1_000 if SOAK else 20
DESCRIPTION = Path(__file__).parents[2] / "fixtures" / "ingress.yaml"
KNOWN = {
    "/hooks/forms/{form}": {"form": "Oet50U"},
    "/hooks/forms/{form}/{key}": {"form": "Oet50U"},
    "/s/{code}": {"code": "LINKCODE00"},
    "/g/{code}": {"code": "poster-a"},
    "/c/{code}": {"code": "checkin001"},
}
TURNS = count()
HOST = "http://127.0.0.1:8790"
pytestmark = pytest.mark.soak
Scope = MutableMapping[str, Any]


@dataclass
class Sender:
    """An ASGI application before the real one: signs what comes when it is told to; counts the answers."""

    app: Any
    ports: WebPorts
    honest: bool = False
    statuses: Counter[int] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Hand one request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await _body(receive)
        if self.honest:
            body = self._signed(scope, body)

        async def again() -> Scope:
            return {"type": "http.request", "body": body, "more_body": False}

        async def count(message: Scope) -> None:
            if message["type"] == "http.response.start":
                self.statuses[message["status"]] += 1
            await send(message)

        await self.app(scope, again, count)

    def _signed(self, scope: Scope, body: bytes) -> bytes:
        if scope["path"] == "/wecom/callback":
            assert self.ports.crypto is not None
            query, body = _sealed(self.ports.crypto, scope, body)
            scope["query_string"] = query
        elif scope["path"].startswith("/hooks/forms/") and scope["path"].count("/") == 4:
            form = scope["path"].split("/")[3]
            scope["path"] = f"/hooks/forms/{form}/{key_for(self.ports.hook_secret, f'form:{form}')}"
        signature = sign(self.ports.hook_secret, body).encode()
        kept = [one for one in scope["headers"] if one[0] not in (b"content-length", b"x-qunflow-timestamp")]
        scope["headers"] = [*kept, (b"x-qunflow-signature", signature)]
        return body


async def _body(receive: Any) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _sealed(crypto: CallbackCrypto, scope: Scope, body: bytes) -> tuple[bytes, bytes]:
    sealed = crypto.seal(b"<xml>" + body + b"</xml>" if len(body) % 2 else body)
    at = ("1763700001", "372623149")
    told = {"msg_signature": crypto.signature(*at, sealed), "timestamp": at[0], "nonce": at[1]}
    if scope["method"] == "GET":
        told["echostr"] = sealed
    return urlencode(told).encode(), f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode()


@pytest.fixture
def sender(ports: WebPorts) -> Iterator[Sender]:
    """The application with something behind its codes, and no patience needed for guesses."""
    open_here = replace(ports, web_url=HOST)
    _furnish(open_here)
    yield Sender(create_app(open_here, guesses=GuessLimit(misses=10**9)), open_here)


def _furnish(ports: WebPorts) -> None:
    """A short link, a check-in week and a live code."""
    community, at = ports.workspace.communities[0], ports.clock.now()
    host = ports.workspace.redirect_hosts[0]
    with ports.store.writing() as conn:
        known = members.sync_groups(conn, ports.workspace)
        groups = tuple(known[community.key, one.key] for one in community.groups[:1])
        keep_code(conn, LiveCode("cfg1", community.key, "poster-a", groups, "https://wework.qpic.cn/1", at))
        short_link(
            conn, "one", f"https://{host}/a", community=community.key, at=at, expires_at=at + timedelta(1),
            hosts=[host], new_code=lambda: "LINKCODE00",
        )  # fmt: skip
        open_activity(
            conn, community=community.key, activity_key="w", code="checkin001", title="周",
            opens_on=date(2026, 3, 2), closes_on=date(2026, 3, 8), points_per_checkin=5,
        )  # fmt: skip


def _aim(case: Any) -> None:
    """Let three of four requests meet something that exists, else nearly all would end at an unknown code."""
    if next(TURNS) % 4:
        known = KNOWN.get(case.operation.path, {})
        case.path_parameters.update({name: value for name, value in known.items() if name in case.path_parameters})


@pytest.mark.parametrize("honest", [False, True], ids=["as it is", "signed"])
def test_no_request_gets_a_server_error_or_an_undocumented_answer(
    sender: Sender, honest: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every operation of the description, with fitting and unfitting values: the answer is one that is described."""
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    monkeypatch.setattr("qunflow.web.callbacks.REFUSED_AFTER_S", 0.0)
    sender.honest = honest
    checks = [not_a_server_error, status_code_conformance, response_schema_conformance]
    schema = schemathesis.openapi.from_dict(YAML(typ="safe").load(DESCRIPTION.read_text(encoding="utf-8")))
    schema.app = sender
    few = settings(
        max_examples=EACH,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    operations = [found.ok() for found in schema.get_all_operations()]
    unfitting = [one for one in operations if one.path.startswith("/hooks/")]
    for operation, mode in (*product(operations, modes[:1]), *product(unfitting, modes[1:])):

        @few
        @given(case=operation.as_strategy(generation_mode=mode))
        def heard(case: Any) -> None:
            _aim(case)
            case.call_and_validate(checks=checks, base_url=HOST)

        heard()
    assert len(operations) == 11
    assert max(sender.statuses) < 500
    assert sender.statuses.total() >= len(operations) * EACH
    assert {200, 404} <= set(sender.statuses)
    assert (302 in sender.statuses) and (403 in sender.statuses or honest)
