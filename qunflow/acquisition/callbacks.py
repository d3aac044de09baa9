"""
Understanding what WeCom tells us about contacts and group members.

The text comes from outside, so what an honest callback never holds is refused: document types, entities, deep nesting
(all by ``envelope``), large bodies. Signature and decryption are done before, by the web side; what an event causes is
decided by the tasks.
Source: developer.work.weixin.qq.com, 客户联系 › 回调通知 (read 2026-11-21).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from qunflow.acquisition.envelope import read_fields
from qunflow.errors import BadInput

SIZE_LIMIT_BYTES = 64 * 1024
# A clock outside of these is broken, and days before year 1 or after 9999 cannot be counted at all.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
# Of WeChat users and of other companies' people; every id known of is longer than what a company calls its staff.
EXTERNAL_PREFIXES = ("wm", "wo")
EXTERNAL_LENGTH = 20
_NEXT_STEP = "look at the callback in the inbox; it stays quarantined"


class ContactChange(StrEnum):
    """What happened between a staff member and a contact."""

    ADDED = "added"
    DELETED_BY_STAFF = "deleted_by_staff"
    DELETED_BY_CONTACT = "deleted_by_contact"


@dataclass(frozen=True, slots=True)
class ContactEvent:
    """A contact came or went; ``welcome_code`` is good once, for 20 s after ``happened_at``."""

    change: ContactChange
    userid: str
    external_userid: str
    channel: str
    welcome_code: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class MembersMoved:
    """
    People joined or left one group at ``happened_at``; the only place where the time of leaving is told.

    ``by_code`` tells of joins only: whether a code was scanned. ``version_before`` and ``version_after`` name the
    member list before and after the change; older deliveries leave them empty.
    """

    chat_id: str
    member_ids: tuple[str, ...]
    happened_at: datetime
    joined: bool
    by_code: bool = False
    version_before: str = ""
    version_after: str = ""


@dataclass(frozen=True, slots=True)
class GroupDissolved:
    """A group is gone for good."""

    chat_id: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class OtherEvent:
    """An event acquisition has no use for; ``name`` says which."""

    name: str


Callback = ContactEvent | MembersMoved | GroupDissolved | OtherEvent

_CONTACT_CHANGES: Mapping[str, ContactChange] = {
    "add_external_contact": ContactChange.ADDED,
    "add_half_external_contact": ContactChange.ADDED,
    "del_external_contact": ContactChange.DELETED_BY_STAFF,
    "del_follow_user": ContactChange.DELETED_BY_CONTACT,
}

_MEMBER_UPDATES = ("add_member", "del_member")


def fields_of(xml: bytes) -> tuple[dict[str, str], tuple[str, ...]]:
    """
    The flat fields of a callback and the ids of its member list.

    Raises:
        BadInput: too large, not XML, or holding a document type, an entity or deep nesting.
    """
    if len(xml) > SIZE_LIMIT_BYTES:
        raise BadInput(f"a callback of {len(xml)} bytes is larger than any real one", _NEXT_STEP)
    try:
        fields = read_fields(xml)
    except BadInput as error:
        raise BadInput(error.problem, _NEXT_STEP) from error
    listed = fields.get("MemChangeList", "")
    # Older deliveries put all ids, comma-separated, into one text.
    members = listed.split(",") if isinstance(listed, str) else listed
    values = {name: (said if isinstance(said, str) else said[0]).strip() for name, said in fields.items()}
    return values, tuple(part.strip() for part in members if part.strip())


def understood(xml: bytes) -> Callback:
    """
    What one decrypted callback says.

    Raises:
        BadInput: unreadable, or a contact or group event without the ids or the time it must carry.
    """
    values, members = fields_of(xml)
    event, change = values.get("Event", ""), values.get("ChangeType", "")
    if event == "change_external_contact" and change in _CONTACT_CHANGES:
        return ContactEvent(
            _CONTACT_CHANGES[change],
            _required(values, "UserID"),
            _required(values, "ExternalUserID"),
            values.get("State", ""),
            values.get("WelcomeCode", ""),
            _instant(values),
        )
    if event == "change_external_chat" and change == "dismiss":
        return GroupDissolved(_required(values, "ChatId"), _instant(values))
    if event == "change_external_chat" and values.get("UpdateDetail") in _MEMBER_UPDATES:
        joined = values["UpdateDetail"] == "add_member"
        by_code = joined and values.get("JoinScene") == "3"
        versions = values.get("LastMemVer", ""), values.get("CurMemVer", "")
        return MembersMoved(_required(values, "ChatId"), members, _instant(values), joined, by_code, *versions)
    return OtherEvent(f"{event}/{change}".strip("/") or "unnamed")


def is_external(member_id: str) -> bool:
    """
    Whether an id in a member list has the shape of a customer's.

    The list names colleagues and customers alike and does not say who is which; a colleague's id is what the company
    chose, and may begin as a customer's does.
    """
    return member_id.startswith(EXTERNAL_PREFIXES) and len(member_id) >= EXTERNAL_LENGTH


def understood_again(body: object) -> Callback | None:
    """
    What a callback says that was used before; None when it is not one.

    An earlier version may have read less strictly than this one, and used up what is now refused.
    """
    try:
        return understood(body) if isinstance(body, bytes) else None
    except BadInput:
        return None


def _required(values: Mapping[str, str], name: str) -> str:
    if not values.get(name):
        raise BadInput(f"a callback has no {name}", _NEXT_STEP)
    return values[name]


def _instant(values: Mapping[str, str]) -> datetime:
    try:
        at = datetime.fromtimestamp(int(_required(values, "CreateTime")), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadInput("a callback has an unreadable CreateTime", _NEXT_STEP) from error
    if not EARLIEST <= at < LATEST:
        raise BadInput("a callback has a CreateTime of another age", _NEXT_STEP)
    return at
