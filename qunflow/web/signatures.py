"""
Who sent a hook: HMAC-SHA256 over the raw body, compared in constant time.

A sender that signs the time as well is protected against old bodies sent again; one that cannot sign at all (a form
platform) gets an address of its own that ends in a key. All keys come from the one hook secret.
"""

from __future__ import annotations

import hashlib
import hmac

from fastapi import Request

from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal

HEADER = "X-Qunflow-Signature"
TIME_HEADER = "X-Qunflow-Timestamp"
# As far as two clocks may differ, plus the time a sender keeps trying.
WINDOW_S = 300
_MOST_DIGITS = 12


def sign(secret: str, body: bytes, timestamp: str = "") -> str:
    """The header value of a body; with a timestamp (Unix seconds) of ``timestamp.body``."""
    signed = f"{timestamp}.".encode() + body if timestamp else body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def key_for(secret: str, purpose: str) -> str:
    """The key of one purpose, 32 hex digits: ``form:<form>`` ends a form's address, ``metrics`` opens the counts."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()[:32]


def require_signature(request: Request, body: bytes) -> None:
    """
    Let a hook pass only when its sender knows the secret.

    Raises:
        Refusal: 401 for a missing or wrong signature, with one and the same answer, and for a signed time too far
            from now; 503 while there is no secret.
    """
    secret = _secret(request)
    timestamp = request.headers.get(TIME_HEADER, "")
    given = request.headers.get(HEADER, "")
    if not hmac.compare_digest(sign(secret, body, timestamp).encode(), given.encode()):
        raise Refusal(401, "bad_signature")
    if timestamp and not _is_fresh(timestamp, ports_of(request).clock.now().timestamp()):
        raise Refusal(401, "stale_signature")


def require_key(request: Request, purpose: str, given: str) -> None:
    """Raises: Refusal 401 when an address does not end in the key of its purpose; 503 while there is no secret."""
    if not hmac.compare_digest(key_for(_secret(request), purpose).encode(), given.encode()):
        raise Refusal(401, "bad_signature")


def is_bearer(request: Request, secret: str, purpose: str) -> bool:
    """Whether a request carries the key of a purpose as its bearer token."""
    wanted = f"Bearer {key_for(secret, purpose)}"
    return bool(secret) and hmac.compare_digest(wanted.encode(), request.headers.get("authorization", "").encode())


def _secret(request: Request) -> str:
    secret = ports_of(request).hook_secret
    if not secret:
        raise Refusal(503, "hooks_not_set_up")
    return secret


def _is_fresh(timestamp: str, now_s: float) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MOST_DIGITS):
        return False
    return abs(now_s - int(timestamp)) <= WINDOW_S
