"""Where a request comes from: this machine itself, or anywhere else."""

from __future__ import annotations

from fastapi import Request

from qunflow.delivery.personal import is_loopback

# A proxy on this machine names whom it speaks for in one of these.
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def is_this_machine(request: Request) -> bool:
    """Whether a program of this machine asks for itself, and not a proxy for somebody else."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    return is_loopback(request.client.host)
