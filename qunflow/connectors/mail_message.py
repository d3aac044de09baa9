"""
A mail as bytes: text and HTML side by side, styles inlined, and headers nobody can add to.

How it is handed over is left to ``mail``. Signing (DKIM) is left to the mail server.

Source: RFC 5322 (headers), RFC 2369 and RFC 8058 (one-click unsubscribing), RFC 3834 (Auto-Submitted).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from qunflow.connectors.channel import File, Link, Outgoing
from qunflow.errors import BadInput

# Quoted local parts and addresses beyond ASCII are legal and refused: few servers take them.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_HTTPS = re.compile(r"https://[^\s<>\"]+")
_LONGEST_ADDRESS = 254
_LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a mail is from: an address of one's own domain, and the name people see."""

    address: str
    name: str = ""


def require_address(address: str, what: str) -> str:
    """The address, if it is exactly one. Raises: BadInput, which does not repeat it."""
    if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise BadInput(f"the {what} is no mail address", "write one address such as name@example.com")
    return address


def message_id(sender: Sender, key: str) -> str:
    """The Message-ID of a delivery: the same at every attempt, and nothing can be read from it."""
    domain = sender.address.rpartition("@")[2]
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def mail_bytes(message: Outgoing, sender: Sender, at: datetime) -> bytes:
    """
    The whole mail, lines ending in CRLF.

    Raises:
        BadInput: an address, title, name or link that could become another header, or no key.
    """
    mail = EmailMessage(policy=SMTP)
    _write_headers(mail, message, sender, at)
    mail.set_content(_with_links(message), cte="base64")
    if message.html:
        mail.add_alternative(inlined(message.html), subtype="html", cte="base64")
    for one in message.attachments:
        if isinstance(one, File):
            _attach(mail, one)
    return mail.as_bytes()


def inlined(html: str) -> str:
    """The page with its styles written into its tags, as many readers drop style sheets; nothing is fetched."""
    import css_inline

    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True, keep_at_rules=True)
    return inliner.inline(html)


def _write_headers(mail: EmailMessage, message: Outgoing, sender: Sender, at: datetime) -> None:
    if not message.key:
        raise BadInput("a mail has no delivery key", "give it one, so that its Message-ID stays the same")
    if len(message.title) > _LONGEST_TITLE:
        raise BadInput(f"a subject has {len(message.title)} characters", f"keep it within {_LONGEST_TITLE}")
    local, _, domain = sender.address.rpartition("@")
    mail["From"] = Address(_one_line(sender.name, "sender's name"), local, domain)
    mail["To"] = require_address(message.address, "recipient")
    mail["Subject"] = _one_line(message.title, "subject")
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id(sender, message.key)
    mail["Auto-Submitted"] = "auto-generated"
    if message.unsubscribe_url:
        if not _HTTPS.fullmatch(_one_line(message.unsubscribe_url, "unsubscribe address")):
            raise BadInput("the unsubscribe address is not https", "give the whole https address of the page")
        mail["List-Unsubscribe"] = f"<{message.unsubscribe_url}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


def _with_links(message: Outgoing) -> str:
    links = [f"{one.title} {one.url}".strip() for one in message.attachments if isinstance(one, Link)]
    return "\n\n".join([message.text, *links]) + "\n"


def _attach(mail: EmailMessage, file: File) -> None:
    main, _, sub = _one_line(file.media_type, "media type").partition("/")
    if not main.isalpha() or not re.fullmatch(r"[A-Za-z0-9.+-]+", sub):
        raise BadInput("a file has no media type", "write one such as image/png")
    name = _one_line(file.name, "name of a file")
    mail.add_attachment(file.content, maintype=main, subtype=sub, filename=name)


def _one_line(text: str, what: str) -> str:
    if _CONTROL.search(text):
        raise BadInput(f"the {what} holds a line break or a control character", "write it in one line")
    return text
