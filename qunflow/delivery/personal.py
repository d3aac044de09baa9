"""
Links that know who follows them: the address of one of our own pages with a sealed token, in a message to one person.

The token hides the platform's person id and cannot be made or changed without the workspace's key; the pages open it.
It is put in when a call is claimed, after everything was checked and approved: words and addresses stay as they are,
and a message that several people get is one text for all of them and carries none. While our pages are on this machine
only nobody outside could follow such a link, and none is made.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from qunflow.connectors.wecom.limits import MESSAGE_BYTES
from qunflow.errors import BadInput
from qunflow.rendering.links import with_links
from qunflow.store.vault import Vault

PARAMETER = "p"
GOOD_FOR = timedelta(days=180)
# Short links, check-ins and live codes: what stands behind them counts who came.
_PAGES = ("/s/", "/c/", "/g/")
_CONTEXT = "actor"


@dataclass(frozen=True, slots=True)
class Said:
    """What a call says."""

    text: str
    attachments: tuple[Mapping[str, Any], ...]


def token_of(vault: Vault, external_userid: str, at: datetime) -> str:
    """A token that says who somebody is, made at an instant and good for ``GOOD_FOR``; fit for an address."""
    plain = json.dumps([external_userid, int(at.timestamp())]).encode()
    return base64.urlsafe_b64encode(vault.seal_bytes(plain, _CONTEXT)).decode().rstrip("=")


def opened(vault: Vault, token: str, now: datetime) -> str:
    """The external id in a token; empty when it is none of ours, was changed, or is too old."""
    if not token:
        return ""
    try:
        plain = vault.open_bytes(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), _CONTEXT)
        external_userid, made_s = json.loads(plain)
    except (BadInput, binascii.Error, ValueError):
        return ""
    return str(external_userid) if now - datetime.fromtimestamp(made_s, UTC) < GOOD_FOR else ""


def mentions_pages(said: Said, web_url: str) -> bool:
    """Whether a message leads to one of our pages, at an address that others can reach."""
    return reaches_others(web_url) and said != personal(said, "x", web_url)


def personal(said: Said, token: str, web_url: str) -> Said:
    """The same message with the token in every link to our pages; as it is when it would be too long with it."""
    with_token = Said(
        with_links(said.text, lambda link: _with_token(link, token, web_url)),
        tuple(_attachment(one, token, web_url) for one in said.attachments),
    )
    return with_token if len(with_token.text.encode()) <= MESSAGE_BYTES else said


def reaches_others(web_url: str) -> bool:
    """Whether an address of ours leads anywhere but to this machine."""
    host = urlsplit(web_url).hostname or ""
    return bool(host) and not is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _with_token(link: str, token: str, web_url: str) -> str:
    base = web_url.rstrip("/")
    ours = link[: len(base)].lower() == base.lower() and link[len(base) :].startswith(_PAGES)
    if not ours or "#" in link:
        return link
    return f"{link}{'&' if '?' in link else '?'}{PARAMETER}={token}"


def _attachment(one: Mapping[str, Any], token: str, web_url: str) -> Mapping[str, Any]:
    part = one.get("link")
    if one.get("msgtype") != "link" or not isinstance(part, Mapping):
        return one
    return {**one, "link": {**part, "url": _with_token(str(part.get("url", "")), token, web_url)}}
