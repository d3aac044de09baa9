"""
The callback receiver against made-up requests: one refusal for everything, and never another error.

QUNFLOW_SOAK=1 runs the long form: twelve times as many.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qunflow.acquisition.callbacks import understood
from qunflow.acquisition.envelope import MAX_DEPTH, MAX_ELEMENTS, read_fields
from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.errors import BadInput
from qunflow.store import inbox
from qunflow.web.ports import WebPorts
from tests.unit.web.ear import Answer, Ear

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
CASES = 8_000 if SOAK else 700
AT = ("1763700001", "372623149")
EVENT = (
    b"<xml><ToUserName><![CDATA[wwSBX]]></ToUserName><CreateTime>1763700001</CreateTime>"
    b"<Event><![CDATA[change_external_chat]]></Event><ChatId><![CDATA[wrSBX01]]></ChatId>"
    b"<ChangeType><![CDATA[update]]></ChangeType><UpdateDetail><![CDATA[add_member]]></UpdateDetail>"
    b"<MemChangeList><Item><![CDATA[wmSBX01]]></Item><Item><![CDATA[wmSBX02]]></Item></MemChangeList></xml>"
)
pytestmark = pytest.mark.soak
many = settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
tags = st.sampled_from(["xml", "Encrypt", "Event", "MemChangeList", "Item", "a", "CreateTime", "!DOCTYPE x", "?pi"])
pieces = st.one_of(
    tags.map(lambda tag: f"<{tag}>"),
    tags.map(lambda tag: f"</{tag}>"),
    st.sampled_from(["<![CDATA[", "]]>", "&amp;", "&a;", "&#0;", "&#xD800;", "<!--", "-->", '<x y="1"/>', "\x00"]),
    st.text(max_size=10),
)
documents = st.one_of(
    st.binary(max_size=200),
    st.lists(pieces, max_size=12).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")),
    st.lists(pieces, max_size=8).map(lambda parts: f"<xml>{''.join(parts)}</xml>".encode("utf-8", "surrogatepass")),
)


@pytest.fixture
def ear(ports: WebPorts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    """A receiver whose refusals do not wait and whose inbox costs nothing."""
    monkeypatch.setattr("qunflow.web.callbacks.REFUSED_AFTER_S", 0.0)
    made = Ear(ports, lambda rows: [True] * len(rows))
    yield made
    made.close()


def query(crypto: CallbackCrypto, sealed: str) -> bytes:
    """The signed query of a message."""
    names = ("msg_signature", "timestamp", "nonce")
    return urlencode(dict(zip(names, (crypto.signature(*AT, sealed), *AT), strict=True))).encode()


def envelope(encrypted: bytes) -> bytes:
    """The outer document."""
    return b"<xml><ToUserName>wwSBX</ToUserName><Encrypt>" + encrypted + b"</Encrypt></xml>"


def is_refusal(answer: Answer) -> bool:
    """Whether an answer is the one refusal."""
    return answer.status == 403 and json.loads(answer.body)["error"]["code"] == "callback_refused"


def is_acknowledgement(answer: Answer) -> bool:
    """Whether an answer is the one that makes WeCom content."""
    return (answer.status, answer.body) == (200, b"")


def test_any_flipped_bit_is_refused(ear: Ear, crypto: CallbackCrypto) -> None:
    """Whoever changes one bit of ciphertext, signature, time or nonce is refused."""
    sealed = crypto.seal(EVENT)
    good = [one.encode() for one in (crypto.signature(*AT, sealed), *AT, sealed)]
    assert is_acknowledgement(ear.ask("POST", "/wecom/callback", query(crypto, sealed), envelope(good[3])))

    @many
    @given(which=st.integers(0, 3), place=st.integers(0, 10_000), bit=st.integers(0, 7))
    def flipped(which: int, place: int, bit: int) -> None:
        parts = list(good)
        changed = bytearray(parts[which])
        changed[place % len(changed)] ^= 1 << bit
        parts[which] = bytes(changed)
        changed_query = urlencode(dict(zip(("msg_signature", "timestamp", "nonce"), parts[:3], strict=True)))
        assert is_refusal(ear.ask("POST", "/wecom/callback", changed_query.encode(), envelope(parts[3])))

    flipped()


def test_signed_garbage_is_kept_or_refused_and_nothing_else(ear: Ear, crypto: CallbackCrypto) -> None:
    """Even the holder of the key cannot make the receiver stumble: whatever is inside, 200 or the one refusal."""

    @many
    @given(inside=documents)
    def garbage(inside: bytes) -> None:
        sealed = crypto.seal(inside)
        answer = ear.ask("POST", "/wecom/callback", query(crypto, sealed), envelope(sealed.encode()))
        assert is_refusal(answer) or is_acknowledgement(answer)

    garbage()


def test_unsigned_garbage_is_refused(ear: Ear) -> None:
    """Anybody may post anything, in the address and in the body, to both methods."""

    @many
    @given(method=st.sampled_from(["GET", "POST"]), body=documents, asked=st.binary(max_size=80), text=st.text())
    def garbage(method: str, body: bytes, asked: bytes, text: str) -> None:
        told = urlencode({"msg_signature": text, "echostr": text}, errors="replace").encode()
        assert is_refusal(ear.ask(method, "/wecom/callback", asked + b"&" + told, body))

    garbage()


def test_readers_raise_bad_input_and_nothing_else() -> None:
    """Underneath HTTP too: the envelope and the reader of events know one error."""
    raised: set[type[Exception]] = set()

    @many
    @given(document=documents)
    def read(document: bytes) -> None:
        for reader in (read_fields, understood):
            try:
                reader(document)
            except Exception as error:  # noqa: BLE001 - which ones there are is the question
                raised.add(type(error))

    read()
    assert raised == {BadInput}


def _nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


@pytest.mark.parametrize(
    "hostile",
    [
        b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>',
        b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Encrypt>&a;</Encrypt></xml>',
        b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/">%p;]><xml/>',
        b'<!DOCTYPE x [<!ENTITY a "'
        + b"b" * 50_000
        + b'">]><xml><Encrypt>'
        + b"&a;" * 50_000
        + b"</Encrypt></xml>",
        b"<!DOCTYPE xml><xml><Encrypt>a</Encrypt></xml>",
        b"<a>" * 100_000,
        _nested(MAX_DEPTH + 1),
        b"<xml>" + b"<b/>" * MAX_ELEMENTS + b"</xml>",
        b"<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>",
        b"<xml><Encrypt><Item>a</Item></Encrypt></xml>",
        "<?xml version='1.0' encoding='utf-16'?><xml/>".encode("utf-16"),
        b"<xml " + b'a="1" ' * 2 + b"/>",
        b"",
    ],
    ids=[
        "entity", "external", "parameter", "quadratic", "doctype", "deep", "too deep", "wide", "twice", "list",
        "utf16", "attribute twice", "empty",
    ],
)  # fmt: skip
def test_hostile_documents_are_refused_outside_and_inside(ear: Ear, crypto: CallbackCrypto, hostile: bytes) -> None:
    """Entities, depth, width, repeated elements and foreign encodings are refused, before the signature and after."""
    assert is_refusal(ear.ask("POST", "/wecom/callback", b"", hostile))
    sealed = crypto.seal(hostile)
    inside = ear.ask("POST", "/wecom/callback", query(crypto, sealed), envelope(sealed.encode()))
    # Only what is flat and small is an event, also one that says the same thing twice: it is kept as it came.
    flat = hostile.startswith(b"<xml><Encrypt>")
    assert is_acknowledgement(inside) if flat else is_refusal(inside)


def test_more_than_a_megabyte_is_refused_unread(ear: Ear) -> None:
    """Ten megabytes are refused by what was announced, and by what came."""
    big = b"<xml>" + b"x" * 10_000_000
    assert ear.ask("POST", "/wecom/callback", b"", big).status == 413
    assert ear.ask("POST", "/wecom/callback", b"", b"", content_length="10000000").status == 413


def test_four_kinds_of_failure_have_one_answer(ear: Ear, crypto: CallbackCrypto) -> None:
    """Signature, padding, receiver and content: the same status, headers and words, but for the number of a request."""
    foreign = CallbackCrypto(token=crypto.token, aes_key=crypto.aes_key, receive_id="somebody-else").seal(EVENT)
    other_key = CallbackCrypto(token=crypto.token, aes_key="A" * 43, receive_id="wwSBX").seal(EVENT)
    garbage, good = crypto.seal(b"not xml at all"), crypto.seal(EVENT)
    kinds = [(good, b"msg_signature=no"), *((one, query(crypto, one)) for one in (other_key, foreign, garbage))]
    answers = [ear.ask("POST", "/wecom/callback", asked, envelope(one.encode())) for one, asked in kinds]
    assert all(map(is_refusal, answers))
    shapes = {_without_numbers(one) for one in answers}
    assert len(shapes) == 1


def _without_numbers(answer: Answer) -> str:
    told = json.loads(answer.body)
    told["error"].pop("request_id")
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id",)}
    headers["content-security-policy"] = headers["content-security-policy"].split("nonce-")[0]
    return json.dumps([answer.status, told, headers], sort_keys=True)


def test_every_refusal_leaves_at_the_same_time(
    ports: WebPorts, crypto: CallbackCrypto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However far a guess got, its refusal waits for the same moment after the request was read."""
    monkeypatch.setattr("qunflow.web.callbacks.REFUSED_AFTER_S", 0.1)
    told = Ear(ports, lambda rows: [True] * len(rows))
    clock, waits = told._loop.time, []
    sealed = crypto.seal(b"not xml")
    for asked in (b"", query(crypto, sealed)):
        began = clock()
        assert is_refusal(told.ask("POST", "/wecom/callback", asked, envelope(sealed.encode())))
        waits.append(clock() - began)
    told.close()
    assert min(waits) >= 0.09


def test_events_repeated_up_to_46_times_in_any_order_are_kept_once(ports: WebPorts, crypto: CallbackCrypto) -> None:
    """Every delivery is acknowledged, each sealed anew; the inbox holds each event once, byte for byte."""
    dice = random.Random(46)
    events = [EVENT.replace(b"wmSBX02", f"wm{n:05d}".encode()) for n in range(12)]
    copies = [one for one in events for _ in range(dice.randint(1, 46))]
    dice.shuffle(copies)
    sealed = [crypto.seal(one) for one in copies]
    ear = Ear(ports)
    answers = ear.ask_all([("POST", "/wecom/callback", query(crypto, one), envelope(one.encode())) for one in sealed])
    ear.close()
    assert all(map(is_acknowledgement, answers))
    with ports.store.reading() as conn:
        kept = [row.body for row in inbox.unapplied(conn, ports.vault, "wecom", 1_000)]
    assert sorted(map(bytes, kept)) == sorted(events)
