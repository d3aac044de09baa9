"""Form and order hooks: signed, kept raw, acknowledged again when repeated."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qunflow.store import inbox
from qunflow.web.ports import WebPorts
from qunflow.web.signatures import sign

SECRET = "a hook secret for tests"
ORDER = {
    "order_no": "E20260305-1",
    "external_userid": "wmSBX01",
    "amount_fen": 2990,
    "paid_at": "2026-03-05T12:00:07+08:00",
    "status": "paid",
    "link_code": "Ab3dE6gH9j",
}


def post(client: TestClient, where: str, body: object, secret: str = SECRET) -> tuple[int, Any]:
    """Post a signed body; bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = client.post(where, content=raw, headers={"X-Qunflow-Signature": sign(secret, raw)})
    return found.status_code, found.json()


def form_of(ports: WebPorts) -> str:
    """The form the demo workspace has."""
    return ports.workspace.forms[0].form


def kept(ports: WebPorts, source: str) -> list[inbox.InboxRow]:
    """What is in the inbox."""
    with ports.store.reading() as conn:
        return inbox.unapplied(conn, ports.vault, source, 100)


def entry(ports: WebPorts, number: int) -> dict[str, object]:
    """An entry as the form platform sends it."""
    inside = {"serial_number": number, "field_1": "小林", "field_2": "13800000000", "x_field_1": "poster-a"}
    return {"form": form_of(ports), "form_name": "报名", "entry": inside}


def test_a_form_entry_is_kept_with_its_number(client: TestClient, ports: WebPorts) -> None:
    """An entry is in the inbox under form and serial number once it is acknowledged."""
    assert post(client, f"/hooks/forms/{form_of(ports)}", entry(ports, 7)) == (200, {"state": "kept"})
    (row,) = kept(ports, "form")
    assert (row.key, row.body) == (f"{form_of(ports)}/7", entry(ports, 7))


def test_a_repeated_entry_is_acknowledged_and_kept_once(client: TestClient, ports: WebPorts) -> None:
    """The platform may send an entry again as often as it likes."""
    states = [post(client, f"/hooks/forms/{form_of(ports)}", entry(ports, 7))[1]["state"] for _ in range(3)]
    assert states == ["kept", "known", "known"]
    assert len(kept(ports, "form")) == 1


def test_an_entry_without_its_number_is_kept_all_the_same(client: TestClient, ports: WebPorts) -> None:
    """A form that changed its shape loses nothing: the row waits for a person, not a 5xx."""
    where = f"/hooks/forms/{form_of(ports)}"
    for drifted in ({"entry": {"field_1": "a"}}, {"entry": []}, {"entry": {"serial_number": True}}, {}):
        assert post(client, where, drifted) == (200, {"state": "kept"})
    assert len(kept(ports, "form")) == 4


def test_an_unknown_form_is_refused_by_name_of_the_setting(client: TestClient) -> None:
    """A form nobody set up is told where to be set up."""
    status, told = post(client, "/hooks/forms/Nobody", {"entry": {"serial_number": 1}})
    assert (status, told["error"]["code"]) == (404, "unknown_form")
    assert "qunflow.yaml" in told["error"]["next_step"]


@pytest.mark.parametrize("where", ["/hooks/orders", "/hooks/forms/Oet50U"])
def test_a_wrong_signature_is_refused_before_anything_is_read(client: TestClient, where: str) -> None:
    """Neither another secret, nor no signature, nor somebody else's body gets in."""
    assert post(client, where, ORDER, secret="another")[0] == 401
    assert client.post(where, json=ORDER).status_code == 401
    borrowed = {"X-Qunflow-Signature": sign(SECRET, b"{}")}
    assert client.post(where, content=json.dumps(ORDER), headers=borrowed).status_code == 401


def test_an_order_is_kept_under_number_and_status(client: TestClient, ports: WebPorts) -> None:
    """Payment and refund of one order are two pieces of news, each once; a further part refund is a third."""
    refund = {**ORDER, "status": "refunded", "refunded_fen": 500}
    sent = [ORDER, ORDER, refund, refund, {**refund, "refunded_fen": 900}, {**ORDER, "status": "refunded"}]
    states = [post(client, "/hooks/orders", body)[1]["state"] for body in sent]
    assert states == ["kept", "known", "kept", "known", "kept", "kept"]
    assert [row.key.split("/", 1)[1] for row in kept(ports, "order")] == [
        "paid", "refunded/500", "refunded/900", "refunded/all",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order_no", ""),
        ("amount_fen", -1),
        ("amount_fen", "2990"),
        ("amount_fen", 29.9),
        ("amount_fen", True),
        ("paid_at", "2026-03-05T12:00:07"),
        ("status", "shipped"),
        ("refunded_fen", 2991),
    ],
)
def test_a_wrong_order_is_refused_by_the_name_of_its_field(client: TestClient, field: str, value: object) -> None:
    """The sender reads which field is wrong, never what stood in it."""
    status, told = post(client, "/hooks/orders", {**ORDER, field: value})
    assert (status, told["error"]["code"]) == (422, "bad_order")
    assert field in told["error"]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"nonsense", b"\xff\xfe", b'{"a": NaN}', b'"\\ud800"', b'{"a": "\\ud800"}', b"[" * 100_000]
)
def test_what_is_no_json_object_is_refused(client: TestClient, body: bytes) -> None:
    """Only a JSON object in UTF-8 that a store can hold is let in."""
    status, told = post(client, "/hooks/orders", body)
    assert (status, told["error"]["code"]) == (400, "not_json")


def test_more_than_a_megabyte_is_refused(client: TestClient) -> None:
    """A body over the limit is refused, announced or not."""
    assert post(client, "/hooks/orders", b"x" * 1_000_001)[0] == 413

    def unannounced() -> Any:
        for _ in range(11):
            yield b"x" * 100_000

    assert client.post("/hooks/orders", content=unannounced()).status_code == 413


def test_signed_garbage_never_becomes_a_server_error(client: TestClient, ports: WebPorts) -> None:
    """Whatever a holder of the secret sends, the answer is a decision and never a 5xx."""
    plain = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )
    keys = st.sampled_from([*ORDER, "refunded_fen", "entry", "form"])

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        changes=st.dictionaries(keys, plain, max_size=4), where=st.sampled_from(["orders", f"forms/{form_of(ports)}"])
    )
    def garbage(changes: dict[str, object], where: str) -> None:
        assert post(client, f"/hooks/{where}", {**ORDER, **changes})[0] in (200, 400, 422)

    garbage()
