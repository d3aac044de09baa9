"""
Short links in messages: ten random characters that lead to one stored, allowed address.

The redirect itself and the count of clicks are left to ``web`` and the stages.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import Connection, select, update

from qunflow.errors import BadInput
from qunflow.store.rows import insert_new
from qunflow.store.tables import short_links

_ALPHABET = string.ascii_letters + string.digits
# Five or six characters are scanned in hours; ten take a guesser longer than there is.
CODE_LENGTH = 10
_TRIES = 5


@dataclass(frozen=True, slots=True)
class ShortLink:
    """Where a code leads and what it belongs to."""

    code: str
    destination: str
    community: str
    campaign: str
    slot_key: str
    group_id: int | None
    expires_at: datetime


def random_code() -> str:
    """Ten letters and digits nobody can guess."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))


def is_allowed(destination: str, hosts: Collection[str]) -> bool:
    """Whether an address is http(s), on exactly one of the hosts, without user name or tricks of spelling."""
    if any(ord(one) <= 32 or one == "\\" for one in destination) or not destination.isascii():
        return False
    try:
        parts = urlsplit(destination)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    plain = parts.scheme in ("http", "https") and "@" not in parts.netloc
    return plain and host is not None and (host in hosts or f"{host}:{port}" in hosts)


def short_link(
    conn: Connection,
    link_key: str,
    destination: str,
    *,
    community: str,
    campaign: str = "",
    slot_key: str = "",
    group_id: int | None = None,
    at: datetime,
    expires_at: datetime,
    hosts: Collection[str],
    new_code: Callable[[], str] = random_code,
) -> str:
    """
    The code for a link; the same ``link_key`` always has the same code.

    Args:
        link_key: what the link is for, such as ``spring-orange/g1``.
        destination: where it leads.
        at: the present instant.
        expires_at: it leads nowhere from then on.
        hosts: ``redirect_hosts`` of the workspace.

    Raises:
        BadInput: the destination is not on an allowed host.
    """
    if not is_allowed(destination, hosts):
        raise BadInput(
            f"a short link may not lead to {destination[:80]!r}",
            "add the host to redirect_hosts in qunflow.yaml, or mend the address",
        )
    row = {
        "link_key": link_key,
        "destination": destination,
        "community": community,
        "campaign": campaign,
        "slot_key": slot_key,
        "group_id": group_id,
        "created_at": at,
        "expires_at": expires_at,
    }
    for _ in range(_TRIES):
        insert_new(conn, short_links, [{"code": new_code(), **row}], ["code"])
        found = conn.execute(select(short_links.c.code).where(short_links.c.link_key == link_key)).scalar()
        if found is not None:
            return str(found)
    raise BadInput("no free code was found for a short link", "try again")


def resolve(conn: Connection, code: str) -> ShortLink | None:
    """The link behind a code, expired or not; None for a code that was never given out."""
    row = conn.execute(select(short_links).where(short_links.c.code == code)).one_or_none()
    if row is None:
        return None
    return ShortLink(
        code=row.code,
        destination=row.destination,
        community=row.community,
        campaign=row.campaign,
        slot_key=row.slot_key,
        group_id=row.group_id,
        expires_at=row.expires_at,
    )


def expire(conn: Connection, link_key: str, at: datetime) -> bool:
    """Let a link lead nowhere from now on; returns False when there is none."""
    done = conn.execute(update(short_links).where(short_links.c.link_key == link_key).values(expires_at=at))
    return done.rowcount == 1
