"""The WeCom callback receiver: who may speak, what is kept, and that nothing strange ever gets further."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.store import inbox
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts

EVENT = (
    b"<xml><ToUserName><![CDATA[wwSBX]]></ToUserName><CreateTime>1763700001</CreateTime>"
    b"<Event><![CDATA[change_external_chat]]></Event><ChangeType><![CDATA[update]]></ChangeType>"
    b"<MemChangeList><Item><![CDATA[wmSBX01]]></Item><Item><![CDATA[wmSBX02]]></Item></MemChangeList></xml>"
)
Post = Callable[..., tuple[int, str]]


def envelope(encrypted: str) -> bytes:
    """The outer document WeCom posts."""
    return f"<xml><ToUserName><![CDATA[wwSBX]]></ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()


def address(crypto: CallbackCrypto, encrypted: str, nonce: str = "372623149") -> str:
    """The signed address of a message."""
    parts = {
        "msg_signature": crypto.signature("1763700001", nonce, encrypted),
        "timestamp": "1763700001",
        "nonce": nonce,
    }
    return "/wecom/callback?" + urlencode(parts)


def kept(ports: WebPorts) -> list[inbox.InboxRow]:
    """What is in the inbox."""
    with ports.store.reading() as conn:
        return inbox.unapplied(conn, ports.vault, "wecom", 100)


def answer(client: TestClient, where: str, body: bytes) -> tuple[int, str]:
    """Status and error code of a post; the code is empty for an acknowledgement."""
    found = client.post(where, content=body)
    return found.status_code, found.json()["error"]["code"] if found.content else ""


def test_the_address_check_is_answered_with_the_echo_alone(client: TestClient, crypto: CallbackCrypto) -> None:
    """Saving the address in the admin console works: the decrypted echo, no quotes, no newline."""
    sealed = crypto.seal(b"5927782489442352469")
    found = client.get(address(crypto, sealed) + "&" + urlencode({"echostr": sealed}))
    assert (found.status_code, found.text) == (200, "5927782489442352469")


def test_the_address_is_proven_while_the_database_is_held_by_somebody_else(
    client: TestClient, crypto: CallbackCrypto, ports: WebPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof needs no database; an event is not acknowledged meanwhile, and kept when it comes again."""
    monkeypatch.setattr("qunflow.web.keeping.WAIT_S", 0.1)
    sealed = crypto.seal(EVENT)
    where = address(crypto, sealed)
    with ports.store.writing():
        assert client.get(where + "&" + urlencode({"echostr": sealed})).content == EVENT
        assert answer(client, where, envelope(sealed)) == (503, "busy")
    monkeypatch.undo()
    assert answer(client, where, envelope(sealed)) == (200, "")
    assert len(kept(ports)) == 1


def test_an_event_is_kept_as_it_came(client: TestClient, crypto: CallbackCrypto, ports: WebPorts) -> None:
    """An acknowledged event is in the inbox, byte for byte."""
    sealed = crypto.seal(EVENT)
    assert answer(client, address(crypto, sealed), envelope(sealed)) == (200, "")
    (row,) = kept(ports)
    assert row.body == EVENT


def test_a_repeated_event_is_acknowledged_and_kept_once(
    client: TestClient, crypto: CallbackCrypto, ports: WebPorts
) -> None:
    """WeCom retries with a new random prefix and nonce: same event, one row, always 200."""
    for nonce in ("1", "2", "3", "4"):
        sealed = crypto.seal(EVENT)
        assert answer(client, address(crypto, sealed, nonce), envelope(sealed)) == (200, "")
    assert len(kept(ports)) == 1


def test_every_failure_looks_the_same(client: TestClient, crypto: CallbackCrypto) -> None:
    """A wrong signature, a wrong receiver, garbage inside and garbage outside cannot be told apart."""
    other = CallbackCrypto(token=crypto.token, aes_key=crypto.aes_key, receive_id="somebody-else")
    foreign, garbage = other.seal(EVENT), crypto.seal(b"not xml at all")
    tries = [
        (address(crypto, crypto.seal(EVENT)), envelope(crypto.seal(EVENT))),
        (address(crypto, foreign), envelope(foreign)),
        (address(crypto, garbage), envelope(garbage)),
        (address(crypto, ""), b"<xml>"),
        ("/wecom/callback", envelope(garbage)),
    ]
    assert {answer(client, where, body) for where, body in tries} == {(403, "callback_refused")}


@pytest.mark.parametrize(
    "hostile",
    [
        b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>',
        b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Encrypt>&a;</Encrypt></xml>',
        b"<a>" * 100_000,
        b"<xml>" + b"<b/>" * 50_000 + b"</xml>",
        "<?xml version='1.0' encoding='utf-16'?><xml/>".encode("utf-16"),
    ],
    ids=["entity", "external", "deep", "wide", "utf16"],
)
def test_hostile_xml_is_refused(client: TestClient, hostile: bytes) -> None:
    """Entities, depth, width and foreign encodings never get past the reader."""
    assert answer(client, "/wecom/callback", hostile) == (403, "callback_refused")


def test_without_a_token_the_receiver_says_so(ports: WebPorts) -> None:
    """An engineer who forgot the token reads which variable is missing."""
    bare = WebPorts(ports.store, ports.vault, ports.clock, ports.workspace, ports.language)
    with TestClient(create_app(bare)) as client:
        found = client.post("/wecom/callback", content=b"<xml/>")
    assert (found.status_code, found.json()["error"]["code"]) == (503, "callback_not_set_up")
