"""
The platform's own things: staff, customers, groups, codes, messages, files.

Instants are whole Unix seconds on the sandbox clock; nested values are plain JSON, so that records are written as is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Counter:
    """A named number that survives a restart: the clock, the next id of a kind."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Staff:
    """
    A member of the corp.

    ``habit`` is how this person handles to-dos: prompt, late or never; one who is not ``active`` never logged in.
    """

    userid: str
    name: str
    role: str
    habit: str = "prompt"
    active: bool = True


@dataclass(frozen=True, slots=True)
class Customer:
    """
    An external contact as the platform shows it.

    ``company`` is empty for a WeChat user; a WeCom user has position, corp_name, corp_full_name and external_profile.
    """

    external_userid: str
    name: str
    gender: int = 0
    unionid: str = ""
    company: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Follow:
    """A member and a customer who are friends; ``ended_at`` is 0 while they are."""

    userid: str
    external_userid: str
    createtime: int
    add_way: int
    state: str
    remark: str = ""
    ended_at: int = 0
    description: str = ""
    remark_company: str = ""
    remark_mobiles: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Chat:
    """A customer group; ``version`` counts its member changes."""

    chat_id: str
    name: str
    owner: str
    admins: list[str]
    create_time: int
    notice: str = ""
    version: int = 0
    dismissed_at: int = 0


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody in a group now; ``kind`` 1 is a member of the corp, 2 a customer."""

    chat_id: str
    userid: str
    kind: int
    join_time: int
    join_scene: int
    state: str = ""
    invitor: str = ""


@dataclass(frozen=True, slots=True)
class JoinWay:
    """A live group code."""

    config_id: str
    fields: dict[str, Any]
    qr_code: str


@dataclass(frozen=True, slots=True)
class ContactWay:
    """A channel code that adds a member as friend; ``used_at`` counts for temporary ones only."""

    config_id: str
    fields: dict[str, Any]
    qr_code: str
    created_at: int
    used_at: int = 0


@dataclass(frozen=True, slots=True)
class WelcomeCode:
    """The right to greet one new friend, once and soon."""

    code: str
    userid: str
    external_userid: str
    issued_at: int
    used_at: int = 0


@dataclass(frozen=True, slots=True)
class MassTask:
    """A mass message, nothing of it delivered before the senders confirm; ``creator`` is empty for one of a call."""

    msgid: str
    chat_type: str
    create_time: int
    text: str
    attachments: list[dict[str, Any]]
    cancelled_at: int = 0
    reminded_at: list[int] = field(default_factory=list)
    creator: str = ""


@dataclass(frozen=True, slots=True)
class MassShare:
    """One sender's part of a mass task; ``results`` maps each recipient to [status, send_time]."""

    msgid: str
    userid: str
    results: dict[str, list[int]]
    status: int = 0
    send_time: int = 0


@dataclass(frozen=True, slots=True)
class Received:
    """When one customer or group got mass messages lately: what the quota counts."""

    recipient: str
    times: list[int]


@dataclass(frozen=True, slots=True)
class AppMessage:
    """An app message to members; ``digest`` recognises a repeated one."""

    msgid: str
    sent_at: int
    digest: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Media:
    """A temporary file; only its kind, name and size are kept."""

    media_id: str
    kind: str
    filename: str
    size: int
    created_at: int


@dataclass(frozen=True, slots=True)
class Token:
    """An access token of an app; ``agent_id`` 0 is the corp's own one."""

    token: str
    issued_at: int
    expires_at: int
    revoked: bool = False
    agent_id: int = 0
