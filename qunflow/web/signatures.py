"""Who sent a hook: HMAC-SHA256 over the raw body, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac

from fastapi import Request

from qunflow.web.ports import ports_of
from qunflow.web.refusals import Refusal

HEADER = "X-Qunflow-Signature"


def sign(secret: str, body: bytes) -> str:
    """The header value of a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def require_signature(request: Request, body: bytes) -> None:
    """
    Let a hook pass only when its sender knows the secret.

    Raises:
        Refusal: 401 for a missing or wrong signature, with one and the same answer; 503 while there is no secret.
    """
    secret = ports_of(request).hook_secret
    if not secret:
        raise Refusal(503, "hooks_not_set_up")
    given = request.headers.get(HEADER, "")
    if not hmac.compare_digest(sign(secret, body).encode(), given.encode()):
        raise Refusal(401, "bad_signature")
