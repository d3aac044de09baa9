"""
Which addresses this machine may ask on somebody else's word: public web hosts, and none inside the house.

A link in a message, a webhook in the settings or an image to fetch is written by a person; answered carelessly it
reaches the metadata service of the cloud or the router. The name is resolved once and the answer is kept, so that a
second look-up cannot lead elsewhere. Asking is left to the connectors.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from qunflow.errors import BadInput, ChannelUnavailable

Resolve = Callable[[str, int], Sequence[str]]

LONGEST_URL = 2_048
_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label has a letter first: whatever a system reads as a number is no name.
_NAME = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_HOUSE_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "arpa", "onion", "invalid")
# Not counted as private by every Python: protocol assignments, the relay of 6to4, and a cloud's own server.
_HOUSE_NETS = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "fec0::/10")))
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """An address that may be asked: connect to ``ip`` and to nothing else, and speak to ``host`` there."""

    url: str
    host: str
    port: int
    ip: str


def resolved(host: str, port: int) -> Sequence[str]:
    """Every IP address of a host. Raises: ChannelUnavailable when the name is not known."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ChannelUnavailable(f"the host {host} was not found", "check its spelling and this network") from error
    return [str(entry[4][0]) for entry in found]


def require_public(url: str, *, resolve: Resolve = resolved, hosts: Collection[str] | None = None) -> PublicAddress:
    """
    An address that may be asked, with the IP address it stood for.

    Args:
        url: what somebody wrote.
        resolve: looks a name up; asked once.
        hosts: the only hosts that are allowed, each as ``name`` or ``name:port``; any public one when None.

    Raises:
        BadInput: no plain http(s) address, not an allowed host, or one inside the house.
        ChannelUnavailable: the name is not known.
    """
    parts = _parts(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if hosts is not None and host not in hosts and f"{host}:{port}" not in hosts:
        raise _refused(url, "is not on an allowed host")
    if hosts is None and port != _PORTS[parts.scheme]:
        raise _refused(url, f"asks for port {port}")
    found = resolve(host, port)
    # One private answer among public ones is how a name is bound anew between two look-ups.
    if not found or not all(is_public(ip) for ip in found):
        raise _refused(url, "leads into a private network")
    return PublicAddress(url, host, port, found[0])


def is_public(ip: str) -> bool:
    """Whether an IP address is one of the open internet, also when it is wrapped in another."""
    try:
        address = _unwrapped(ip_address(ip.partition("%")[0]))
    except ValueError:
        return False
    odd = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    return address.is_global and not odd and not any(address in net for net in _HOUSE_NETS)


def _unwrapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 one, where there is one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour or address


def _parts(url: str) -> SplitResult:
    if len(url) > LONGEST_URL or not url.isascii() or any(ord(one) <= 32 or one in "\\\x7f" for one in url):
        raise _refused(url, "has characters or a length that no address has")
    try:
        parts = urlsplit(url)
        known = parts.port is None or parts.port > 0
    except ValueError:
        raise _refused(url, "is no address") from None
    if parts.scheme not in _PORTS or not known:
        raise _refused(url, "does not begin with http:// or https://")
    if "@" in parts.netloc:
        raise _refused(url, "holds a user name")
    name = parts.hostname or ""
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise _refused(url, "does not name a public host")
    if name.rpartition(".")[2] in _HOUSE_NAMES:
        raise _refused(url, "names a host inside the house")
    return parts


def _refused(url: str, why: str) -> BadInput:
    return BadInput(f"the address {_shown(url)!r} {why}", "use the full https address of a public host")


def _shown(url: str) -> str:
    """Without what may be a password or a key."""
    return re.sub(r"//[^/]*@", "//***@", re.split(r"[?#]", url, maxsplit=1)[0])[:80]
