"""
Telling the product about client-side changes: encrypted, signed, retried (wecom-api §9).

Each push is waited for, so that an advance of the clock ends when the product has everything.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.sandbox.faults import CALLBACK, FaultPlan
from qunflow.sandbox.outside import Outside
from qunflow.sandbox.platform import Platform, Push

RETRIES = 3


def event_xml(corp_id: str, push: Push) -> str:
    """The plain XML of an event, with the fields common to all."""
    common = [("ToUserName", corp_id), ("FromUserName", "sys"), ("CreateTime", push.at), ("MsgType", "event")]
    named = [*common, ("Event", push.event), ("ChangeType", push.change), *push.fields]
    return f"<xml>{''.join(_tag(name, value) for name, value in named)}</xml>"


class Callbacks:
    """Pushes a platform's queued events to one address; lost ones are counted, as nobody would tell."""

    def __init__(self, platform: Platform, outside: Outside, faults: FaultPlan) -> None:
        self._platform = platform
        self._outside = outside
        self._faults = faults
        self.lost = 0

    async def flush(self) -> None:
        """Push everything queued, in order."""
        while self._platform.pushes:
            push = self._platform.pushes.pop(0)
            if self._platform.options.callback.url:
                await self._push(push)

    async def _push(self, push: Push) -> None:
        fault = self._faults.strike(CALLBACK)
        if fault is not None and fault.mode == "dropped":
            self.lost += 1
            return
        address, body = self._sealed(push)
        for _ in range(2 if fault is not None and fault.mode == "duplicate" else 1):
            await self._send(address, body)

    async def _send(self, address: str, body: bytes) -> None:
        for _ in range(1 + RETRIES):
            if await self._outside.post_callback(address, body):
                return
        self.lost += 1

    def _sealed(self, push: Push) -> tuple[str, bytes]:
        options, dice = self._platform.options, self._platform.dice
        number = self._platform.number("push")
        crypto = CallbackCrypto(options.callback.token, options.callback.aes_key, options.corp_id)
        prefix = dice.letters(16, "0123456789abcdef", "prefix", number).encode()
        encrypted = crypto.seal(event_xml(options.corp_id, push).encode(), prefix)
        timestamp, nonce = str(push.at), dice.letters(10, "123456789", "nonce", number)
        signature = crypto.signature(timestamp, nonce, encrypted)
        query = urlencode({"msg_signature": signature, "timestamp": timestamp, "nonce": nonce})
        return f"{options.callback.url}?{query}", _envelope(options.corp_id, options.agent_id, encrypted).encode()


def _envelope(corp_id: str, agent_id: int, encrypted: str) -> str:
    named = [("ToUserName", corp_id), ("AgentID", str(agent_id)), ("Encrypt", encrypted)]
    return f"<xml>{''.join(_tag(name, value) for name, value in named)}</xml>"


def _tag(name: str, value: Any) -> str:
    if isinstance(value, list):
        return f"<{name}>{''.join(_tag('Item', item) for item in value)}</{name}>"
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    return f"<{name}><![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>"
