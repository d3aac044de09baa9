"""
Personal links, browser sessions and one-time codes: made here, found again by their hash, never kept in clear.

Which person may do what is in ``community.roles``; who is in the team, in the workspace's settings.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, Connection, insert, select, update

from qunflow.store.tables import access_tokens

Purpose = Literal["link", "session", "code"]
LIFETIMES: dict[Purpose, timedelta] = {
    "link": timedelta(days=90),
    "session": timedelta(days=30),
    "code": timedelta(minutes=10),
}
# Read from one screen and typed into another: no letters that look like figures. 45 bits, ten minutes, once.
_CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH = 9


def new_token(purpose: Purpose) -> str:
    """A secret from a cryptographic source: 43 characters, or nine that a person can type."""
    if purpose == "code":
        return "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
    return secrets.token_urlsafe(32)


def issue(
    conn: Connection, userid: str, purpose: Purpose, at: datetime, make: Callable[[Purpose], str] = new_token
) -> str:
    """Give somebody a new secret; it is told once, here, and only its hash is kept."""
    token = make(purpose)
    row = {
        "token_digest": _digest(token),
        "userid": userid,
        "purpose": purpose,
        "created_at": at,
        "expires_at": at + LIFETIMES[purpose],
    }
    conn.execute(insert(access_tokens), [row])
    return token


def holder(conn: Connection, token: str, purpose: Purpose, at: datetime) -> str:
    """The userid a secret belongs to; empty when it is unknown, expired, used up or taken back."""
    wanted = select(access_tokens.c.userid).where(*_valid(token, purpose, at))
    return conn.execute(wanted).scalar_one_or_none() or ""


def use_code(conn: Connection, code: str, at: datetime) -> str:
    """Whose one-time code this is, and use it up; empty when it is not valid. Case and spaces do not matter."""
    token = code.strip().upper().replace(" ", "").replace("-", "")
    spent = update(access_tokens).where(*_valid(token, "code", at)).values(used_at=at)
    return conn.execute(spent.returning(access_tokens.c.userid)).scalar_one_or_none() or ""


def revoke(conn: Connection, userid: str, at: datetime) -> int:
    """Take back everything somebody holds; returns how many secrets that were."""
    mine = update(access_tokens).where(access_tokens.c.userid == userid, access_tokens.c.revoked_at.is_(None))
    return conn.execute(mine.values(revoked_at=at)).rowcount


def end_session(conn: Connection, token: str, at: datetime) -> bool:
    """Sign out; returns whether there was such a session."""
    mine = update(access_tokens).where(*_valid(token, "session", at)).values(revoked_at=at)
    return conn.execute(mine).rowcount == 1


def _valid(token: str, purpose: Purpose, at: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        access_tokens.c.token_digest == _digest(token),
        access_tokens.c.purpose == purpose,
        access_tokens.c.expires_at > at,
        access_tokens.c.used_at.is_(None),
        access_tokens.c.revoked_at.is_(None),
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
