"""What the web counts, who may see it, and that nothing anybody sent is in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from qunflow.clock import FixedClock
from qunflow.store import inbox
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts
from qunflow.web.signatures import key_for, sign

SECRET = "a hook secret for tests"
ENTRY = b'{"entry": {"serial_number": 1, "field_1": "x", "field_2": "13800000000"}}'


@pytest.fixture
def here(ports: WebPorts) -> Iterator[TestClient]:
    """A program of this machine."""
    with TestClient(create_app(ports), client=("127.0.0.1", 50000)) as opened:
        yield opened


def counts(text: str) -> dict[str, float]:
    """Every sample as ``name{label,…}`` → value; fails when the text is no Prometheus text."""
    found = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {f"{one.name}{{{','.join(one.labels.values())}}}": one.value for one in found}


def test_requests_commits_and_the_backlog_are_counted(here: TestClient, ports: WebPorts) -> None:
    """One kept entry, its repetition, a refusal and a wrong address are four counts; the inbox says what waits."""
    where = f"/hooks/forms/{ports.workspace.forms[0].form}"
    for _ in range(2):
        here.post(where, content=ENTRY, headers={"X-Qunflow-Signature": sign(SECRET, ENTRY)})
    here.post(where, content=ENTRY)
    here.get("/s/secretcode1?phone=13800000000")
    here.get("/nowhere/13800000000")
    assert isinstance(ports.clock, FixedClock)
    ports.clock.at += timedelta(seconds=90)
    text = here.get("/metrics").text
    found = counts(text)
    assert found["qunflow_http_requests_total{POST,/hooks/forms/{form},200}"] == 2
    assert found["qunflow_http_requests_total{POST,/hooks/forms/{form},401}"] == 1
    assert found["qunflow_http_requests_total{,none,404}"] == 1
    assert found["qunflow_inbox_commit_rows_count{}"] == 2
    assert found["qunflow_inbox_commit_rows_sum{}"] == 2
    assert found["qunflow_inbox_unapplied_rows{form}"] == 1
    assert found["qunflow_inbox_oldest_unapplied_seconds{form}"] == 90
    assert found["qunflow_inbox_waiting_rows{}"] == 0
    assert not any(secret in text for secret in ("13800000000", "secretcode1", SECRET))


def test_made_up_methods_are_counted_together(here: TestClient) -> None:
    """Whoever asks in a hundred ways makes one count, not a hundred that stay in memory."""
    before = len(counts(here.get("/metrics").text))
    for number in range(100):
        here.request(f"ODD{number}", "/s/secretcode1")
    found = counts(here.get("/metrics").text)
    assert found["qunflow_http_requests_total{,/s/{code},405}"] == 100
    assert len(found) < before + 50


def test_what_was_applied_does_not_wait(here: TestClient, ports: WebPorts) -> None:
    """An applied row is neither behind nor old."""
    with ports.store.writing() as conn:
        inbox.keep(conn, [inbox.sealed(ports.vault, "click", "1", {})], ports.clock.now())
        inbox.mark(
            conn,
            [row.inbox_id for row in inbox.unapplied(conn, ports.vault, "click", 9)],
            "applied",
            "",
            ports.clock.now(),
        )
    assert "click" not in here.get("/metrics").text


def test_only_this_machine_and_who_has_the_key_may_look(ports: WebPorts, here: TestClient, client: TestClient) -> None:
    """A stranger and a proxy for one are refused; the key opens from everywhere, and no other key does."""
    key = {"Authorization": f"Bearer {key_for(SECRET, 'metrics')}"}
    proxied = {"X-Forwarded-For": "203.0.113.7"}
    assert client.get("/metrics").json()["error"]["code"] == "metrics_closed"
    assert here.get("/metrics", headers=proxied).status_code == 403
    assert [client.get("/metrics", headers=key).status_code, here.get("/metrics").status_code] == [200, 200]
    assert here.get("/metrics", headers=proxied | key).status_code == 200
    for wrong in (key_for(SECRET, "form:x"), SECRET, ""):
        assert client.get("/metrics", headers={"Authorization": f"Bearer {wrong}"}).status_code == 403
