"""Access tokens: one per app until it expires on the sandbox clock; it may be withdrawn or aged on request."""

from __future__ import annotations

from dataclasses import replace

from qunflow.sandbox import ids
from qunflow.sandbox.fields import Field
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Token
from qunflow.sandbox.routing import Call, Endpoint, Result
from qunflow.sandbox.wire import Refusal


def gettoken(call: Call) -> Result:
    """The app's token; the same one until its 7,200 s are over (wecom-api §1.1)."""
    options = call.platform.options
    if call.body["corpid"] != options.corp_id:
        raise Refusal(40013)
    if call.body["corpsecret"] != options.secret:
        raise Refusal(40001)
    token = _current(call.platform) or _issue(call.platform)
    return {"access_token": token.token, "expires_in": token.expires_at - call.platform.now()}, None


def require(platform: Platform, text: str) -> None:
    """
    Let a call pass only with a valid token.

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


def end(platform: Platform, *, revoked: bool) -> None:
    """Withdraw the current token (40014 from now on) or let it expire at once (42001)."""
    token = _current(platform)
    if token is not None:
        platform.tokens.put(replace(token, revoked=revoked, expires_at=platform.now()))


def _current(platform: Platform) -> Token | None:
    live = [token for token in platform.tokens if not token.revoked and token.expires_at > platform.now()]
    return live[-1] if live else None


def _issue(platform: Platform) -> Token:
    for old in platform.tokens:
        if old.expires_at < platform.now() - 86_400:
            platform.tokens.drop(old.token)
    text = ids.access_token(platform.dice, platform.number("token"))
    return platform.tokens.put(Token(text, platform.now(), platform.now() + platform.limits.token_life_s))


ENDPOINTS = (
    Endpoint(
        "gettoken",
        gettoken,
        (Field("corpid", required=True, missing=41002), Field("corpsecret", required=True, missing=41004)),
        query=True,
        token=False,
    ),
)
