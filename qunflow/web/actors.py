"""
Who is asking on a page: the platform's person id in the cookie ``qf_actor``, never in an address.

Anything that does not look like such an id counts as nobody.
"""

from __future__ import annotations

import re

from fastapi import Request

COOKIE = "qf_actor"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def actor_of(request: Request) -> str:
    """The person's external id, or empty for nobody."""
    given = request.cookies.get(COOKIE, "")
    return given if _ID.fullmatch(given) else ""
