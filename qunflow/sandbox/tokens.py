"""
Access tokens: one for each app until it expires on the sandbox clock; it may be withdrawn or aged on request.

Too many wrong secrets within an hour block the caller for an hour (wecom-api §1.1), restart or not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hmac import compare_digest

from qunflow.sandbox import ids
from qunflow.sandbox.fields import Field
from qunflow.sandbox.kept import Kept
from qunflow.sandbox.options import App
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Token
from qunflow.sandbox.routing import Call, Endpoint, Result
from qunflow.sandbox.wire import Refusal

_HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class WrongSecrets:
    """Wrong secrets of the one address the sandbox is called from, counted since an instant."""

    address: str
    since: int
    count: int
    blocked_until: int = 0


_WRONG = Kept(WrongSecrets, lambda r: r.address)
_ADDRESS = "127.0.0.1"


def gettoken(call: Call) -> Result:
    """The app's token; the same one until its 7,200 s are over (wecom-api §1.1)."""
    platform = call.platform
    _require_unblocked(platform)
    if call.body["corpid"] != platform.options.corp_id:
        raise Refusal(40013)
    app = _app_of(platform, call.body["corpsecret"])
    if app is None:
        _count_wrong(platform)
        raise Refusal(40001)
    token = _current(platform, app.agent_id) or _issue(platform, app.agent_id)
    return {"access_token": token.token, "expires_in": token.expires_at - platform.now()}, None


def require(platform: Platform, text: str) -> App:
    """
    Let a call pass only with a valid token; the application it belongs to.

    Raises:
        Refusal: 41001 absent, 40014 unknown or withdrawn, 42001 expired.
    """
    if not text:
        raise Refusal(41001)
    token = platform.tokens.get(text)
    if token is None or token.revoked:
        raise Refusal(40014)
    if token.expires_at <= platform.now():
        raise Refusal(42001)
    app = platform.apps.get(token.agent_id or platform.options.agent_id)
    if app is None:
        raise Refusal(40014)
    return app


def end(platform: Platform, *, revoked: bool) -> None:
    """Withdraw the current token of the corp's own app (40014 from now on) or let it expire at once (42001)."""
    token = _current(platform, platform.options.agent_id)
    if token is not None:
        platform.tokens.put(replace(token, revoked=revoked, expires_at=platform.now()))


def _app_of(platform: Platform, secret: str) -> App | None:
    found = (app for app in platform.apps.values() if compare_digest(app.secret.encode(), secret.encode()))
    return next(found, None)


def _require_unblocked(platform: Platform) -> None:
    wrong = _WRONG.of(platform).get(_ADDRESS)
    if wrong is not None and platform.now() < wrong.blocked_until:
        raise Refusal(45009, "too many wrong secrets")


def _count_wrong(platform: Platform) -> None:
    now, old = platform.now(), _WRONG.of(platform).get(_ADDRESS)
    fresh = old is None or now - old.since >= _HOUR_S
    wrong = WrongSecrets(_ADDRESS, now, 1) if fresh or old is None else replace(old, count=old.count + 1)
    if wrong.count > platform.limits.wrong_secrets_per_hour:
        wrong = WrongSecrets(_ADDRESS, now, 0, now + _HOUR_S)
    _WRONG.of(platform).put(wrong)


def _current(platform: Platform, agent_id: int) -> Token | None:
    own = [token for token in platform.tokens if (token.agent_id or platform.options.agent_id) == agent_id]
    live = [token for token in own if not token.revoked and token.expires_at > platform.now()]
    return live[-1] if live else None


def _issue(platform: Platform, agent_id: int) -> Token:
    for old in platform.tokens:
        if old.expires_at < platform.now() - 86_400:
            platform.tokens.drop(old.token)
    text = ids.access_token(platform.dice, platform.number("token"))
    return platform.tokens.put(
        Token(text, platform.now(), platform.now() + platform.limits.token_life_s, agent_id=agent_id)
    )


ENDPOINTS = (
    Endpoint(
        "gettoken",
        gettoken,
        (Field("corpid", required=True, missing=41002), Field("corpsecret", required=True, missing=41004)),
        query=True,
        token=False,
    ),
)
