"""A link is asked at the address that was looked at, once, and without following it anywhere."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from qunflow.connectors.addresses import PublicAddress
from qunflow.connectors.alive import head_of, link_checker

STATUS = {"/alive": 200, "/gone": 410, "/moved": 302, "/broken": 500}


class Server(ThreadingHTTPServer):
    seen: list[tuple[str, str, str]]


class Answers(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self.server.seen.append((self.command, self.headers["Host"], self.path))
        self.send_response(STATUS.get(self.path, 404))
        self.send_header("Location", "http://169.254.169.254/")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server calls it
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(("127.0.0.1", 0), Answers)
    running.seen = []
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def address(server: Server, path: str) -> PublicAddress:
    port = server.server_address[1]
    return PublicAddress(f"http://shop.example.com:{port}{path}#part", "shop.example.com", port, "127.0.0.1")


@pytest.mark.parametrize(("path", "status"), [*STATUS.items(), ("/nowhere", 404)])
def test_the_status_is_the_one_of_the_page_itself(server: Server, path: str, status: int) -> None:
    """A redirect is an answer and not a way: nothing but the one request is made, under the name of the host."""
    assert head_of(address(server, path)) == status
    assert server.seen == [("HEAD", f"shop.example.com:{server.server_address[1]}", path)]


def test_no_proxy_of_the_environment_is_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would look the name up again, and perhaps find another address."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert head_of(address(server, "/alive")) == 200


def certificate(folder: Path, host: str) -> Path:
    """A fresh key and a certificate of its own for a host, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(hours=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "host.pem").write_bytes(secret + made.public_bytes(pem))
    return folder / "host.pem"


@pytest.mark.parametrize(("host", "status"), [("shop.example.com", 200), ("evil.example", None), ("127.0.0.1", None)])
def test_the_certificate_is_that_of_the_name_and_not_of_the_number(
    server: Server, tmp_path: Path, host: str, status: int | None
) -> None:
    """Whoever answers at the address has to prove that it is the host."""
    file = certificate(tmp_path, host)
    speaks = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    speaks.load_cert_chain(file)
    server.socket = speaks.wrap_socket(server.socket, server_side=True)
    plain = address(server, "/alive")
    secure = PublicAddress(plain.url.replace("http:", "https:"), plain.host, plain.port, plain.ip)
    assert head_of(secure, ssl.create_default_context(cafile=str(file))) == status


def test_nobody_there_is_no_status() -> None:
    """A closed port gives no answer rather than an error."""
    assert head_of(PublicAddress("http://shop.example.com:1/", "shop.example.com", 1, "127.0.0.1")) is None


def test_each_link_is_asked_once_and_only_on_its_list() -> None:
    """Two hundred groups with one link cost one request; other hosts and private answers cost none."""
    asked: list[str] = []

    def ask(found: PublicAddress) -> int:
        asked.append(found.url)
        return 200

    inside = {"shop.example.com": ["93.184.216.34"], "inside.example.com": ["10.0.0.1"]}
    head = link_checker(tuple(inside), resolve=lambda host, port: inside[host], ask=ask)
    assert [head("https://shop.example.com/a") for _ in range(200)] == [200] * 200
    assert head("https://inside.example.com/a") is None
    assert head("https://evil.example/a") is None
    assert head("http://169.254.169.254/") is None
    assert asked == ["https://shop.example.com/a"]
