"""
Messages of the application to members of the corp: sent, taken back, counted. Whom to tell what is up to the caller.

Source: WeCom developer centre, page 90236 (read 2026-11-21) and wecom-api §7.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.calls import Calls, count, objects
from qunflow.connectors.wecom.session import listed
from qunflow.errors import ChannelRefused

DUPLICATE_CHECK_S = 14_400
_TEXT_BYTES = 2_048


class StaffMessages:
    """The calls about messages to staff; each raises the typed errors of ``answers``."""

    def __init__(self, calls: Calls, agent_id: int) -> None:
        self._calls = calls
        self._agent_id = agent_id

    def send(self, userid: str, msgtype: Literal["text", "textcard", "markdown"], part: Mapping[str, Any]) -> str:
        """
        Send one message to one member of staff; WeCom drops the same message within four hours of the first.

        Returns:
            The message id.

        Raises:
            BadInput: a text over 2,048 bytes, or a card over its lengths.
            ChannelRefused: 81013 when the member cannot be reached.
        """
        if msgtype != "textcard":
            limits.require_bytes(f"{msgtype} of a message to staff", str(part.get("content", "")), _TEXT_BYTES)
        limits.require_fields(msgtype, part)
        checked = {"enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_CHECK_S}
        asked = {"touser": userid, "agentid": self._agent_id, "msgtype": msgtype, msgtype: dict(part), **checked}
        body = self._calls.call("message/send", "write", asked)
        if userid in str(body.get("invaliduser") or "").split("|"):
            raise ChannelRefused("WeCom knows no such member for a message to staff", "check qunflow.yaml", 81013)
        return str(body.get("msgid") or "")

    def recall(self, msgid: str) -> None:
        """Take a message back. Raises: ChannelRefused 42052 after a day, 41047 for one that is not ours."""
        self._calls.call("message/recall", "write", {"msgid": msgid})

    def sent(self, day: Literal["today", "yesterday"]) -> dict[int, int]:
        """How many messages each application sent on a Shanghai day."""
        path = "message/get_statistics"
        body = self._calls.call(path, "read", {"time_type": int(day == "yesterday")})
        rows = objects(listed(body, "statistics", path), path)
        return {count(one, "agentid", path): count(one, "count", path) for one in rows}
