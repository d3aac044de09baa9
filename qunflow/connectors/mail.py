"""
Mail by SMTP: one mail to one address, over connections that are kept.

What is certain is told from what is not: a server that says no with 5xx has refused for good, with 4xx for now; a
connection that breaks before the end of the mail was sent has delivered nothing (RFC 5321, 4.1.1.4); one that breaks
after it leaves the mail unknown. SMTP can neither be asked afterwards nor does it drop a second copy, so a mail goes
out at most once; its Message-ID stays the same, by which people and some mailboxes know a copy.

smtplib is used for its commands only, as its own ``sendmail`` does not tell these cases apart; it blocks its thread,
which is the sender's, and needs no other dependency.
"""

from __future__ import annotations

import os
import re
import smtplib
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, TypeAlias

from qunflow.clock import Clock, SystemClock
from qunflow.connectors.channel import (
    MAIL,
    NOT_SENT,
    Accepted,
    Declaration,
    Held,
    Outgoing,
    Refused,
    Sent,
    Unknown,
    unfit,
)
from qunflow.connectors.http import is_loopback
from qunflow.connectors.mail_message import Sender, mail_bytes, message_id, require_address
from qunflow.connectors.robots import SETTINGS_WAIT_S
from qunflow.errors import BadInput, ConfigurationError

Security: TypeAlias = Literal["tls", "starttls", "none"]

_LATER_S, _UNREACHABLE_S = 300.0, 30.0
_KEPT_S, _MAILS_PER_CONNECTION = 30.0, 100
_ENHANCED = re.compile(rb"\b[245]\.\d{1,3}\.\d{1,3}\b")
_CLOSING = 421
_SENDER = "the sender"


@dataclass(frozen=True, slots=True)
class MailServer:
    """
    The server that takes the mails.

    Args:
        host: its name, as its certificate has it; in production not this machine's ``localhost``.
        port: usually 465 for ``tls`` and 587 for ``starttls``.
        security: encrypted from the start, after STARTTLS, or not at all, on this machine only.
        sender: who the mails are from.
        user: empty when the server asks for no login.
    """

    host: str
    port: int
    security: Security
    sender: Sender
    user: str = ""
    password: str = field(default="", repr=False)
    timeout_s: float = 30.0


class Mail:
    """
    Mails through one server; safe to share between threads, each of which gets a connection of its own.

    Args:
        production: whether real people may be reached; QUNFLOW_ENV decides when left out.
        clock: for the Date header.
        tls: trusts other certificates in tests.
        monotonic: seconds that never go backwards, for how long a connection is kept.

    Raises:
        ConfigurationError: a real server outside production, this machine in production, a login or a mail to another
            machine without encryption, or a sender that is no address.
    """

    def __init__(
        self,
        server: MailServer,
        *,
        production: bool | None = None,
        clock: Clock | None = None,
        tls: ssl.SSLContext | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        real = os.environ.get("QUNFLOW_ENV") == "production" if production is None else production
        _require_usable(server, real)
        self._server = server
        self._clock = clock or SystemClock()
        self._tls = tls or ssl.create_default_context()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []

    def __repr__(self) -> str:
        return f"Mail({self._server!r})"

    def __enter__(self) -> Mail:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def declaration(self) -> Declaration:
        """Neither queryable nor keyed: at most once."""
        return MAIL

    def send(self, message: Outgoing) -> Sent:
        """One mail to one address; ``platform_id`` of an accepted one is its Message-ID."""
        wrong = unfit(self.declaration, message)
        if wrong:
            return wrong
        try:
            content = mail_bytes(message, self._server.sender, self._clock.now())
        except BadInput as error:
            return Refused(NOT_SENT, error.problem)
        except ValueError as error:
            # Half characters, or a page whose styles cannot be read.
            return Refused(NOT_SENT, f"the mail cannot be written ({type(error).__name__})")
        connection = self._taken()
        if isinstance(connection, Held):
            return connection
        found = connection.hand_over(self._server.sender.address, message.address, content)
        self._give_back(connection)
        return Accepted(message_id(self._server.sender, message.key)) if isinstance(found, Accepted) else found

    def close(self) -> None:
        """End every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for one in idle:
            one.close()

    def _taken(self) -> _Connection | Held:
        while True:
            with self._lock:
                if not self._idle:
                    break
                found = self._idle.pop()
            if self._monotonic() - found.used_at_s < _KEPT_S and found.ready():
                return found
            found.close()
        try:
            return _Connection(_opened(self._server, self._tls))
        except smtplib.SMTPAuthenticationError as error:
            return Held(SETTINGS_WAIT_S, _told("refused the login", error.smtp_code), error.smtp_code)
        except (smtplib.SMTPNotSupportedError, ssl.SSLError) as error:
            return Held(SETTINGS_WAIT_S, f"the mail server has no encryption or login to rely on ({_kind(error)})")
        except smtplib.SMTPResponseException as error:
            return Held(_LATER_S, _told("takes nothing for now", error.smtp_code), error.smtp_code)
        except (smtplib.SMTPException, OSError) as error:
            return Held(_UNREACHABLE_S, f"the mail server cannot be reached ({_kind(error)}), nothing was sent")

    def _give_back(self, connection: _Connection) -> None:
        if connection.broken or connection.mails >= _MAILS_PER_CONNECTION:
            connection.close()
            return
        connection.used_at_s = self._monotonic()
        with self._lock:
            self._idle.append(connection)


class _Connection:
    """One connection that has said hello and logged in."""

    def __init__(self, smtp: smtplib.SMTP) -> None:
        self._smtp = smtp
        self.mails = 0
        self.used_at_s = 0.0
        self.broken = False

    def ready(self) -> bool:
        """Whether the server is still there and waits for a new mail."""
        try:
            return self._smtp.rset()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def close(self) -> None:
        """Say goodbye, if anybody listens."""
        try:
            self._smtp.docmd("QUIT")
        except (smtplib.SMTPException, OSError):
            # It was gone already, which is what closing is for.
            self.broken = True
        self._smtp.close()

    def hand_over(self, sender: str, recipient: str, content: bytes) -> Sent:
        """One mail, phase by phase."""
        self.mails += 1
        most = self._most_bytes()
        if 0 < most < len(content):
            return Refused(NOT_SENT, f"the mail has {len(content)} bytes, the server takes {most}")
        try:
            declined = self._announced(sender, recipient)
            if declined is not None:
                return declined
            self._write(content)
            return self._confirmed()
        except (smtplib.SMTPException, OSError) as error:
            self.broken = True
            return Held(_UNREACHABLE_S, f"the mail server went away before the mail was whole ({_kind(error)})")

    def _most_bytes(self) -> int:
        told = self._smtp.esmtp_features.get("size", "")
        return int(told) if told.isdecimal() else 0

    def _announced(self, sender: str, recipient: str) -> Sent | None:
        steps: tuple[tuple[str, Callable[[], tuple[int, bytes]], tuple[int, ...]], ...] = (
            (_SENDER, lambda: self._smtp.mail(sender), (250,)),
            ("the recipient", lambda: self._smtp.rcpt(recipient), (250, 251)),
            ("the mail", lambda: self._smtp.docmd("DATA"), (354,)),
        )
        for what, ask, wanted in steps:
            code, text = ask()
            if code not in wanted:
                return self._declined(what, code, text)
        return None

    def _write(self, content: bytes) -> None:
        """Everything but the end; a server must not deliver without the end."""
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        self._smtp.send(stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n")

    def _confirmed(self) -> Sent:
        """The end of the mail and the server's word on it; without that word nobody knows."""
        try:
            self._smtp.send(b".\r\n")
            code, text = self._smtp.getreply()
        except (smtplib.SMTPException, OSError) as error:
            self.broken = True
            return Unknown(f"the mail server gave no answer to a whole mail ({_kind(error)})")
        if code == 250:
            return Accepted()
        if not 400 <= code < 600:
            self.broken = True
            return Unknown(f"the mail server gave an unreadable answer to a whole mail ({code})")
        return self._declined("the mail", code, text)

    def _declined(self, what: str, code: int, text: bytes) -> Sent:
        if code == _CLOSING or not 400 <= code < 600:
            self.broken = True
            return Held(_LATER_S, _told("ended the connection", code), max(code, NOT_SENT))
        enhanced = _ENHANCED.search(text)
        why = _told(f"refused {what}", code, enhanced[0].decode() if enhanced else "")
        if what == _SENDER:
            # The mail is not to blame: it says who sends, or that a login is missing.
            return Held(SETTINGS_WAIT_S if code >= 500 else _LATER_S, why, code)
        if code >= 500:
            return Refused(code, why)
        # A server that greylists or is full for one recipient takes mail for others.
        return Held(_LATER_S, why, code, concerns_all=False)


def _opened(server: MailServer, tls: ssl.SSLContext) -> smtplib.SMTP:
    # Left alone, smtplib asks the name servers who this machine is, which takes seconds where there are none.
    ours = server.sender.address.rpartition("@")[2]
    if server.security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, local_hostname=ours, timeout=server.timeout_s, context=tls
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, local_hostname=ours, timeout=server.timeout_s)
    try:
        smtp.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            smtp.starttls(context=tls)
            smtp.ehlo()
        if server.user:
            smtp.login(server.user, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _require_usable(server: MailServer, production: bool) -> None:
    here = is_loopback(f"smtp://[{server.host}]" if ":" in server.host else f"smtp://{server.host}")
    if production and here:
        raise ConfigurationError(
            "the mail server is on this machine, but QUNFLOW_ENV is production",
            "name the real server; a relay on this machine goes by the machine's own name",
        )
    if not production and not here:
        raise ConfigurationError(
            "the mail server is not on this machine",
            "set QUNFLOW_ENV=production to reach real people, or name a server on this machine",
        )
    if server.security == "none" and not here:
        raise ConfigurationError("mails would travel unencrypted", "set security to tls or starttls")
    try:
        require_address(server.sender.address, "sender")
    except BadInput as error:
        raise ConfigurationError(error.problem, error.next_step) from None


def _told(what: str, code: int, enhanced: str = "") -> str:
    """What the server did, without its text, which repeats addresses."""
    return f"the mail server {what} ({code}{f' {enhanced}' if enhanced else ''})"


def _kind(error: BaseException) -> str:
    return type(error.__cause__ or error).__name__
