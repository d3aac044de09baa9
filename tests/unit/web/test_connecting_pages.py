"""docs/how-to/connect-*.md are true: every error they name is produced here and no other, and their keys open doors."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi.testclient import TestClient

from qunflow.cli.web import require_free, web_ports
from qunflow.clock import FixedClock
from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.errors import QunflowError, StoreBusy
from qunflow.runtime import open_runtime
from qunflow.settings.environment import load_environment
from qunflow.settings.scaffold import write_workspace
from qunflow.store.engine import Store
from qunflow.store.migrate import upgrade
from qunflow.store.vault import Vault
from qunflow.web.app import create_app
from qunflow.web.committing import GroupCommit
from qunflow.web.ports import WebPorts
from qunflow.web.signatures import key_for, sign

DOCS = Path(__file__).parents[3] / "docs" / "how-to"
WECOM = (DOCS / "connect-wecom.md").read_text(encoding="utf-8")
FORM = (DOCS / "connect-a-form.md").read_text(encoding="utf-8")
SECRET = "a hook secret for tests"
EVENT = b"<xml><Event>change_external_contact</Event></xml>"
ENTRY = {"form": "Oet50U", "entry": {"serial_number": 1, "field_1": "x", "field_2": "13800000000"}}
VARIABLES = {
    "QUNFLOW_WECOM_BASE_URL": "http://127.0.0.1:9",
    "QUNFLOW_WECOM_CORP_ID": "wwSBX",
    "QUNFLOW_WECOM_SECRET": "not a real secret",
    "QUNFLOW_WECOM_AGENT_ID": "1000002",
    "QUNFLOW_WECOM_CALLBACK_TOKEN": "QDG6eK",
    "QUNFLOW_WECOM_CALLBACK_AES_KEY": "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
    "QUNFLOW_HOOK_SECRET": SECRET,
}
Ask = Callable[[TestClient, WebPorts], httpx.Response]


def documented(page: str) -> set[tuple[int, str]]:
    """Status and code of every answer a page names."""
    return {(int(status), code) for status, code in re.findall(r"\b(\d{3}) `(\w+)`", page)}


def address(crypto: CallbackCrypto, sealed: str) -> str:
    """The signed address of a callback."""
    at = ("1763700001", "372623149")
    told = {"msg_signature": crypto.signature(*at, sealed), "timestamp": at[0], "nonce": at[1]}
    return "/wecom/callback?" + urlencode(told | {"echostr": sealed})


def deliver(client: TestClient, crypto: CallbackCrypto, *, query: bool = True) -> httpx.Response:
    """A callback as WeCom sends it."""
    sealed = crypto.seal(EVENT)
    where = address(crypto, sealed) if query else "/wecom/callback"
    return client.post(where, content=f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode())


def push(
    client: TestClient, body: object, where: str = "forms/Oet50U", secret: str = SECRET, at: str = ""
) -> httpx.Response:
    """A signed push."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stated = {"X-Qunflow-Timestamp": at} if at else {}
    return client.post(f"/hooks/{where}", content=raw, headers={"X-Qunflow-Signature": sign(secret, raw, at), **stated})


def crypto_of(ports: WebPorts, **changes: str) -> CallbackCrypto:
    """The sender's side with a setting of its own."""
    assert ports.crypto is not None
    known = {"token": ports.crypto.token, "aes_key": ports.crypto.aes_key, "receive_id": ports.crypto.receive_id}
    return CallbackCrypto(**{**known, **changes})


@contextmanager
def asked(ports: WebPorts, **changes: Any) -> Iterator[TestClient]:
    """A client of the web with other settings."""
    with TestClient(create_app(replace(ports, **changes))) as client:
        yield client


def without(ports: WebPorts, ask: Callable[[TestClient], httpx.Response], **changes: Any) -> httpx.Response:
    """The answer of a web that lacks a setting."""
    with asked(ports, **changes) as client:
        return ask(client)


def busy(client: TestClient, ask: Callable[[TestClient], httpx.Response]) -> httpx.Response:
    """The answer while another program holds the database."""

    def locked(_rows: object) -> list[bool]:
        raise StoreBusy("the database stayed locked", "try again")

    client.app.state.inbox = GroupCommit(locked)
    return ask(client)


CALLBACKS: dict[str, Ask] = {
    "nothing set up": lambda _, p: without(p, lambda c: deliver(c, crypto_of(p)), crypto=None),
    "another token": lambda c, p: deliver(c, crypto_of(p, token="another")),
    "another key": lambda c, p: deliver(c, crypto_of(p, aes_key="A" * 43)),
    "another company": lambda c, p: deliver(c, crypto_of(p, receive_id="ww1")),
    "query dropped": lambda c, p: deliver(c, crypto_of(p), query=False),
    "asked by hand": lambda c, _: c.get("/wecom/callback"),
    "path cut off": lambda c, _: c.get("/callback"),
    "another method": lambda c, _: c.put("/wecom/callback"),
    "too much": lambda c, _: c.post("/wecom/callback", content=b"x" * 1_000_001),
    "locked": lambda c, p: busy(c, lambda c: deliver(c, crypto_of(p))),
    "counts from elsewhere": lambda c, _: c.get("/metrics"),
}
PUSHES: dict[str, Ask] = {
    "no secret": lambda _, p: without(p, lambda c: push(c, ENTRY), hook_secret=""),
    "another secret": lambda c, _: push(c, ENTRY, secret="another"),
    "another form's address": lambda c, _: c.post(f"/hooks/forms/Oet50U/{key_for(SECRET, 'form:x')}", json=ENTRY),
    "an old time": lambda c, p: push(c, ENTRY, at=str(int(p.clock.now().timestamp()) - 301)),
    "a form nobody named": lambda c, _: push(c, ENTRY, "forms/Nobody"),
    "no JSON": lambda c, _: push(c, b"a=1&b=2"),
    "an order without sum": lambda c, _: push(c, {"order_no": "1", "status": "paid"}, "orders"),
    "too much": lambda c, _: push(c, b"x" * 1_000_001),
    "not posted": lambda c, _: c.get("/hooks/orders"),
    "locked": lambda c, _: busy(c, lambda c: push(c, ENTRY)),
}


@pytest.mark.parametrize(("page", "cases"), [(WECOM, CALLBACKS), (FORM, PUSHES)], ids=["wecom", "form"])
def test_the_page_names_exactly_the_errors_that_wrong_settings_give(
    ports: WebPorts, page: str, cases: dict[str, Ask]
) -> None:
    """Each wrong setting is really made here; what it answers is in the table, and the table holds nothing else."""
    produced = set()
    for ask in cases.values():
        with asked(ports) as client:
            answer = ask(client, ports)
        produced.add((answer.status_code, answer.json()["error"]["code"]))
    assert documented(page) == produced


# What is wrong, and what the page says is then said; the database is another's where that is not a setting.
WRONG_STARTS = {
    "the EncodingAESKey of the WeCom callback is not 43": {"WECOM_CALLBACK_AES_KEY": "short"},
    "QUNFLOW_WECOM_CORP_ID is not set": {"WECOM_CORP_ID": ""},
    "QUNFLOW_WECOM_SECRET is not set": {"WECOM_SECRET": ""},
    "QUNFLOW_WECOM_AGENT_ID cannot be used": {"WECOM_AGENT_ID": "my application"},
    "QUNFLOW_ENV cannot be used": {"ENV": "prod"},
    "QUNFLOW_WECOM_SECRET_FILE names": {"WECOM_SECRET_FILE": "/not/there"},
    "QUNFLOW_WECOM_BASE_URL does not begin with": {"ENV": "production", "WECOM_BASE_URL": "http://qyapi.weixin.qq.com"},
    "QUNFLOW_WECOM_BASE_URL is a sandbox": {"ENV": "production"},
    "QUNFLOW_WECOM_BASE_URL is qyapi.weixin.qq.com, which": {"WECOM_BASE_URL": "https://qyapi.weixin.qq.com"},
    "QUNFLOW_MASTER_KEY is not base64": {"MASTER_KEY": "x"},
    "QUNFLOW_MASTER_KEY holds": {"MASTER_KEY": "AAAA"},
    "QUNFLOW_MASTER_KEY is not the key": {},
    "this Qunflow expects version": {},
}


@pytest.mark.parametrize("begins", WRONG_STARTS)
def test_a_wrong_setting_stops_the_start_in_the_words_of_the_page(tmp_path: Path, begins: str) -> None:
    """`qunflow web` does not start with a wrong setting, and the page quotes what it says."""
    change = {f"QUNFLOW_{name}": value for name, value in WRONG_STARTS[begins].items()}
    home = write_workspace(tmp_path / "demo", None, date(2026, 3, 1), variables=VARIABLES | change)
    url = f"sqlite:///{home}/state/qunflow.sqlite3"
    if "expects version" not in begins:
        upgrade(url)
    if "is not the key" in begins:
        Vault(Store.open(url), bytes(32))
    with pytest.raises(QunflowError) as told:
        web_ports(open_runtime(home))
    (words,) = (one for one in quoted(WECOM) if one.startswith(begins))
    assert re.search(".+".join(re.escape(part) for part in words.split("…")), told.value.problem)
    assert told.value.next_step


def quoted(page: str) -> list[str]:
    """What a page says the program says."""
    return re.findall(r"“([^”]+)”", page)


def test_every_quoted_start_error_has_a_case_above() -> None:
    """All but that of the port are of a setting: a new row of the table needs a case."""
    assert len(quoted(WECOM)) == len(WRONG_STARTS) + 1


def test_a_taken_port_is_said_before_the_start() -> None:
    """The row about the port is true."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(QunflowError) as told:
            require_free("127.0.0.1", taken.getsockname()[1])
    assert "cannot be used: Address already in use" in told.value.problem
    assert "“cannot be used: Address already in use”" in WECOM


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("community: neighbours", "community: nobody"),
        ("source: jinshuju", "source: jinshujv"),
        ("phone: field_2", "phon: field_2"),
        ("form: Oet50U", "form: 12345"),
    ],
)
def test_a_mistake_in_a_form_is_told_in_the_words_of_the_page(tmp_path: Path, written: str, instead: str) -> None:
    """The form page quotes what a wrong community, source, word or number gives."""
    home = write_workspace(tmp_path / "demo", None, date(2026, 3, 1), variables=VARIABLES)
    file = home / "qunflow.yaml"
    text = file.read_text(encoding="utf-8")
    mapping = text[text.index("forms:") :]
    assert written in mapping
    file.write_text(text.replace(mapping, mapping.replace(written, instead, 1)), "utf-8")
    upgrade(load_environment(home).database_url)
    with pytest.raises(QunflowError) as told:
        open_runtime(home)
    assert told.value.problem in quoted(FORM)


def shell(commands: str, *printed: str) -> list[str]:
    """Run lines of a page as their reader does; gives the values of variables."""
    commands = commands.replace("python3 ", f"{sys.executable} ")
    shown = "\n".join(f'printf "%s\\n" "${name}"' for name in printed)
    environment = {"QUNFLOW_HOOK_SECRET": SECRET, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "-c", f"{commands}\n{shown}"], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def lines_of(page: str, *starts: str) -> str:
    """The lines of a page's commands that begin so."""
    return "\n".join(next(line for line in page.splitlines() if line.startswith(start)) for start in starts)


def test_the_address_made_by_the_page_opens_the_form(client: TestClient) -> None:
    """The key of the page's command is the one the web expects; its first entry is kept, then known."""
    (key,) = shell(lines_of(FORM, "KEY="), "KEY")
    where = f"/hooks/forms/Oet50U/{key}"
    assert [client.post(where, json=ENTRY).json() for _ in range(2)] == [{"state": "kept"}, {"state": "known"}]


def test_the_signature_made_by_the_page_is_taken(client: TestClient, ports: WebPorts) -> None:
    """The page's signed example is accepted as it stands."""
    body, now, signature = shell(lines_of(FORM, "BODY=", "NOW=", "SIGNATURE="), "BODY", "NOW", "SIGNATURE")
    assert isinstance(ports.clock, FixedClock)
    ports.clock.at = datetime.fromtimestamp(int(now), UTC)
    headers = {"X-Qunflow-Timestamp": now, "X-Qunflow-Signature": f"sha256={signature}"}
    found = client.post("/hooks/forms/Oet50U", content=body.encode(), headers=headers)
    assert (found.status_code, found.json()) == (200, {"state": "kept"})


def test_the_key_of_the_page_opens_the_counts(client: TestClient, ports: WebPorts) -> None:
    """With the page's key the counts are shown from everywhere, and the first callback is among them as written."""
    deliver(client, crypto_of(ports))
    (key,) = shell(lines_of(WECOM, "KEY="), "KEY")
    found = client.get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert 'qunflow_inbox_unapplied_rows{source="wecom"} 1.0' in found.text
    assert '# qunflow_inbox_unapplied_rows{source="wecom"} 1.0' in WECOM


def test_the_order_of_the_page_is_taken(client: TestClient) -> None:
    """The example order is a valid one."""
    example = re.search(r"```json\n(.*?)```", FORM, re.S)
    assert example
    assert push(client, example[1].encode(), "orders").json() == {"state": "kept"}


def test_generic_rows_and_warnings_are_as_the_page_says(client: TestClient) -> None:
    """The flat row of the page is kept; a renamed field gives both warnings the page names."""
    row = re.search(r'`(\{"序号".*?\})`', FORM)
    assert row
    assert push(client, row[1].encode()).json()["state"] == "kept"
    renamed = {"entry": {"serial_number": 2, "field_1": "x", "field_phone": "1"}}
    warnings = push(client, renamed).json()["warnings"]
    assert {one.partition(":")[0] for one in warnings} == set(re.findall(r"^\| `(\w+_field)`", FORM, re.M))
