"""The greeting of a new friend: once, within 20 s (wecom-api §7.1)."""

from __future__ import annotations

from dataclasses import replace

from qunflow.sandbox import welcome_race
from qunflow.sandbox.areas import parts
from qunflow.sandbox.fields import Field
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Refusal


def send_welcome_msg(call: Call) -> Result:
    """Greet; 41050 for an unknown or old code, 41051 for a used one, 41096 while another application sends."""
    platform = call.platform
    text, attachments = parts.content_of(platform, call.body)
    code = platform.welcome_codes.get(call.body["welcome_code"])
    if code is None:
        raise Refusal(41050)
    welcome_race.require_free(platform, code, call.app)
    if platform.now() - code.issued_at > platform.limits.welcome_s:
        raise Refusal(41050)
    platform.welcome_codes.put(replace(code, used_at=platform.now()))
    welcome_race.begin(platform, code.code, call.app.agent_id, platform.limits.welcome_sending_s)
    platform.public.meet_private_message(code.external_userid, text, attachments)
    return {}, Effect(code.userid, (code.external_userid,))


ENDPOINTS = (
    Endpoint(
        "externalcontact/send_welcome_msg",
        send_welcome_msg,
        (Field("welcome_code", required=True, missing=41049), *parts.FIELDS),
    ),
)
