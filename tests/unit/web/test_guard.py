"""What every answer carries, what is logged, and what happens when something breaks."""

from __future__ import annotations

import json
import logging
from typing import NoReturn

import pytest
from fastapi.testclient import TestClient

from qunflow.errors import StoreBusy
from qunflow.store.engine import Store
from qunflow.web.app import create_app
from qunflow.web.guessing import GuessLimit
from qunflow.web.logs import JsonLines
from qunflow.web.ports import WebPorts


def test_health_says_ok_while_the_store_answers(client: TestClient) -> None:
    """The launcher waits for this."""
    found = client.get("/healthz")
    assert (found.status_code, found.json()["status"]) == (200, "ok")


def test_health_fails_on_a_database_of_another_version(ports: WebPorts, tmp_path: object) -> None:
    """A database that was never migrated is not served."""
    other = Store.open(f"sqlite:///{tmp_path}/empty.sqlite3")
    bare = WebPorts(other, ports.vault, ports.clock, ports.workspace, ports.language)
    with TestClient(create_app(bare)) as client:
        assert client.get("/healthz").status_code == 503
    other.close()


@pytest.mark.parametrize("where", ["/healthz", "/s/nowhere123", "/nothing", "/wecom/callback"])
def test_every_answer_carries_the_security_headers(client: TestClient, where: str) -> None:
    """Pages, refusals and data alike: nothing from elsewhere, no framing, no sniffing, no referrer, not stored."""
    found = client.get(where)
    policy = found.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["referrer-policy"] == "no-referrer"
    assert found.headers["cache-control"] == "no-store"
    assert found.headers["strict-transport-security"]
    assert len(found.headers["x-request-id"]) == 16


def test_refusals_have_one_shape(client: TestClient) -> None:
    """Programs can rely on error.code, message, next_step and request_id, whoever refuses."""
    for found in (client.get("/nothing"), client.put("/hooks/orders"), client.post("/hooks/orders")):
        told = found.json()["error"]
        assert set(told) == {"code", "message", "next_step", "request_id"}
        assert told["request_id"] == found.headers["x-request-id"]
        assert all(told.values())


def test_people_get_a_page_and_programs_get_data(client: TestClient) -> None:
    """The same unknown link is a Chinese page on a phone and JSON for a program; nothing is loaded from elsewhere."""
    page = client.get("/s/nowhere123", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.text
    data = client.get("/s/nowhere123", headers={"Accept": "application/json"})
    assert data.json()["error"]["code"] == "unknown_code"


def test_the_log_tells_the_route_and_nothing_secret(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """A line has number, method, route, status and time; codes, tokens and cookies never get there."""
    with caplog.at_level(logging.INFO, logger="qunflow.web"):
        client.get("/s/secretcode1?phone=13800000000", headers={"Cookie": "qf_actor=wmSecret"})
    lines = [JsonLines().format(record) for record in caplog.records if record.name.startswith("qunflow.web")]
    (line,) = [json.loads(line) for line in lines]
    assert (line["event"], line["route"], line["status"]) == ("request answered", "/s/{code}", 404)
    assert not any(secret in lines[0] for secret in ("secretcode1", "13800000000", "wmSecret"))


def test_a_log_line_stays_one_line() -> None:
    """Line breaks and control characters in a field cannot forge a second line."""
    record = logging.LogRecord("qunflow.web", logging.INFO, "", 0, "request answered", None, None)
    record.route = '/s/\n{"level": "ERROR"}\x1b[31m'
    line = JsonLines().format(record)
    assert "\n" not in line
    assert "\x1b" not in line
    assert json.loads(line)["route"] == record.route


def test_a_busy_store_is_never_acknowledged(
    client: TestClient, ports: WebPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be committed is answered 503 with the time to come back, so that the sender tries again."""

    def busy(*_: object) -> NoReturn:
        raise StoreBusy("the database stayed locked", "try again")

    monkeypatch.setattr("qunflow.web.links.find_link", busy)
    found = client.get("/s/abcdefghij", headers={"Accept": "application/json"})
    assert (found.status_code, found.json()["error"]["code"], found.headers["retry-after"]) == (503, "busy", "1")


def test_a_defect_is_a_clean_500_that_quotes_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error nobody foresaw tells the visitor a number, and the log its kind and place without its words."""

    def broken(*_: object) -> NoReturn:
        raise KeyError("13800000000")

    monkeypatch.setattr("qunflow.web.links.find_link", broken)
    with caplog.at_level(logging.INFO, logger="qunflow.web"):
        found = client.get("/s/abcdefghij", headers={"Accept": "application/json"})
    assert (found.status_code, found.json()["error"]["code"]) == (500, "defect")
    lines = [JsonLines().format(record) for record in caplog.records if record.name.startswith("qunflow.web")]
    assert any("KeyError at" in line for line in lines)
    assert not any("13800000000" in line for line in lines)


def test_the_guess_limit_forgets_the_longest_quiet_address() -> None:
    """Its memory is bounded however many addresses ask."""
    limit = GuessLimit(misses=1, remembered=3, timer=lambda: 1.0)
    for address in "abcd":
        limit.missed(address)
    assert [bool(limit.wait_s(address)) for address in "abcd"] == [False, True, True, True]


@pytest.mark.parametrize("tries_per_s", [1, 100])
def test_however_fast_somebody_guesses_thirty_tries_a_minute_get_through(tries_per_s: int) -> None:
    """In an hour one address tries at most 30 codes for each minute begun, whether it is patient or not."""
    now_s = [0.0]
    limit = GuessLimit(timer=lambda: now_s[0])
    tried = 0
    for step in range(3_600 * tries_per_s):
        now_s[0] = step / tries_per_s
        if not limit.wait_s("203.0.113.7"):
            limit.missed("203.0.113.7")
            tried += 1
    assert 30 * 59 <= tried <= 30 * 61
