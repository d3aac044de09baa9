"""
The long tail of channels (Slack, Telegram, Discord, 推送加 and others) through Apprise, one address each.

At most once, and weaker than the other channels: Apprise tells success or not, nothing else. For many services success
means an HTTP status only, so a refusal in the body counts as sent; what it calls a failure may have arrived or never
have left, so it is unknown. WeCom, DingTalk, Feishu and mail have channels of their own that tell these apart and are
refused here.

An address holds its secrets and is never told. Only services whose host is fixed by Apprise are taken, so an address
cannot lead elsewhere.

Source: Apprise 1.13.1, its plugins (read 2026-11-22).
"""

from __future__ import annotations

import logging
import os
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from qunflow.connectors.channel import (
    LONG_TAIL,
    NOT_SENT,
    Accepted,
    Declaration,
    File,
    Outgoing,
    Refused,
    Sent,
    Unknown,
    unfit,
)
from qunflow.connectors.http import is_loopback
from qunflow.errors import ConfigurationError

if TYPE_CHECKING:
    from apprise import Apprise

SCHEMES = (
    "discord",
    "gchat",
    "kook",
    "line",
    "pbul",
    "pover",
    "pushplus",
    "schan",
    "slack",
    "tgram",
    "webex",
    "wxpusher",
)
# Takes any host, so it reaches this machine's test servers and nothing else.
_LOOPBACK_SCHEME = "json"
_ADDRESS = re.compile(r"\S*://\S*")
_LINKS = 8


class LongTail:
    """
    One address of one service; safe to share between threads, which wait for each other.

    Args:
        address: as Apprise writes it, ``slack://TokenA/TokenB/TokenC/#channel``.
        production: whether real people may be reached; QUNFLOW_ENV decides when left out.

    Raises:
        ConfigurationError: a service that is not on the list, another machine outside production, or an address
            Apprise does not understand; the address is not repeated.
    """

    def __init__(self, address: str, *, production: bool | None = None) -> None:
        real = os.environ.get("QUNFLOW_ENV") == "production" if production is None else production
        self._scheme = _allowed_scheme(address, real)
        self._apprise, longest = _service(address, self._scheme)
        self._declaration = replace(LONG_TAIL, text_bytes=longest, attachments=_LINKS)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"LongTail({self._scheme}://***)"

    @property
    def declaration(self) -> Declaration:
        """Neither queryable nor keyed: at most once; as many bytes as the service takes characters."""
        return self._declaration

    def send(self, message: Outgoing) -> Sent:
        """One message as plain text, its links as lines below; accepted means that Apprise said so."""
        if any(isinstance(one, File) for one in message.attachments):
            return Refused(NOT_SENT, f"no files go out through {self._scheme}")
        wrong = unfit(self.declaration, message)
        if wrong:
            return wrong
        with self._lock:
            return self._notified(replace(message, title="").as_text(), message.title)

    def _notified(self, text: str, title: str) -> Sent:
        from apprise import NotifyFormat

        try:
            done = self._apprise.notify(body=text, title=title, body_format=NotifyFormat.TEXT)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and may have sent before it did
            return Unknown(f"{self._scheme} broke off ({type(error).__name__})")
        return Accepted() if done else Unknown(f"{self._scheme} did not confirm the message")


def _allowed_scheme(address: str, production: bool) -> str:
    scheme = address.partition("://")[0].lower()
    if scheme == _LOOPBACK_SCHEME and not production and is_loopback(address):
        return scheme
    if scheme not in SCHEMES:
        raise ConfigurationError(
            "an address of the long tail names a service that is not on the list",
            f"valid: {', '.join(SCHEMES)}; robots of WeCom, DingTalk and Feishu, and mail, have settings of their own",
        )
    if not production:
        raise ConfigurationError(f"{scheme} is not on this machine", "set QUNFLOW_ENV=production to reach real people")
    return scheme


def _service(address: str, scheme: str) -> tuple[Apprise, int]:
    """Apprise with this one address, and how many characters it takes."""
    from apprise import Apprise, AppriseAsset

    _hush()
    asset = AppriseAsset(http_redirects=False, secure_logging=True, async_mode=False, storage_mode="memory")
    service = Apprise.instantiate(address, asset=asset)
    if service is None or (scheme == _LOOPBACK_SCHEME and not is_loopback(f"http://{service.host}")):
        raise ConfigurationError(f"the {scheme} address cannot be understood", "copy it again, as Apprise documents it")
    if service.redirects or not service.verify_certificate:
        raise ConfigurationError(f"the {scheme} address has the option verify or redirect", "leave it out")
    apprise = Apprise(asset=asset)
    apprise.add(service)
    return apprise, int(service.body_maxlen)


def _hush() -> None:
    """Keep addresses and texts out of the logs of Apprise and of the HTTP library it uses."""
    for name, rule in (("apprise", _without_addresses), ("urllib3.connectionpool", _without_path)):
        log = logging.getLogger(name)
        if rule not in log.filters:
            log.addFilter(rule)


def _without_addresses(record: logging.LogRecord) -> bool:
    record.msg, record.args = _ADDRESS.sub("***", record.getMessage()), None
    # Below that it prints whole messages.
    return record.levelno >= logging.INFO


def _without_path(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple("***" if isinstance(one, str) and one.startswith("/") else one for one in record.args)
    return True
