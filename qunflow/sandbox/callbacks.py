"""
Telling the product about client-side changes: encrypted, signed, retried (wecom-api §9).

Each push is waited for, so that an advance of the clock ends when the product has everything. One that was not taken is
tried three times more, at once or after some seconds of the sandbox clock; then it is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.sandbox.faults import CALLBACK, FaultPlan
from qunflow.sandbox.outside import Outside
from qunflow.sandbox.platform import Platform, Push

_HELD_S = 5
_OK = 200


def event_xml(corp_id: str, push: Push, *, joined_lists: bool = False) -> str:
    """The plain XML of an event, with the fields common to all; ``joined_lists`` is the form before 2024."""
    common = [("ToUserName", corp_id), ("FromUserName", "sys"), ("CreateTime", push.at), ("MsgType", "event")]
    named = [*common, ("Event", push.event), ("ChangeType", push.change), *push.fields]
    return f"<xml>{''.join(_tag(name, value, joined=joined_lists) for name, value in named)}</xml>"


@dataclass(frozen=True, slots=True)
class _Letter:
    """A sealed push on its way; ``due_at`` on the sandbox clock, ``tries`` so far."""

    address: str
    body: bytes
    due_at: int
    tries: int = 0


class Callbacks:
    """Pushes a platform's queued events to one address; lost ones are counted, as nobody would tell."""

    def __init__(self, platform: Platform, outside: Outside, faults: FaultPlan) -> None:
        self._platform = platform
        self._outside = outside
        self._faults = faults
        self._waiting: list[_Letter] = []
        self.lost = 0

    async def flush(self) -> None:
        """Push everything queued, in order, then what has waited long enough."""
        while self._platform.pushes:
            push = self._platform.pushes.pop(0)
            if self._platform.options.callback.url:
                await self._push(push)
        if self._waiting:
            await self._retry()

    async def _push(self, push: Push) -> None:
        fault = self._faults.strike(CALLBACK)
        mode = fault.mode if fault is not None else ""
        if mode == "dropped":
            self.lost += 1
            return
        letter = self._sealed(push, joined_lists=mode == "old_form")
        if mode == "reorder":
            self._waiting.append(replace(letter, due_at=letter.due_at + _HELD_S))
            return
        for _ in range(2 if mode == "duplicate" else 1):
            await self._send(letter)
        await self._send_held()

    async def _send(self, letter: _Letter) -> None:
        limits = self._platform.limits
        while True:
            if await self._outside.post_callback(letter.address, letter.body):
                return
            letter = replace(letter, tries=letter.tries + 1)
            if letter.tries > limits.callback_retries:
                self.lost += 1
                return
            if limits.callback_retry_s:
                self._waiting.append(replace(letter, due_at=self._platform.now() + limits.callback_retry_s))
                return

    async def _send_held(self) -> None:
        """What was held back to come too late goes out after a later push."""
        held = [letter for letter in self._waiting if not letter.tries]
        self._waiting = [letter for letter in self._waiting if letter.tries]
        for letter in held:
            await self._send(letter)

    async def _retry(self) -> None:
        now = self._platform.now()
        due = [letter for letter in self._waiting if letter.due_at <= now]
        self._waiting = [letter for letter in self._waiting if letter.due_at > now]
        for letter in due:
            await self._send(letter)

    def _sealed(self, push: Push, *, joined_lists: bool) -> _Letter:
        options, platform = self._platform.options, self._platform
        message = event_xml(options.corp_id, push, joined_lists=joined_lists).encode()
        encrypted, query = _signed(platform, message, platform.number("push"), push.at)
        body = _envelope(options.corp_id, options.agent_id, encrypted).encode()
        return _Letter(f"{options.callback.url}?{query}", body, self._platform.now())


async def problem_of_address(platform: Platform, outside: Outside) -> str:
    """What keeps the platform from taking the callback address (wecom-api §9.1); empty when it proves itself."""
    options = platform.options
    if not options.callback.url:
        return "no callback address is set"
    number = platform.number("push")
    echo = platform.dice.letters(19, "123456789", "echo", number)
    sealed, query = _signed(platform, echo.encode(), number, platform.now())
    seen = await outside.open_echo(f"{options.callback.url}?{query}&{urlencode({'echostr': sealed})}")
    if seen.status != _OK:
        return f"HTTP {seen.status}" if seen.status else "no answer within a second"
    return "" if seen.body == echo else "another text than the echo"


def _signed(platform: Platform, message: bytes, number: int, at: int) -> tuple[str, str]:
    """A message sealed for the product, and the query that signs it."""
    options, dice = platform.options, platform.dice
    crypto = CallbackCrypto(options.callback.token, options.callback.aes_key, options.corp_id)
    sealed = crypto.seal(message, dice.letters(16, "0123456789abcdef", "prefix", number).encode())
    timestamp, nonce = str(at), dice.letters(10, "123456789", "nonce", number)
    signature = crypto.signature(timestamp, nonce, sealed)
    return sealed, urlencode({"msg_signature": signature, "timestamp": timestamp, "nonce": nonce})


def _envelope(corp_id: str, agent_id: int, encrypted: str) -> str:
    named = [("ToUserName", corp_id), ("AgentID", str(agent_id)), ("Encrypt", encrypted)]
    return f"<xml>{''.join(_tag(name, value) for name, value in named)}</xml>"


def _tag(name: str, value: Any, *, joined: bool = False) -> str:
    if isinstance(value, list):
        if joined:
            return _tag(name, ",".join(value))
        return f"<{name}>{''.join(_tag('Item', item) for item in value)}</{name}>"
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    return f"<{name}><![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>"
