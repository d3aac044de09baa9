"""
The ways out: what each promises, and the call that carries a claim through it.

How a round treats an ending, and what may leave at all, is left to ``sender`` and ``claims``. What becomes of an
unknown follows from what a way promises: one that can be asked is asked after the wait, one with a key is called again,
and of the others a person decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from qunflow.connectors.channel import (
    HAND_SEND,
    LONG_TAIL,
    MAIL,
    MASS_TASK,
    MOMENT,
    PRIVATE_TASK,
    STAFF_NOTICE,
    WECOM_ROBOT,
    WELCOME,
    Accepted,
    Declaration,
    Held,
    Outgoing,
    Refused,
    links,
)
from qunflow.connectors.wecom.limits import cut
from qunflow.delivery.claims import Claim
from qunflow.delivery.hand_send import card_token
from qunflow.delivery.moments import JOB
from qunflow.delivery.ports import Ports
from qunflow.delivery.settle import CallOutcome
from qunflow.language import catalogue

_NO_URL = "set QUNFLOW_WEB_URL: a card needs the address of Qunflow's own pages"
Call: TypeAlias = Callable[[Ports, Claim], CallOutcome]


@dataclass(frozen=True, slots=True)
class WayOut:
    """A way of the outbox: what its channel declares, and its call."""

    declaration: Declaration
    call: Call


def carried_out(ports: Ports, one: Claim) -> CallOutcome:
    """Make the one call of a claim. Raises what WeCom's connector raises; other channels end in values."""
    return WAYS[one.way].call(ports, one)


def _mass(ports: Ports, one: Claim) -> CallOutcome:
    msgid, unreachable = ports.wecom.add_msg_template(
        chat_type="group" if one.way == "mass_task" else "single",
        sender=one.sender_userid,
        targets=[who.address for who in one.addressees],
        text=one.text,
        attachments=one.attachments,
    )
    return CallOutcome(one, "sent", msgid, unreachable)


def _moment(ports: Ports, one: Claim) -> CallOutcome:
    job = ports.wecom.moments.add(one.text, one.attachments, members=[one.sender_userid])
    return CallOutcome(one, "sent", JOB + job)


def _welcome(ports: Ports, one: Claim) -> CallOutcome:
    ports.wecom.send_welcome(one.addressees[0].address, one.text, one.attachments)
    return CallOutcome(one, "sent")


def _notice(ports: Ports, one: Claim) -> CallOutcome:
    return CallOutcome(one, "sent", ports.wecom.message_send(one.addressees[0].address, "text", {"content": one.text}))


def _card(ports: Ports, one: Claim) -> CallOutcome:
    if not ports.web_url:
        return CallOutcome(one, "held", why=_NO_URL)
    words = catalogue(ports.lang)
    zone = ports.workspace.community(one.community).zone_info
    times = {"due": f"{one.due_at.astimezone(zone):%H:%M}", "until": f"{one.not_after.astimezone(zone):%H:%M}"}
    token = card_token(ports.vault, one.addressees[0].target_id)
    card = {
        "title": cut(words.text("delivery.card_title", group=one.group, **times), 128),
        "description": cut(words.text("delivery.card_text", group=one.group, **times), 512),
        "url": f"{ports.web_url.rstrip('/')}/hand/{token}",
        "btntxt": words.text("delivery.card_button"),
    }
    return CallOutcome(one, "sent", ports.wecom.message_send(one.addressees[0].address, "textcard", card))


def _outside(ports: Ports, one: Claim) -> CallOutcome:
    """Through a robot, a mail server or a service of the long tail: ``outside`` knows it by way and sender."""
    name = one.way if one.way == "mail" else f"{one.way}:{one.sender_userid}"
    channel = ports.outside.get(name)
    if channel is None:
        return CallOutcome(one, "held", why=f"{name} is not set up in qunflow.yaml")
    message = Outgoing(
        address=one.addressees[0].address,
        title=ports.workspace.brand if one.way == "mail" else "",
        text=one.text,
        attachments=links(one.attachments),
        key=f"qunflow-{one.addressees[0].target_id}",
    )
    ended = channel.send(message)
    if isinstance(ended, Accepted):
        return CallOutcome(one, "sent", ended.platform_id)
    if isinstance(ended, Refused):
        return CallOutcome(one, "refused", code=ended.code, why=ended.why)
    if isinstance(ended, Held):
        # One robot that has to wait is no reason for the others to.
        return CallOutcome(one, "held", code=ended.code, why=ended.why)
    return CallOutcome(one, "unknown", why=ended.why)


WAYS: Mapping[str, WayOut] = {
    "welcome": WayOut(WELCOME, _welcome),
    "mass_task": WayOut(MASS_TASK, _mass),
    "hand_send": WayOut(HAND_SEND, _card),
    "private_task": WayOut(PRIVATE_TASK, _mass),
    "staff_notice": WayOut(STAFF_NOTICE, _notice),
    "moment": WayOut(MOMENT, _moment),
    "robot": WayOut(WECOM_ROBOT, _outside),
    "mail": WayOut(MAIL, _outside),
    "longtail": WayOut(LONG_TAIL, _outside),
}
# A call with a key may be made again: the platform carries it out once.
KEYED_WAYS = tuple(way for way, out in WAYS.items() if out.declaration.keyed)
# Nobody can tell afterwards whether it arrived.
BLIND_WAYS = tuple(way for way, out in WAYS.items() if not (out.declaration.keyed or out.declaration.queryable))
