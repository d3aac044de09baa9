"""
Several applications, one welcome code (wecom-api §7.1): the first wins.

The others get 41096 while it sends, which may still fail, and 41051 once it has.
"""

from __future__ import annotations

from dataclasses import dataclass

from qunflow.sandbox.areas.statistics import WORDS
from qunflow.sandbox.kept import Kept
from qunflow.sandbox.options import App
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import WelcomeCode
from qunflow.sandbox.wire import Refusal


@dataclass(frozen=True, slots=True)
class Greeting:
    """An application that is sending a welcome until an instant; ``agent_id`` 0 is one unknown to the sandbox."""

    code: str
    agent_id: int
    until: int
    fails: bool = False


_GREETINGS = Kept(Greeting, lambda r: r.code)


def begin(platform: Platform, code: str, agent_id: int, seconds: int, *, fails: bool = False) -> None:
    """An application begins to send; with ``fails`` the code is free again afterwards."""
    _GREETINGS.of(platform).put(Greeting(code, agent_id, platform.now() + seconds, fails))


def require_free(platform: Platform, code: WelcomeCode, app: App) -> None:
    """
    Let an application use a code.

    Raises:
        Refusal: 41096 another one is sending, 41051 the welcome is out or the two are talking already.
    """
    greeting = _GREETINGS.of(platform).get(code.code)
    if greeting is not None and greeting.agent_id != app.agent_id and platform.now() < greeting.until:
        raise Refusal(41096)
    if _have_talked(platform, code):
        raise Refusal(41051, "the chat has started")
    if code.used_at or (greeting is not None and not greeting.fails):
        raise Refusal(41051)


def _have_talked(platform: Platform, code: WelcomeCode) -> bool:
    said = WORDS.of(platform).where("member", code.userid)
    return any(one.who == code.external_userid and one.at >= code.issued_at for one in said)
