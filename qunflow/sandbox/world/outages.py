"""Planted outages as rules of the fault plan: the platform is down, or loses and doubles callbacks, for a while."""

from __future__ import annotations

from qunflow.sandbox.faults import Fault
from qunflow.sandbox.world.planting import OutageSpec
from qunflow.sandbox.world.spec import CommunitySpec


def standing_faults(spec: CommunitySpec) -> list[Fault]:
    """The faults that stand whatever a test posts."""
    return [_fault(outage) for outage in spec.outages]


def _fault(outage: OutageSpec) -> Fault:
    return Fault(
        path=outage.path.removeprefix("/").removeprefix("cgi-bin/"),
        mode=outage.mode,
        code=outage.code,
        probability=outage.probability,
        since=int(outage.since.timestamp()),
        until=int(outage.until.timestamp()),
    )
