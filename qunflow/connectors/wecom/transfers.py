"""
Handing customers and groups to another member, on the job or after somebody has left; customers move a day later.

Source: WeCom developer centre, on-job and off-job inheritance (wecom-api §8.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import TRY_LATER, Body, code_of
from qunflow.connectors.wecom.calls import EC, Calls, carried_out, objects
from qunflow.connectors.wecom.session import listed
from qunflow.errors import ChannelUnavailable

Status: TypeAlias = Literal["done", "waiting", "refused", "limit", "none"]
_STATUS: Mapping[int, Status] = {1: "done", 2: "waiting", 3: "refused", 4: "limit", 5: "none"}
_AT_ONCE = 100
_MESSAGE_CHARS = 200


class Transfers:
    """The calls about handing over; each raises the typed errors of ``answers``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def customers(
        self, handover: str, takeover: str, external_userids: Sequence[str], *, left: bool = False, message: str = ""
    ) -> dict[str, int]:
        """
        Hand up to 100 customers over; ``left`` says that the first member has left the corp.

        Returns:
            The error code of each customer, 0 when it will change hands.
        """
        limits.require_some("customers to hand over", external_userids, _AT_ONCE)
        limits.require_chars("message of a handover", message, _MESSAGE_CHARS)
        asked = {"handover_userid": handover, "takeover_userid": takeover, "external_userid": list(external_userids)}
        if message and not left:
            asked["transfer_success_msg"] = message
        path = f"{EC}/{_resigned(left)}transfer_customer"
        body = self._calls.call(path, "write", asked)
        with carried_out():
            return _codes(objects(listed(body, "customer", path), path), "external_userid", path)

    def customers_result(self, handover: str, takeover: str, *, left: bool = False) -> dict[str, Status]:
        """What became of the customers between two members."""
        path = f"{EC}/{_resigned(left)}transfer_result"
        asked = {"handover_userid": handover, "takeover_userid": takeover}
        found = self._calls.pages(path, "customer", asked)
        return {str(one.get("external_userid")): _STATUS.get(one.get("status", 0), "none") for one in found}

    def unassigned(self) -> list[tuple[str, str]]:
        """Customers of members who have left whom nobody has: (who left, external userid) each."""
        found = self._calls.pages(f"{EC}/get_unassigned_list", "info", {"page_size": 1_000})
        return [(str(one.get("handover_userid")), str(one.get("external_userid"))) for one in found]

    def groups(self, chat_ids: Sequence[str], new_owner: str, *, left: bool = False) -> dict[str, int]:
        """
        Give up to 100 groups another owner; ``left`` says that their owner has left the corp.

        Returns:
            The error codes of the groups that kept their owner; nothing for the others.
        """
        limits.require_some("groups to hand over", chat_ids, _AT_ONCE)
        path = f"{EC}/groupchat/{'transfer' if left else 'onjob_transfer'}"
        body = self._calls.call(path, "write", {"chat_id_list": list(chat_ids), "new_owner": new_owner})
        with carried_out():
            return _codes(objects(listed(body, "failed_chat_list", path), path), "chat_id", path)


def _resigned(left: bool) -> str:
    return "resigned/" if left else ""


def _codes(rows: list[Body], key: str, path: str) -> dict[str, int]:
    codes = {str(row.get(key)): code_of(row) for row in rows}
    found = {who: code for who, code in codes.items() if code is not None}
    if len(found) < len(codes):
        raise ChannelUnavailable(f"WeCom gave a row without errcode in {path}", TRY_LATER, 5.0)
    return found
