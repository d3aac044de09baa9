"""Which mail servers may be used where."""

from __future__ import annotations

import pytest

from qunflow.connectors.mail import Mail, MailServer, Security
from qunflow.connectors.mail_message import Sender
from qunflow.errors import ConfigurationError

SENDER = Sender("news@brand.example")


@pytest.mark.parametrize(
    ("host", "security", "production", "why"),
    [
        ("127.0.0.1", "none", True, "on this machine"),
        ("localhost", "tls", True, "on this machine"),
        ("::1", "tls", True, "on this machine"),
        ("smtp.example.com", "tls", False, "not on this machine"),
        ("169.254.169.254", "none", True, "unencrypted"),
        ("smtp.example.com", "none", True, "unencrypted"),
    ],
)
def test_a_server_of_the_wrong_world_is_refused(host: str, security: Security, production: bool, why: str) -> None:
    """Production never writes to this machine, anything else never to another, nobody in the clear."""
    with pytest.raises(ConfigurationError, match=why):
        Mail(MailServer(host, 465, security, SENDER), production=production)


def test_a_sender_is_one_address() -> None:
    """Else every mail would carry what stands behind it."""
    server = MailServer("smtp.example.com", 465, "tls", Sender("news@brand.example\r\nBcc: x@y.example"))
    with pytest.raises(ConfigurationError, match="sender"):
        Mail(server, production=True)


def test_the_password_is_in_no_text() -> None:
    """Not in the text of the server, not in that of the channel."""
    server = MailServer("smtp.example.com", 465, "tls", SENDER, "news", "canary")
    assert "canary" not in repr(server) + repr(Mail(server, production=True))
