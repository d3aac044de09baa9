"""Form and order hooks: signed, kept raw, acknowledged again when repeated."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qunflow.acquisition.forms import FormMap, pushed_entry
from qunflow.store import inbox
from qunflow.web.ports import WebPorts
from qunflow.web.signatures import key_for, sign

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
        status, told = post(client, where, drifted)
        assert (status, told["state"], bool(told["warnings"])) == (200, "kept", True)
    assert len(kept(ports, "form")) == 4


def test_a_form_that_changed_is_said_and_counted(client: TestClient, ports: WebPorts) -> None:
    """A field nobody mapped and one that is gone are named in the answer and the log, their values nowhere."""
    changed = entry(ports, 8)
    changed["entry"] = {"serial_number": 8, "field_1": "小林", "field_9": "13800000000", "13800000000": "x"}
    status, told = post(client, f"/hooks/forms/{form_of(ports)}", changed)
    assert (status, told) == (
        200,
        {"state": "kept", "warnings": ["unknown_field: field_9, …", "missing_field: field_2"]},
    )
    registry = client.app.state.metrics.registry
    assert registry.get_sample_value("qunflow_form_drift_total", {"form": form_of(ports)}) == 1


def test_a_generic_row_is_an_entry_under_the_usual_names(client: TestClient, ports: WebPorts) -> None:
    """A form that sends a flat row is read like an export: acquisition finds number, name and phone in it."""
    row = {"序号": 7, "姓名": "小林", "手机号": "13800000000", "field_1": "小林", "field_2": "13800000000"}
    assert post(client, f"/hooks/forms/{form_of(ports)}", row) == (200, {"state": "kept"})
    assert post(client, f"/hooks/forms/{form_of(ports)}", row) == (200, {"state": "known"})
    (found,) = kept(ports, "form")
    assert isinstance(found.body, dict)
    lead = pushed_entry(found.body, FormMap(form_of(ports), "neighbours", {}))
    assert (found.key, lead.source_key, lead.name, lead.phone) == (f"{form_of(ports)}/7", "7", "小林", "13800000000")


def test_a_platform_that_cannot_sign_has_an_address_with_a_key(client: TestClient, ports: WebPorts) -> None:
    """The key fits one form only; a wrong one is refused like a wrong signature."""
    form = form_of(ports)
    key = key_for(SECRET, f"form:{form}")
    assert client.post(f"/hooks/forms/{form}/{key}", json=entry(ports, 9)).json() == {"state": "kept"}
    for wrong in (key_for(SECRET, "form:another"), key[:-1], key_for("another", f"form:{form}")):
        found = client.post(f"/hooks/forms/{form}/{wrong}", json=entry(ports, 9))
        assert (found.status_code, found.json()["error"]["code"]) == (401, "bad_signature")
    assert len(kept(ports, "form")) == 1


@pytest.mark.parametrize(
    ("shift_s", "status", "code"),
    [(0, 200, ""), (-300, 200, ""), (300, 200, ""), (-301, 401, "stale_signature"), (301, 401, "stale_signature")],
)
def test_a_signed_time_must_be_near(client: TestClient, ports: WebPorts, shift_s: int, status: int, code: str) -> None:
    """Whoever signs the time as well is protected from old bodies sent again; five minutes either way."""
    raw, timestamp = json.dumps(ORDER).encode(), str(int(ports.clock.now().timestamp()) + shift_s)
    headers = {"X-Qunflow-Timestamp": timestamp, "X-Qunflow-Signature": sign(SECRET, raw, timestamp)}
    found = client.post("/hooks/orders", content=raw, headers=headers)
    assert (found.status_code, found.json().get("error", {}).get("code", "")) == (status, code)


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "1e9", "9" * 13, "１７７２６８３２００"])
def test_a_time_can_neither_be_added_nor_taken_away(client: TestClient, ports: WebPorts, timestamp: str) -> None:
    """A signature is for the body with its time; without it, or with another one, it is worth nothing."""
    raw, now = json.dumps(ORDER).encode(), str(int(ports.clock.now().timestamp()))
    signed = {"X-Qunflow-Signature": sign(SECRET, raw, now)}
    stated = {"X-Qunflow-Timestamp": timestamp.encode()} if timestamp else {}
    assert client.post("/hooks/orders", content=raw, headers={**signed, **stated}).status_code == 401
    nonsense = {"X-Qunflow-Signature": sign(SECRET, raw, timestamp), **stated}
    assert client.post("/hooks/orders", content=raw, headers=nonsense).status_code == (401 if timestamp else 200)


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


def test_an_order_is_kept_once_for_each_thing_that_is_said_of_it(client: TestClient, ports: WebPorts) -> None:
    """A repetition is known however it is spelled; a refund, another sum and a buyer who is named later are news."""
    refund = {**ORDER, "status": "refunded", "refunded_fen": 500}
    repeated = {"coupon": "", "unheard_of": 1, **dict(reversed(ORDER.items()))}
    news = [
        ORDER,
        refund,
        {**refund, "refunded_fen": 900},
        {**ORDER, "status": "refunded"},
        {**ORDER, "amount_fen": 2790},
        {**ORDER, "phone": "13800138000"},
    ]
    states = [post(client, "/hooks/orders", body)[1]["state"] for body in [*news, *news, repeated]]
    assert states == ["kept"] * len(news) + ["known"] * (len(news) + 1)
    assert {row.key.split("/")[0] for row in kept(ports, "order")} == {ORDER["order_no"]}


def test_an_order_keeps_everything_it_says_of_the_buyer(client: TestClient, ports: WebPorts) -> None:
    """Phone and the three ids of the platform are kept for joining; what nobody knows is not."""
    buyer = {"phone": "13800138000", "openid": "oP1", "unionid": "oU1", "external_userid": "wm1"}
    assert post(client, "/hooks/orders", {**ORDER, **buyer, "nickname": "小林"})[0] == 200
    (row,) = kept(ports, "order")
    assert isinstance(row.body, dict)
    assert {name: row.body.get(name) for name in (*buyer, "nickname")} == {**buyer, "nickname": None}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order_no", ""),
        ("amount_fen", -1),
        ("amount_fen", "2990"),
        ("amount_fen", 29.9),
        ("amount_fen", True),
        ("paid_at", "2026-03-05T12:00:07"),
        ("paid_at", "0001-01-01T00:00:00+14:00"),
        ("paid_at", "9999-12-31T23:59:59-10:00"),
        ("order_no", "E1\0"),
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
    "body",
    [
        b"",
        b"[]",
        b"nonsense",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'"\\ud800"',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a": ' + b"[" * 400 + b"]" * 400 + b"}",
    ],
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
