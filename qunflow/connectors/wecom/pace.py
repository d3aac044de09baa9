"""
What WeCom counts of a call, and waiting for a turn under all of it: corp, this machine's address, member of staff.

Source: WeCom developer centre, page 90454 (updated 2023-08-28).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qunflow.connectors.pacer import Limit, Pacer, Rate
from qunflow.connectors.wecom.answers import WAIT_A_LITTLE, RateLimited, over_limit

# For each address and interface, whichever corps call from there.
ADDRESS_RATES = (Rate(20_000, 60), Rate(600_000, 3_600))
# For each application and member; what is more is dropped without an error, so nobody but us would ever notice.
MEMBER_RATES = (Rate(30, 60), Rate(1_000, 3_600))
_TO_MEMBERS = "message/send"
_PATIENCE_S = 2.0


class Pace:
    """
    Turns for the calls of one application.

    Args:
        pacer: who counts.
        address, application: whose calls they are.
        rates: for each interface of the corp; none where time is simulated, as a minute there is none of ours.
    """

    def __init__(self, pacer: Pacer, address: str, application: str, rates: Sequence[Rate]) -> None:
        self._pacer = pacer
        self._address = address
        self._application = application
        self._rates = tuple(rates)

    async def take(self, path: str, json: Mapping[str, Any] | None) -> None:
        """Wait for a turn, two seconds at most. Raises: RateLimited, with nothing sent and nothing counted."""
        if not self._rates:
            return
        limits = [
            Limit(f"call {self._application} {path}", self._rates),
            Limit(f"address {self._address} {path}", ADDRESS_RATES),
        ]
        members = _members(path, json)
        whole = [*limits, *(Limit(f"member {self._application} {one}", MEMBER_RATES) for one in members)]
        wait_s = await self._pacer.turn(whole, _PATIENCE_S)
        if wait_s and members:
            # Without the code of a limit that concerns every further call: other members may be written to.
            raise RateLimited("a member was sent too much, nothing was sent", WAIT_A_LITTLE, wait_s)
        if wait_s:
            raise over_limit(path, wait_s)


def _members(path: str, json: Mapping[str, Any] | None) -> list[str]:
    if path != _TO_MEMBERS or json is None:
        return []
    named = str(json.get("touser") or "").split("|")
    return sorted({one for one in named if one and one != "@all"})
