"""
What a corp keeps for its customers: tags, welcome templates, moments, product albums, requests that wait for a yes.

Instants are whole Unix seconds on the sandbox clock; nested values are plain JSON, so that records are written as is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TagGroup:
    """A group of corp tags; ``deleted_at`` is 0 while it lives."""

    group_id: str
    name: str
    create_time: int
    order: int = 0
    deleted_at: int = 0


@dataclass(frozen=True, slots=True)
class Tag:
    """A corp tag."""

    tag_id: str
    group_id: str
    name: str
    create_time: int
    order: int = 0
    deleted_at: int = 0


@dataclass(frozen=True, slots=True)
class FriendRequest:
    """A customer who scanned a code that asks for approval; the member has not said yes yet."""

    userid: str
    external_userid: str
    state: str
    asked_at: int
    was_greeted: bool = False


@dataclass(frozen=True, slots=True)
class TemporaryChat:
    """A session opened by a temporary code; ``conclusions`` are sent to the customer when it ends."""

    userid: str
    external_userid: str
    ends_at: int
    conclusions: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GroupWelcome:
    """A welcome template for groups; ``app`` is the agent id of the app that made it."""

    template_id: str
    app: int
    parts: dict[str, Any]
    notify: int


@dataclass(frozen=True, slots=True)
class MomentJob:
    """The making of a corp moment: its result is shown when the job is done."""

    jobid: str
    created_at: int
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment; ``creator`` is empty for one made by a call, a member's own has its author."""

    moment_id: str
    create_time: int
    creator: str
    visible_type: int
    text: str
    attachments: list[dict[str, Any]]
    cancelled_at: int = 0


@dataclass(frozen=True, slots=True)
class MomentShare:
    """
    One member's part of a moment: who may see it, and since publishing who did and how they reacted.

    ``comments`` and ``likes`` hold [who, at].
    """

    moment_id: str
    userid: str
    visible: list[str]
    published_at: int = 0
    reached: list[str] = field(default_factory=list)
    comments: list[list[Any]] = field(default_factory=list)
    likes: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Album:
    """A product in the corp's album; ``deleted_at`` is 0 while it lives."""

    product_id: str
    description: str
    price: int
    product_sn: str
    attachments: list[dict[str, Any]]
    create_time: int
    deleted_at: int = 0
