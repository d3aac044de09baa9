"""
Broken connections over real sockets: what certainly was not sent is told from what may have been.

The transport underneath reports a dropped connection like one that was never made, so only real sockets prove this.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from qunflow.connectors.http import AnswerLost
from qunflow.connectors.wecom.client import WeCom
from qunflow.errors import ChannelUnavailable

TOKEN = b'{"errcode":0,"errmsg":"ok","access_token":"t","expires_in":7200}'
Behaviour = Callable[[socket.socket], None]


def _reply(connection: socket.socket, body: bytes, length: int | None = None) -> None:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    connection.sendall(head.encode() + body)


def _read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65_536)
        if not part:
            return b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    wanted = int(sizes[0].split(b":")[1]) if sizes else 0
    while len(body) < wanted:
        body += connection.recv(65_536)
    return head


def _serve(listening: socket.socket, behave: Behaviour, seen: list[bytes]) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            while head := _read_request(connection):
                if b"gettoken" in head:
                    _reply(connection, TOKEN)
                    continue
                seen.append(head)
                behave(connection)
                break


@contextmanager
def a_server(behave: Behaviour) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives tokens and then behaves badly; with the requests it read."""
    seen: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(listening, behave, seen), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", seen
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(timeout=5)


@contextmanager
def a_connector(url: str) -> Iterator[WeCom]:
    """A connector over the real transport, with little patience."""
    made = WeCom(url, "ww1", "s3cret", 1, production=False, timeout_s=0.15)
    try:
        yield made
    finally:
        made.close()


def _close(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def _silence(connection: socket.socket) -> None:
    time.sleep(0.2)


def _cut_body(connection: socket.socket) -> None:
    _reply(connection, b'{"errcode":0,', length=500)


def _cut_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-")


def _no_http(connection: socket.socket) -> None:
    connection.sendall(b"\x00\x01\x02 hello\r\n\r\n")


def _false_gzip(connection: socket.socket) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"
    connection.sendall(head + b"nogzi")


BEHAVIOURS = [_close, _reset, _silence, _cut_body, _cut_head, _no_http, _false_gzip]


def _write(wecom: WeCom) -> object:
    return wecom.add_msg_template(chat_type="group", sender="zhou", targets=["wr1"], text="早")


@pytest.mark.parametrize("behave", BEHAVIOURS)
def test_a_write_whose_request_was_read_is_never_taken_for_unsent(behave: Behaviour) -> None:
    """Whatever the server does after reading a request, the write is ambiguous and made once."""
    with a_server(behave) as (url, seen), a_connector(url) as wecom:
        with pytest.raises(AnswerLost):
            _write(wecom)
        assert len(seen) == 1


@pytest.mark.parametrize("behave", BEHAVIOURS)
def test_a_read_in_the_same_trouble_is_transient(behave: Behaviour) -> None:
    """A read can be made again, so it is not ambiguous."""
    with a_server(behave) as (url, _), a_connector(url) as wecom:
        with pytest.raises(ChannelUnavailable) as raised:
            wecom.group("wr1")
        assert not isinstance(raised.value, AnswerLost)


def test_a_closed_port_is_certainly_unsent() -> None:
    """Nobody listens: the message may simply be sent later."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with a_connector(f"http://127.0.0.1:{port}") as wecom, pytest.raises(ChannelUnavailable) as raised:
        _write(wecom)
    assert not isinstance(raised.value, AnswerLost)


def test_a_token_lost_on_the_way_leaves_the_write_unsent() -> None:
    """When already the token cannot be fetched, the write never left."""

    with a_server(_close) as (url, seen), a_connector(url) as wecom:

        async def broken(*_: object, **__: object) -> object:
            raise AnswerLost("cut", "")

        wecom._session._http.send = broken  # type: ignore[method-assign,assignment]
        with pytest.raises(ChannelUnavailable) as raised:
            _write(wecom)
        assert not isinstance(raised.value, AnswerLost)
        assert seen == []
