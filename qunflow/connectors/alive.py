"""
Whether a link still leads somewhere: one HEAD request to an address that ``addresses`` let through.

Connects to the IP address that was looked at and to no other, follows no redirect, and keeps nothing of the answer but
its status.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection

import httpx

from qunflow.connectors.addresses import PublicAddress, Resolve, require_public, resolved
from qunflow.errors import BadInput, ChannelUnavailable

_TIMEOUT_S = 5.0
_NAME_ITSELF = "qunflow-link-check"


def head_of(address: PublicAddress, verify: ssl.SSLContext | bool = True) -> int | None:
    """The HTTP status of an address; None when there was no answer."""
    pinned = httpx.URL(address.url).copy_with(host=address.ip, fragment=None)
    headers = {"Host": httpx.URL(address.url).netloc.decode(), "User-Agent": _NAME_ITSELF}
    # Proxies of the environment would look the name up themselves.
    with httpx.Client(verify=verify, trust_env=False, timeout=_TIMEOUT_S, follow_redirects=False) as client:
        request = client.build_request("HEAD", pinned, headers=headers, extensions={"sni_hostname": address.host})
        try:
            answer = client.send(request, stream=True)
            answer.close()
        except httpx.TransportError:
            return None
        return answer.status_code


def link_checker(
    hosts: Collection[str],
    *,
    resolve: Resolve = resolved,
    ask: Callable[[PublicAddress], int | None] = head_of,
) -> Callable[[str], int | None]:
    """
    What ``rendering.links`` asks about a link: its status, or None when nobody answers.

    Each link is asked once. An address that may not be asked counts as one that does not answer.

    Args:
        hosts: the only hosts that are asked.
    """
    known: dict[str, int | None] = {}

    def head(url: str) -> int | None:
        if url not in known:
            known[url] = _asked(url)
        return known[url]

    def _asked(url: str) -> int | None:
        try:
            return ask(require_public(url, resolve=resolve, hosts=hosts))
        except (BadInput, ChannelUnavailable):
            return None

    return head
