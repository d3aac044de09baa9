"""The world's own records: people, what was posted, what will happen. Instants are whole Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """
    A person of the simulated community and their present state.

    ``channel`` is empty for those pulled in; ``invitations`` counts private messages with a group code that were read;
    ``warm_up`` is [read at, post number, answered 0/1] of the last question read. ``buying`` and ``leaving`` are the
    channel's factors on those chances; ``junk`` is nobody behind a form entry; ``ring`` the fraud ring, if any, which
    somebody of it, ``invited_by``, brought the person into.
    """

    number: int
    who: str
    name: str
    phone: str
    channel: str
    keen: float
    pulled: bool
    arrived_at: int
    warmth: float
    has_form: bool = False
    invitations: int = 0
    coupon: str = ""
    orders: int = 0
    check_in: str = ""
    check_in_until: int = 0
    warm_up: list[int] = field(default_factory=list)
    buying: float = 1.0
    leaving: float = 1.0
    junk: bool = False
    ring: str = ""
    invited_by: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """A message that appeared in a group."""

    number: int
    chat_id: str
    at: int
    text: str
    attachments: list[dict[str, Any]]
    appeal: float
    nth_of_day: int
    repliers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that will happen by itself; ``kind`` names the step that carries it out."""

    number: int
    at: int
    kind: str
    about: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Lead:
    """A row of the form's own list, dirt included; ``address`` is the IP address it was sent from."""

    serial: int
    name: str
    phone: str
    channel: str
    who: str
    at: int
    address: str = ""


@dataclass(frozen=True, slots=True)
class Saying:
    """What somebody said in a group on request; ``who`` is a userid or external_userid."""

    number: int
    chat_id: str
    who: str
    at: int
    text: str
