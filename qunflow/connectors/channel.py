"""
What every way out has in common: what it promises, what it is given, and how a sending ended.

A channel never raises what a platform can cause; each ending is a value. When something may be sent, to whom, and
what becomes of an unknown is left to ``delivery``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

from qunflow.connectors.pacer import Rate
from qunflow.connectors.wecom import limits
from qunflow.errors import BadInput

Guarantee: TypeAlias = Literal["effectively_once", "at_most_once"]

# A platform's own code when the message never left this machine.
NOT_SENT = 0
_UNLIMITED = 10_000_000


@dataclass(frozen=True, slots=True)
class Declaration:
    """
    What a channel promises, from which the guarantee follows.

    Args:
        name: the way's name in the outbox.
        queryable: the platform can be asked afterwards what arrived.
        keyed: the same call made again, with the same key, arrives once.
        rates: how often it may be called, all at once; empty when the platform names no figure.
        text_bytes: the longest text, in bytes of UTF-8.
        attachments: how many links or files go with a text.
    """

    name: str
    queryable: bool = False
    keyed: bool = False
    rates: tuple[Rate, ...] = ()
    text_bytes: int = _UNLIMITED
    attachments: int = 0

    @property
    def guarantee(self) -> Guarantee:
        """Effectively once where the channel can be queried or keyed; else at most once, with unknowns shown."""
        return "effectively_once" if self.queryable or self.keyed else "at_most_once"


@dataclass(frozen=True, slots=True)
class Link:
    """A link that goes with a text."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes with a text; ``media_type`` such as ``image/png``."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """
    One finished message to one address.

    Args:
        address: what the channel calls the recipient; empty for a robot, which has one group only.
        title: a subject line, where there is one.
        text: the approved text.
        html: the same for mail readers that show it, with its links in it; may be empty.
        attachments: links and files.
        key: the delivery's own key, the same at every attempt.
        unsubscribe_url: https address that ends such mails at one click; empty for service messages.
    """

    address: str
    title: str
    text: str
    html: str = ""
    attachments: tuple[Link | File, ...] = ()
    key: str = ""
    unsubscribe_url: str = ""

    def as_text(self) -> str:
        """Title, text and links as plain lines, for channels without a place of their own for them."""
        links = (f"{one.title} {one.url}".strip() for one in self.attachments if isinstance(one, Link))
        return "\n".join(part for part in (self.title, self.text, *links) if part)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform has it; ``platform_id`` is what it is called there, where it is called anything."""

    platform_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Certainly not sent, and this message never will be; ``code`` is the platform's, 0 when it never left."""

    code: int
    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have arrived, or may yet: never sent again without a look."""

    why: str


@dataclass(frozen=True, slots=True)
class Held:
    """
    Certainly not sent, and it may be later: after a wait, or once somebody has changed the settings.

    ``concerns_all`` tells whether every further message of this channel would be held as well.
    """

    retry_after_s: float
    why: str
    code: int = NOT_SENT
    concerns_all: bool = True


Sent: TypeAlias = Accepted | Refused | Unknown | Held


class Channel(Protocol):
    """A way out; safe to share between threads."""

    @property
    def declaration(self) -> Declaration:
        """What it promises."""

    def send(self, message: Outgoing) -> Sent:
        """Send one message and say how it ended; raises nothing a platform or a message can cause."""


def unfit(declaration: Declaration, message: Outgoing) -> Refused | None:
    """Why a message cannot go this way at all, found before anything leaves; None when it can."""
    if not message.text.strip():
        return Refused(NOT_SENT, "the message has no text")
    try:
        size = len(message.as_text().encode())
    except UnicodeEncodeError:
        return Refused(NOT_SENT, "the message holds half a character (a lone surrogate)")
    if size > declaration.text_bytes:
        return Refused(NOT_SENT, f"the text has {size} bytes, {declaration.name} takes {declaration.text_bytes}")
    if len(message.attachments) > declaration.attachments:
        found, most = len(message.attachments), declaration.attachments
        return Refused(NOT_SENT, f"the message has {found} attachments, {declaration.name} takes {most}")
    return None


def links(attachments: Sequence[Mapping[str, Any]]) -> tuple[Link, ...]:
    """
    The attachments of a WeCom message for the other channels.

    Raises:
        BadInput: one is a mini-program or a file that lies at WeCom only.
    """
    found = []
    for one in attachments:
        if one.get("msgtype") != "link":
            raise BadInput(f"a {one.get('msgtype')} attachment exists at WeCom only", "send a link on other platforms")
        found.append(Link(str(one["link"].get("title", "")), str(one["link"].get("url", ""))))
    return tuple(found)


_PER_CALL = (Rate(10_000, 60), Rate(150_000, 3_600))
_TO_STAFF = (Rate(30, 60),)
_TASK_BYTES, _TASK_ATTACHMENTS = limits.MESSAGE_BYTES, limits.ATTACHMENTS
# DingTalk and Feishu count the whole request, 20,000 bytes; the rest is for the envelope around the text.
_ROBOT_BYTES, _LINKS = 19_500, 8

MASS_TASK = Declaration("mass_task", True, False, _PER_CALL, _TASK_BYTES, _TASK_ATTACHMENTS)
PRIVATE_TASK = replace(MASS_TASK, name="private_task")
MOMENT = replace(MASS_TASK, name="moment")
# The code of a welcome works once: the second call is refused.
WELCOME = replace(MASS_TASK, name="welcome", queryable=False, keyed=True)
# The platform itself drops the same card or notice sent again within hours. The bytes are those of the card: the text
# that a person sends by hand stands on the page behind it and may be longer.
HAND_SEND = Declaration("hand_send", False, True, _TO_STAFF, text_bytes=512)
STAFF_NOTICE = replace(HAND_SEND, name="staff_notice", text_bytes=2_048)
WECOM_ROBOT = Declaration("wecom_robot", False, False, (Rate(20, 60),), limits.ROBOT_TEXT_BYTES, _LINKS)
DINGTALK_ROBOT = Declaration("dingtalk_robot", False, False, (Rate(20, 60),), _ROBOT_BYTES, _LINKS)
FEISHU_ROBOT = Declaration("feishu_robot", False, False, (Rate(5, 1), Rate(100, 60)), _ROBOT_BYTES, _LINKS)
# The same Message-ID at every attempt lets people and some mailboxes see one mail; no server promises it.
MAIL = Declaration("mail", False, False, (), text_bytes=500_000, attachments=10)
LONG_TAIL = Declaration("long_tail", False, False)

_ALL = (
    MASS_TASK,
    PRIVATE_TASK,
    MOMENT,
    WELCOME,
    HAND_SEND,
    STAFF_NOTICE,
    WECOM_ROBOT,
    DINGTALK_ROBOT,
    FEISHU_ROBOT,
    MAIL,
    LONG_TAIL,
)
DECLARATIONS: Mapping[str, Declaration] = {one.name: one for one in _ALL}
