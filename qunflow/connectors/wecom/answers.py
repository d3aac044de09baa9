"""
What an answer of WeCom means: done, refused for good, refused for now, or nobody knows.

WeCom reports business errors with HTTP 200 and an ``errcode``; the text beside it changes and decides nothing. For a
write everything that is neither 0 nor a documented refusal is ambiguous: it may have been carried out.

Source: WeCom developer centre, global error codes (table of 2024-04-08) and page 90454 (read 2026-11-21).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

from qunflow.connectors.http import Answer, AnswerLost
from qunflow.errors import ChannelRefused, ChannelUnavailable, ConfigurationError, QunflowError

Kind: TypeAlias = Literal["read", "write"]
Body: TypeAlias = dict[str, Any]

BUSY = -1
WAIT_A_LITTLE = "wait a few minutes, then run it again: only what is missing is done"
# Read by whoever still meets the error after every retry.
TRY_LATER = "check the network and QUNFLOW_WECOM_BASE_URL, then run it again: only what is missing is done"
_TOKEN_ENDED = frozenset({40014, 42001})
TOKEN_REFUSED = _TOKEN_ENDED | {40001}
CALL_LIMIT = 45009
_CONCERNS_ALL = _TOKEN_ENDED | {CALL_LIMIT, 45033}
_LIMIT_WINDOW_S, _LONGEST_WINDOW_S = 60.0, 3_600.0
_NOT_TRUSTED = 60020
_CALLER = re.compile(r"from ip: ([0-9A-Fa-f.:]+)")


class RefusedForNow(ChannelUnavailable):
    """The platform has certainly not carried the call out, and may do so later; ``code`` is its error code."""

    def __init__(self, problem: str, next_step: str = "", retry_after_s: float = 0.0, code: int = 0) -> None:
        super().__init__(problem, next_step, retry_after_s)
        self.args = (problem, next_step, retry_after_s, code)
        self.code = code

    @property
    def concerns_all(self) -> bool:
        """Whether every further call would be refused as well."""
        return self.code in _CONCERNS_ALL


class TokenRefused(RefusedForNow):
    """The platform does not take this access token any more."""


class RateLimited(RefusedForNow):
    """Too many calls within a window or at the same time: by WeCom's count or by our own."""


class WronglySetUp(ConfigurationError):
    """A refusal that only a change of settings can mend; ``code`` is the platform's error code."""

    def __init__(self, problem: str, next_step: str = "", code: int = 0) -> None:
        super().__init__(problem, next_step)
        self.args = (problem, next_step, code)
        self.code = code


class AuthRefused(WronglySetUp):
    """Corp, secret, application or robot key are wrong."""


class PermissionRefused(WronglySetUp):
    """The application may not do this, or not from here, until an administrator allows it."""


# Refused for now: code → (seconds to wait, what it is).
_LATER: dict[int, tuple[float, str]] = {
    6000: (1.0, "another change to the same data is running"),
    45009: (60.0, "the call limit is reached"),
    45033: (2.0, "too many calls at the same time"),
    41063: (30.0, "the mass message is still being dispatched"),
    41079: (30.0, "the moment is still being published"),
    41096: (1.0, "another application is sending the welcome message"),
    40014: (0.0, "the access token was refused"),
    42001: (0.0, "the access token has expired"),
}

# Set up wrongly: code → what to do.
_SETTINGS: dict[int, str] = {
    40001: "check QUNFLOW_WECOM_SECRET; do not try often, wrong secrets block this address for an hour",
    40013: "check QUNFLOW_WECOM_CORP_ID",
    40056: "check QUNFLOW_WECOM_AGENT_ID",
    40091: "QUNFLOW_WECOM_SECRET belongs to another corp: copy the secret of your own application",
    41002: "set QUNFLOW_WECOM_CORP_ID",
    41004: "set QUNFLOW_WECOM_SECRET",
    48001: "let the corp's administrator authorise this interface for the application",
    48002: "add the application under 客户联系 → 可调用接口的应用 in the admin console",
    48006: "open the application in the admin console: WeCom takes rights back that were not used for long",
    50003: "enable the application in the admin console",
    60020: "add this server's address{seen} to 企业可信IP in the admin console; it works about a minute later",
    60031: "ask the corp's administrator: the application is barred from this interface",
    93000: "copy the robot's address from its group again: the key is wrong, or the robot was removed",
    93004: "enable the robot in its group",
    301002: "QUNFLOW_WECOM_AGENT_ID does not belong to the application of QUNFLOW_WECOM_SECRET",
}

_AUTH = frozenset({40001, 40013, 40056, 40091, 41002, 41004, 50003, 93000, 93004, 301002})

# Refused for good: code → what to do, for the refusals people meet most.
_HINTS: dict[int, str] = {
    40003: "check the userid in qunflow.yaml",
    40007: "the file is not there any more, or is of another kind: upload it again",
    40058: "a field is too long, empty or of the wrong shape",
    40096: "the external userid is not known to this corp",
    41048: "nobody of the recipients can be reached by this sender",
    41050: "a welcome code works for 20 seconds, once; use a private message instead",
    41051: "somebody else has sent the welcome already",
    41093: "the task was cancelled",
    41094: "the owner was reminded three times in 24 hours already",
    60011: "add the member to the application's visible range",
    60021: "add the member to the application's visible range",
    60111: "the userid is not in the address book: check qunflow.yaml",
    81013: "none of the recipients exists: check the userids in qunflow.yaml",
    84061: "they are no contacts of each other any more",
    84074: "allow the member to have customers: 客户联系 → 权限配置 in the admin console",
}


def body_of(answer: Answer, path: str, kind: Kind) -> Body:
    """
    The JSON object of an answer whose ``errcode`` is 0.

    Raises:
        AnswerLost: a write whose answer is broken or "busy".
        ChannelUnavailable: a read with such an answer, or a refusal for now, with ``retry_after_s``.
        ChannelRefused: a refusal for good, with its ``code``.
        ConfigurationError: a refusal that only a change of settings can mend.
    """
    body = _object(answer)
    code = code_of(body)
    if answer.status != 200 or body is None or code is None:
        raise _broken(answer, path, kind)
    if code != 0:
        raise refusal(code, path, kind, str(body.get("errmsg")) if code == _NOT_TRUSTED else "")
    return body


def refusal(code: int, path: str, kind: Kind, errmsg: str = "") -> QunflowError:
    """The typed error of an error code; only of 60020 the text beside it is looked at, for the caller's address."""
    if code == BUSY:
        return _unclear(kind, f"WeCom says it is busy at {path} (code -1)", 5.0)
    if code in _LATER:
        wait_s, what = _LATER[code]
        return _later_error(code)(f"WeCom refused {path} for now: {what} (code {code})", WAIT_A_LITTLE, wait_s, code)
    if code in _SETTINGS:
        mend = _SETTINGS[code].format(seen=_seen(errmsg))
        wrong = AuthRefused if code in _AUTH else PermissionRefused
        return wrong(f"WeCom refused {path} because of the settings (code {code})", mend, code)
    return ChannelRefused(f"WeCom refused {path} (code {code})", _HINTS.get(code, "look the code up at WeCom"), code)


def over_limit(path: str, wait_s: float) -> RateLimited:
    """A call that was not made because it would be one too many; it may be in ``wait_s`` seconds."""
    return RateLimited(f"{path} was called too often, nothing was sent", WAIT_A_LITTLE, wait_s, CALL_LIMIT)


class Backoff:
    """
    How long to leave a call alone whose limit is reached: a minute, and twice as long each time, up to an hour.

    WeCom blocks for as long as the window that was exceeded, and does not say which one it was.
    """

    def __init__(self) -> None:
        self._refused: Counter[str] = Counter()

    @contextmanager
    def of(self, path: str) -> Iterator[None]:
        """Put the wait into a refusal of ``path`` raised inside; anything else begins anew."""
        try:
            yield
        except RateLimited as error:
            if error.code == CALL_LIMIT:
                wait_s = min(_LIMIT_WINDOW_S * 2 ** self._refused[path], _LONGEST_WINDOW_S)
                self._refused[path] += 1
                raise RateLimited(error.problem, error.next_step, wait_s, error.code) from None
            raise
        self._refused.pop(path, None)


def _later_error(code: int) -> type[RefusedForNow]:
    if code in _TOKEN_ENDED:
        return TokenRefused
    return RateLimited if code in _CONCERNS_ALL else RefusedForNow


def _seen(errmsg: str) -> str:
    """The address WeCom saw a call come from, which behind a router is not the one the machine knows of itself."""
    found = _CALLER.search(errmsg)
    return f" {found[1].rstrip('.:')}" if found else ""


def _broken(answer: Answer, path: str, kind: Kind) -> ChannelUnavailable:
    return _unclear(kind, f"WeCom gave an unreadable answer to {path} (HTTP {answer.status})", 5.0)


def _unclear(kind: Kind, problem: str, wait_s: float) -> ChannelUnavailable:
    if kind == "write":
        return AnswerLost(problem, "what may have happened is asked for later", wait_s)
    return ChannelUnavailable(problem, TRY_LATER, wait_s)


def _object(answer: Answer) -> Body | None:
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def code_of(body: Body | None) -> int | None:
    """The ``errcode`` of an answer or of a part of one, which may be a text; None without one."""
    value = None if body is None else body.get("errcode")
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        return int(value)
    return value if isinstance(value, int) else None
