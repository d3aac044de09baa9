"""Mail against a server in another process: each way a handing over can end, encryption, and what is in a mail."""

from __future__ import annotations

import email
import logging
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from qunflow.clock import FixedClock
from qunflow.connectors.channel import Accepted, File, Held, Link, Outgoing, Refused, Unknown
from qunflow.connectors.mail import Mail, MailServer
from qunflow.connectors.mail_message import Sender
from tests.integration.mail_server import PASSWORD, USER, MailPorts, a_mail_server

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
SENDER = Sender("news@brand.example", "砂糖橘")
MESSAGE = Outgoing("good@people.example", "今晚八点开售", "早上好\n.一行以点开头", key="g1/noon/2026-03-02/7")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this machine, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return paths


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[MailPorts]:
    """One server for all tests."""
    with a_mail_server(tmp_path_factory.mktemp("mail"), *certificate) as found:
        yield found


@pytest.fixture
def ports(server: MailPorts) -> MailPorts:
    """The server, nothing accepted yet."""
    server.accepted.unlink(missing_ok=True)
    return server


@pytest.fixture
def mail(ports: MailPorts) -> Iterator[Mail]:
    """Mails without encryption, as is allowed on this machine only."""
    with Mail(_plain(ports.plain), production=False, clock=FixedClock(NOON)) as made:
        yield made


def _plain(port: int) -> MailServer:
    return MailServer("127.0.0.1", port, "none", SENDER, timeout_s=0.5)


def to(who: str) -> Outgoing:
    """The message for another recipient."""
    return replace(MESSAGE, address=f"{who}@people.example")


def parsed(ports: MailPorts) -> EmailMessage:
    """The one accepted mail."""
    (one,) = ports.mails()
    return email.message_from_bytes(one["content"].encode(), policy=policy.default)


def test_an_accepted_mail_is_whole(mail: Mail, ports: MailPorts) -> None:
    """Text with a line that begins with a dot, Chinese subject and sender, the date of the clock."""
    found = mail.send(MESSAGE)
    arrived = parsed(ports)
    assert arrived["Subject"] == "今晚八点开售"
    assert str(arrived["From"]) == "砂糖橘 <news@brand.example>"
    assert arrived["To"] == "good@people.example"
    assert arrived["Date"] == "Mon, 02 Mar 2026 04:00:00 +0000"
    assert arrived.get_content().splitlines() == MESSAGE.text.splitlines()
    assert found == Accepted(arrived["Message-ID"])
    assert ports.mails()[0]["hello"] == "brand.example"


def test_a_line_of_one_dot_does_not_end_a_mail(mail: Mail, ports: MailPorts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would end it early is doubled on its way, and what stands behind it is no command."""
    content = b"Subject: x\r\n\r\n.\r\nMAIL FROM:<all@people.example>\r\n..two\r\n"
    monkeypatch.setattr("qunflow.connectors.mail.mail_bytes", lambda *_: content)
    assert isinstance(mail.send(MESSAGE), Accepted)
    (one,) = ports.mails()
    assert one["content"].encode() == content


def test_every_attempt_has_the_same_message_id(mail: Mail, ports: MailPorts) -> None:
    """Another delivery has another one, and the key cannot be read from it."""
    first, again = mail.send(MESSAGE), mail.send(MESSAGE)
    other = mail.send(replace(MESSAGE, key="g1/noon/2026-03-02/8"))
    assert first == again != other
    assert isinstance(first, Accepted)
    assert "noon" not in first.platform_id
    assert first.platform_id.endswith("@brand.example>")


def test_html_travels_beside_the_text_with_its_styles_inlined(mail: Mail, ports: MailPorts) -> None:
    """Readers that drop style sheets still see it; nothing is fetched for it."""
    sheet = '<link rel="stylesheet" href="http://127.0.0.1:9/x.css">'
    html = f"<html><head>{sheet}<style>p{{color:red}}</style></head><body><p>橘</p></body></html>"
    assert isinstance(mail.send(replace(MESSAGE, html=html)), Accepted)
    text, page = parsed(ports).iter_parts()
    assert text.get_content_type() == "text/plain"
    assert page.get_content_type() == "text/html"
    assert '<p style="color: red;">橘</p>' in page.get_content()


def test_files_and_links_go_along(mail: Mail, ports: MailPorts) -> None:
    """A file as an attachment, a link as a line."""
    things = (File("名单.csv", "text/csv", b"a,b"), Link("砂糖橘", "https://shop.example.com"))
    assert isinstance(mail.send(replace(MESSAGE, attachments=things)), Accepted)
    text, file = parsed(ports).iter_parts()
    assert "砂糖橘 https://shop.example.com" in text.get_content()
    assert (file.get_filename(), file.get_content()) == ("名单.csv", "a,b")


def test_one_click_ends_such_mails(mail: Mail, ports: MailPorts) -> None:
    """Mailbox providers ask for both headers."""
    url = "https://brand.example/unsubscribe/abc"
    assert isinstance(mail.send(replace(MESSAGE, unsubscribe_url=url)), Accepted)
    arrived = parsed(ports)
    assert arrived["List-Unsubscribe"] == f"<{url}>"
    assert arrived["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


INJECTED = [
    replace(MESSAGE, title="好\r\nBcc: all@people.example"),
    replace(MESSAGE, title="好\u2028Bcc: all@people.example"),
    replace(MESSAGE, title="好\x00"),
    replace(MESSAGE, title="好\x7f\x1b[2J"),
    replace(MESSAGE, address="good@people.example\r\nRCPT TO:<all@people.example>"),
    replace(MESSAGE, address="good@people.example, all@people.example"),
    replace(MESSAGE, address="<all@people.example>"),
    replace(MESSAGE, address="good@people.example> SIZE=1"),
    replace(MESSAGE, address="nobody"),
    replace(MESSAGE, address=""),
    replace(MESSAGE, unsubscribe_url="https://a.example/\r\nBcc: all@people.example"),
    replace(MESSAGE, unsubscribe_url="https://a.example/>, <https://b.example"),
    replace(MESSAGE, unsubscribe_url="http://a.example/"),
    replace(MESSAGE, attachments=(File("a\r\nX: y", "text/csv", b""),)),
    replace(MESSAGE, attachments=(File("a", "text/csv\r\nX: y", b""),)),
    replace(MESSAGE, key=""),
    replace(MESSAGE, key="\ud83d"),
    replace(MESSAGE, html="<p>\ud83d</p>"),
    replace(MESSAGE, text=""),
    replace(MESSAGE, text="橘" * 200_000),
]


@pytest.mark.parametrize("message", INJECTED, ids=range(len(INJECTED)))
def test_what_could_add_headers_or_recipients_never_leaves(mail: Mail, ports: MailPorts, message: Outgoing) -> None:
    """Nor does a mail without text, key or bounds."""
    found = mail.send(message)
    assert isinstance(found, Refused)
    assert found.code == 0
    assert "people.example" not in found.why
    assert ports.mails() == []


@pytest.mark.parametrize(("who", "code"), [("gone", 550), ("spam", 554)])
def test_a_refusal_for_good_keeps_its_code(mail: Mail, who: str, code: int) -> None:
    """At the recipient or at the end of the mail; the server's text, which repeats addresses, is not kept."""
    found = mail.send(to(who))
    assert isinstance(found, Refused)
    assert found.code == code
    assert "people.example" not in found.why
    assert "5." in found.why


@pytest.mark.parametrize(("who", "code"), [("greylisted", 450), ("full", 452)])
def test_a_refusal_for_now_concerns_one_recipient(mail: Mail, ports: MailPorts, who: str, code: int) -> None:
    """The next one is served, over the same connection."""
    found = mail.send(to(who))
    assert isinstance(found, Held)
    assert (found.code, found.concerns_all) == (code, False)
    assert isinstance(mail.send(MESSAGE), Accepted)


@pytest.mark.parametrize("who", ["closing", "hangup", "odd"])
def test_a_server_that_leaves_before_the_mail_was_whole_has_delivered_nothing(
    mail: Mail, ports: MailPorts, who: str
) -> None:
    """It is asked again later, over a new connection."""
    found = mail.send(to(who))
    assert isinstance(found, Held)
    assert found.concerns_all
    assert isinstance(mail.send(MESSAGE), Accepted)
    assert len(ports.mails()) == 1


@pytest.mark.parametrize("who", ["lost", "silent", "garbled"])
def test_no_word_on_a_whole_mail_leaves_it_unknown(mail: Mail, who: str) -> None:
    """It may have been delivered; the next mail takes a new connection."""
    assert isinstance(mail.send(to(who)), Unknown)
    assert isinstance(mail.send(MESSAGE), Accepted)


def test_a_connection_cut_in_the_middle_of_a_mail_has_delivered_nothing() -> None:
    """Without its end a server must not deliver it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_cut_in_data, args=(listening,), daemon=True)
        thread.start()
        with Mail(_plain(listening.getsockname()[1]), production=False) as mail:
            big = replace(MESSAGE, attachments=(File("a.bin", "application/zip", b"x" * 8_000_000),))
            found = mail.send(big)
        thread.join(timeout=5)
    assert isinstance(found, Held)
    assert "before the mail was whole" in found.why


def _cut_in_data(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection, connection.makefile("rb") as lines:
        connection.sendall(b"220 a\r\n")
        for line in lines:
            if line.startswith(b"DATA"):
                connection.sendall(b"354 go on\r\n")
                connection.recv(1_000)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            connection.sendall(b"250 a\r\n")


def test_a_mail_over_the_servers_size_never_leaves(mail: Mail, ports: MailPorts) -> None:
    """The server has told its limit beforehand."""
    found = mail.send(replace(MESSAGE, attachments=(File("a.bin", "application/zip", b"x" * 300_000),)))
    assert isinstance(found, Refused)
    assert ports.mails() == []


def test_a_server_that_cannot_be_reached_holds_the_mail() -> None:
    """Nobody listens, so it certainly was not sent."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Mail(_plain(port), production=False) as mail:
        found = mail.send(MESSAGE)
    assert isinstance(found, Held)
    assert found.concerns_all


def test_connections_are_kept_and_renewed(ports: MailPorts) -> None:
    """One for many mails, another one after half a minute of silence."""
    now = [0.0]
    with Mail(_plain(ports.plain), production=False, monotonic=lambda: now[0]) as mail:
        for _ in range(3):
            mail.send(MESSAGE)
        now[0] = 31.0
        mail.send(MESSAGE)
    peers = [one["peer"] for one in ports.mails()]
    assert peers[0] == peers[1] == peers[2] != peers[3]


def _with_login(ports: MailPorts, password: str = PASSWORD) -> MailServer:
    return MailServer("127.0.0.1", ports.starttls, "starttls", SENDER, USER, password, timeout_s=2)


def test_a_login_travels_encrypted(ports: MailPorts, certificate: tuple[Path, Path]) -> None:
    """After STARTTLS, or from the start."""
    tls = ssl.create_default_context(cafile=str(certificate[0]))
    with Mail(_with_login(ports), production=False, tls=tls) as mail:
        assert isinstance(mail.send(MESSAGE), Accepted)
    with Mail(MailServer("127.0.0.1", ports.tls, "tls", SENDER), production=False, tls=tls) as mail:
        assert isinstance(mail.send(MESSAGE), Accepted)
    assert [one["tls"] for one in ports.mails()] == [True, True]


def test_a_wrong_login_holds_every_mail(
    ports: MailPorts, certificate: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    """Until somebody has mended the settings; the password is told nowhere."""
    caplog.set_level(logging.DEBUG)
    tls = ssl.create_default_context(cafile=str(certificate[0]))
    with Mail(_with_login(ports, "wrong-canary"), production=False, tls=tls) as mail:
        found = mail.send(MESSAGE)
    assert isinstance(found, Held)
    assert (found.code, found.concerns_all) == (535, True)
    assert "canary" not in repr(mail) + repr(found) + caplog.text


def test_a_sender_the_server_does_not_know_holds_every_mail(ports: MailPorts) -> None:
    """The mail is not to blame, so it goes out once the settings are mended."""
    server = replace(_plain(ports.plain), sender=Sender("stranger@brand.example"))
    with Mail(server, production=False) as mail:
        found = mail.send(MESSAGE)
    assert isinstance(found, Held)
    assert (found.code, found.concerns_all) == (553, True)
    assert "brand.example" not in found.why


def test_a_certificate_nobody_vouches_for_is_not_trusted(ports: MailPorts) -> None:
    """Nothing is sent, neither after STARTTLS nor with TLS from the start."""
    for server in (_with_login(ports), MailServer("127.0.0.1", ports.tls, "tls", SENDER)):
        with Mail(server, production=False) as mail:
            assert isinstance(mail.send(MESSAGE), Held)
    assert ports.mails() == []


def test_a_server_without_starttls_gets_no_mail(ports: MailPorts) -> None:
    """It is never sent in the clear instead."""
    with Mail(MailServer("127.0.0.1", ports.plain, "starttls", SENDER), production=False) as mail:
        found = mail.send(MESSAGE)
    assert isinstance(found, Held)
    assert ports.mails() == []
