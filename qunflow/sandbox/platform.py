"""
The platform's memory and its clock, shared by the areas; it decides nothing by itself.

What the platform delivers is announced to a `Public` (the world); what happens in clients comes in through `clients`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from qunflow.sandbox import ids
from qunflow.sandbox.assets import (
    Album,
    FriendRequest,
    GroupWelcome,
    Moment,
    MomentJob,
    MomentShare,
    Tag,
    TagGroup,
    TemporaryChat,
)
from qunflow.sandbox.dice import Dice
from qunflow.sandbox.options import Options
from qunflow.sandbox.records import (
    AppMessage,
    Chat,
    ContactWay,
    Counter,
    Customer,
    Follow,
    JoinWay,
    MassShare,
    MassTask,
    Media,
    Received,
    Seat,
    Staff,
    Token,
    WelcomeCode,
)
from qunflow.sandbox.shelf import Shelf
from qunflow.sandbox.storage import Storage


class Public(Protocol):
    """Those who meet what was delivered; the world implements it."""

    def meet_group_message(self, chat_id: str, text: str, attachments: list[dict[str, Any]]) -> None:
        """A message appeared in a group."""

    def meet_private_message(self, external_userid: str, text: str, attachments: list[dict[str, Any]]) -> None:
        """A message reached one customer."""

    def meet_task(self, msgid: str, userid: str) -> None:
        """A member of the corp was given a mass task."""

    def meet_reminder(self, msgid: str, userid: str) -> None:
        """A member was reminded of a mass task."""

    def meet_card(self, userid: str, body: dict[str, Any]) -> None:
        """A member got an app message."""


class Nobody:
    """An empty public: the platform without a community, for tests of the calls alone."""

    def meet_group_message(self, chat_id: str, text: str, attachments: list[dict[str, Any]]) -> None:
        """Nobody reads."""

    def meet_private_message(self, external_userid: str, text: str, attachments: list[dict[str, Any]]) -> None:
        """Nobody reads."""

    def meet_task(self, msgid: str, userid: str) -> None:
        """Nobody confirms."""

    def meet_reminder(self, msgid: str, userid: str) -> None:
        """Nobody confirms."""

    def meet_card(self, userid: str, body: dict[str, Any]) -> None:
        """Nobody opens it."""


@dataclass(frozen=True, slots=True)
class Push:
    """A client-side change to be told to the product: event fields without the common ones."""

    event: str
    change: str
    fields: tuple[tuple[str, Any], ...]
    at: int


class Platform:
    """Everything the platform knows, kept in one `Storage`."""

    def __init__(self, options: Options, storage: Storage) -> None:
        self.options = options
        self.limits = options.limits
        self.apps = options.all_apps
        self.storage = storage
        self.dice = Dice(options.seed)
        self.public: Public = Nobody()
        self.pushes: list[Push] = []
        self.counters = Shelf(Counter, lambda r: r.name)
        self.staff = Shelf(Staff, lambda r: r.userid)
        self.customers = Shelf(Customer, lambda r: r.external_userid)
        self.follows = Shelf(
            Follow,
            lambda r: f"{r.userid}/{r.external_userid}",
            member=lambda r: r.userid,
            who=lambda r: r.external_userid,
        )
        self.chats = Shelf(Chat, lambda r: r.chat_id, owner=lambda r: r.owner)
        self.seats = Shelf(Seat, lambda r: f"{r.chat_id}/{r.userid}", chat=lambda r: r.chat_id, who=lambda r: r.userid)
        self.join_ways = Shelf(JoinWay, lambda r: r.config_id, qr_code=lambda r: r.qr_code)
        self.contact_ways = Shelf(ContactWay, lambda r: r.config_id)
        self.friend_requests = Shelf(FriendRequest, lambda r: f"{r.userid}/{r.external_userid}")
        self.temporary_chats = Shelf(TemporaryChat, lambda r: f"{r.userid}/{r.external_userid}")
        self.tag_groups = Shelf(TagGroup, lambda r: r.group_id)
        self.tags = Shelf(Tag, lambda r: r.tag_id, group=lambda r: r.group_id)
        self.group_welcomes = Shelf(GroupWelcome, lambda r: r.template_id)
        self.moment_jobs = Shelf(MomentJob, lambda r: r.jobid)
        self.moments = Shelf(Moment, lambda r: r.moment_id)
        self.moment_shares = Shelf(MomentShare, lambda r: f"{r.moment_id}/{r.userid}", moment=lambda r: r.moment_id)
        self.albums = Shelf(Album, lambda r: r.product_id)
        self.welcome_codes = Shelf(WelcomeCode, lambda r: r.code)
        self.tasks = Shelf(MassTask, lambda r: r.msgid)
        self.shares = Shelf(MassShare, lambda r: f"{r.msgid}/{r.userid}", task=lambda r: r.msgid)
        self.received = Shelf(Received, lambda r: r.recipient)
        self.app_messages = Shelf(AppMessage, lambda r: r.msgid, digest=lambda r: r.digest)
        self.media = Shelf(Media, lambda r: r.media_id)
        self.tokens = Shelf(Token, lambda r: r.token)
        for shelf in [value for value in vars(self).values() if isinstance(value, Shelf)]:
            storage.attach(shelf)
        if "now" not in self.counters:
            self.set_now(int(options.start.timestamp()))

    def now(self) -> int:
        """The sandbox clock, Unix seconds."""
        return self.counters["now"].value

    def set_now(self, at: int) -> None:
        """Move the clock; only `world.course` does, and never backwards."""
        self.counters.put(Counter("now", at))

    def number(self, kind: str) -> int:
        """The next number of a kind, from 1."""
        last = self.counters.get(kind)
        value = (last.value if last else 0) + 1
        self.counters.put(Counter(kind, value))
        return value

    def is_friend(self, userid: str, external_userid: str) -> bool:
        """Whether a member and a customer are friends now."""
        follow = self.follows.get(f"{userid}/{external_userid}")
        return follow is not None and not follow.ended_at

    def customers_in(self, chat_id: str) -> list[Seat]:
        """The customers among a group's people, in order of joining."""
        return [seat for seat in self.seats.where("chat", chat_id) if seat.kind == 2]

    def member_version(self, chat: Chat) -> str:
        """The group's ``member_version`` now."""
        return ids.version(self.dice, chat.chat_id, chat.version)

    def next_version(self, chat_id: str) -> tuple[str, str]:
        """Count a member change; the versions before and after it."""
        chat = self.chats[chat_id]
        after = self.chats.put(replace(chat, version=chat.version + 1))
        return self.member_version(chat), self.member_version(after)

    def tell(self, event: str, change: str, **fields: Any) -> None:
        """Queue a callback for a change made in a client; changes made by calls raise none."""
        self.pushes.append(Push(event, change, tuple(fields.items()), self.now()))
