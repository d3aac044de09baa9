"""
A mail server to be refused by, in a process of its own: what it does stands in the name of the recipient.

Run as ``python mail_server.py ACCEPTED CERTIFICATE KEY``; accepted mails are added to the first file, a line of JSON
each. The first line it prints are its ports: without encryption, with STARTTLS and login, and with TLS from the start.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, PASSWORD = "robot", "pw-canary"
AT_RCPT = {
    "gone": "550 5.1.1 <{address}>: no such user",
    "greylisted": "450 4.2.0 <{address}>: greylisted",
    "closing": "421 4.3.2 closing",
    "odd": "299 odd",
}
AT_END = {"spam": "554 5.7.1 <{address}> looks like spam", "full": "452 4.2.2 <{address}> is full"}


@dataclass(frozen=True, slots=True)
class MailPorts:
    """A running server."""

    plain: int
    starttls: int
    tls: int
    accepted: Path

    def mails(self) -> list[dict[str, Any]]:
        """The mails it has accepted, in order."""
        text = self.accepted.read_text(encoding="utf-8") if self.accepted.is_file() else ""
        return [json.loads(line) for line in text.splitlines()]


@contextmanager
def a_mail_server(folder: Path, certificate: Path, key: Path) -> Iterator[MailPorts]:
    """A server in another process."""
    accepted = folder / "accepted.jsonl"
    command = [sys.executable, __file__, str(accepted), str(certificate), str(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield MailPorts(*map(int, process.stdout.readline().split()), accepted)
        finally:
            process.kill()


class Behaviour:
    """The hooks of the server."""

    def __init__(self, accepted: Path) -> None:
        self._accepted = accepted

    async def handle_MAIL(  # noqa: N802 - the name of the hook
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.startswith("stranger"):
            return f"553 5.7.1 <{address}> is not you"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - the name of the hook
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        told = AT_RCPT.get(address.partition("@")[0])
        if address.startswith("hangup"):
            server.transport.abort()
        if told:
            return told.format(address=address)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the name of the hook
        address = envelope.rcpt_tos[0]
        what = address.partition("@")[0]
        if what == "lost":
            server.transport.abort()
        if what == "silent":
            await asyncio.sleep(60)
        if what in AT_END:
            return AT_END[what].format(address=address)
        if what == "garbled":
            return "hello"
        mail = {"from": envelope.mail_from, "to": address, "content": envelope.content.decode("ascii")}
        with self._accepted.open("a", encoding="utf-8") as file:
            file.write(
                json.dumps(
                    {
                        **mail,
                        "tls": server.transport.get_extra_info("sslcontext") is not None,
                        "peer": session.peer[1],
                        "hello": session.host_name,
                    }
                )
                + "\n"
            )
        return "250 2.0.0 queued"


async def _serve(accepted: Path, certificate: str, key: str) -> None:
    from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

    def login(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.login == USER.encode() and data.password == PASSWORD.encode(), handled=False)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    behaviour = Behaviour(accepted)
    with_login = {"authenticator": login, "auth_required": True, "tls_context": context, "require_starttls": True}
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda: SMTP(behaviour, data_size_limit=300_000, hostname="a"), "127.0.0.1", 0),
        await loop.create_server(lambda: SMTP(behaviour, hostname="a", **with_login), "127.0.0.1", 0),
        await loop.create_server(lambda: SMTP(behaviour, hostname="a"), "127.0.0.1", 0, ssl=context),
    ]
    print(*(one.sockets[0].getsockname()[1] for one in servers), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
