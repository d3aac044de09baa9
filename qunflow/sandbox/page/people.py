"""Who is there: the groups, the members of one, the people and codes that the forms offer to choose from."""

from __future__ import annotations

from dataclasses import dataclass

from qunflow.sandbox.clients import quota_since
from qunflow.sandbox.page.bubbles import name_of
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Chat, Follow, Seat

MEMBERS_SHOWN = 120
CHOICES = 60
SCENES = {1: "被邀请", 2: "邀请链接", 3: "扫码"}
ROLES = {"helper": "小助手", "owner": "群主", "admin": "管理员", "support": "客服"}


@dataclass(frozen=True, slots=True)
class Group:
    """A group as the list shows it."""

    chat_id: str
    name: str
    owner: str
    owner_id: str
    size: int
    waiting: int
    dismissed: bool


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a group; ``friends`` are the userids of the staff who are friends with them."""

    who: str
    name: str
    staff: bool
    title: str
    joined_at: int
    scene: str
    friends: tuple[str, ...] = ()


def groups(platform: Platform) -> list[Group]:
    """All groups, living ones first."""
    waiting = _waiting(platform)
    found = [
        Group(
            chat.chat_id,
            chat.name,
            name_of(platform, chat.owner),
            chat.owner,
            platform.seats.count("chat", chat.chat_id),
            waiting.get(chat.chat_id, 0),
            bool(chat.dismissed_at),
        )
        for chat in platform.chats
    ]
    return sorted(found, key=lambda group: group.dismissed)


def quota_left(platform: Platform, recipient: str) -> tuple[int, int]:
    """How many mass messages a group or customer may still get in this period, and how many in all of it."""
    since, allowed = quota_since(platform.limits.quota_mode, platform.now())
    received = platform.received.get(recipient)
    used = sum(at >= since for at in received.times) if received else 0
    return max(allowed - used, 0), allowed


def members(platform: Platform, chat: Chat, named: str = "") -> list[Member]:
    """People in a group whose name contains a text: the staff, then customers, the newest first."""
    seats = platform.seats.where("chat", chat.chat_id)
    ordered = sorted(seats, key=lambda seat: (seat.kind, -seat.join_time))
    found = [seat for seat in ordered if named in name_of(platform, seat.userid)]
    return [_member(platform, chat, seat) for seat in found[:MEMBERS_SHOWN]]


def speakers(platform: Platform, chat: Chat) -> list[tuple[str, str]]:
    """Who may be made to speak: the owner, the admins, the newest members; id and words to show."""
    staff = [who for who in dict.fromkeys([chat.owner, *chat.admins]) if f"{chat.chat_id}/{who}" in platform.seats]
    titled = [(userid, f"{_title(platform, chat, userid)} {name_of(platform, userid)}") for userid in staff]
    return [*titled, *guests(platform, chat)]


def guests(platform: Platform, chat: Chat) -> list[tuple[str, str]]:
    """The newest customers in a group."""
    newest = sorted(platform.customers_in(chat.chat_id), key=lambda seat: -seat.join_time)[:CHOICES]
    return [(seat.userid, name_of(platform, seat.userid)) for seat in newest]


def outsiders(platform: Platform, chat: Chat | None) -> list[tuple[str, str]]:
    """The newest customers who are not in a group."""
    newest = list(platform.customers)[: -CHOICES - 1 : -1]
    here = {seat.userid for seat in platform.seats.where("chat", chat.chat_id)} if chat else set()
    return [(one.external_userid, one.name) for one in newest if one.external_userid not in here]


def friendships(platform: Platform) -> list[tuple[str, str]]:
    """The newest friendships, ``userid/external_userid`` and words to show."""
    living = [follow for follow in platform.follows if not follow.ended_at][: -CHOICES - 1 : -1]
    return [(f"{one.userid}/{one.external_userid}", _pair(platform, one)) for one in living]


def live_codes(platform: Platform) -> list[tuple[str, str]]:
    """Live group codes, the newest first."""
    return [(way.config_id, _code_name(platform, way.fields)) for way in list(platform.join_ways)[::-1][:CHOICES]]


def staff(platform: Platform) -> list[tuple[str, str, str, str]]:
    """userid, name, role in words and habit of every member of the corp."""
    return [(one.userid, one.name, ROLES.get(one.role, one.role), one.habit) for one in platform.staff]


def _pair(platform: Platform, follow: Follow) -> str:
    return f"{name_of(platform, follow.external_userid)} ↔ {name_of(platform, follow.userid)}"


def _waiting(platform: Platform) -> dict[str, int]:
    counts: dict[str, int] = {}
    for share in platform.shares:
        if not share.status and not platform.tasks[share.msgid].cancelled_at:
            for recipient in share.results:
                counts[recipient] = counts.get(recipient, 0) + 1
    return counts


def _member(platform: Platform, chat: Chat, seat: Seat) -> Member:
    is_staff = seat.kind == 1
    title = _title(platform, chat, seat.userid) if is_staff else "客户"
    follows = platform.follows.where("who", seat.userid)
    friends = tuple(follow.userid for follow in follows if not follow.ended_at)
    scene = "" if is_staff else _scene(platform, seat)
    return Member(seat.userid, name_of(platform, seat.userid), is_staff, title, seat.join_time, scene, friends)


def _scene(platform: Platform, seat: Seat) -> str:
    by = f"·{name_of(platform, seat.invitor)}" if seat.invitor else ""
    state = f"·渠道 {seat.state}" if seat.state else ""
    return f"{SCENES.get(seat.join_scene, '其他')}{by}{state}"


def _title(platform: Platform, chat: Chat, userid: str) -> str:
    if userid == chat.owner:
        return "群主"
    return "管理员" if userid in chat.admins else ROLES.get(platform.staff[userid].role, "员工")


def _code_name(platform: Platform, fields: dict[str, object]) -> str:
    listed = fields.get("chat_id_list")
    chats = [platform.chats[key].name for key in listed if key in platform.chats] if isinstance(listed, list) else []
    label = str(fields.get("remark") or fields.get("state") or "群活码")
    return f"{label} → {'、'.join(chats) or '没有群'}"
