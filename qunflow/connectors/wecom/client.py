"""
The WeCom server API, as far as Qunflow uses it: plain calls for any thread, typed errors, nothing secret told.

A write that raises ``AnswerLost`` may have been carried out; it is for ``delivery`` to settle that. WeCom sends no
callback for changes made here, so callers record their own writes.

Source: WeCom developer centre, pages 92135, 92599, 96338, 96355, 99547, 90236 and 96484 (read 2026-11-21).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import httpx

from qunflow.connectors.http import LoopThread, allowed_address
from qunflow.connectors.pacer import Pacer, Rate
from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.acquisition import AcquisitionLinks
from qunflow.connectors.wecom.albums import Albums
from qunflow.connectors.wecom.answers import TRY_LATER, Body
from qunflow.connectors.wecom.calls import EC, Calls, carried_out, instant, needed, none_when, part
from qunflow.connectors.wecom.contact_ways import ContactWays, GroupWelcomes
from qunflow.connectors.wecom.contacts import NO_CONTACT, Contacts
from qunflow.connectors.wecom.directory import Directory
from qunflow.connectors.wecom.media import Media
from qunflow.connectors.wecom.media_file import MediaFile
from qunflow.connectors.wecom.moments import Moments
from qunflow.connectors.wecom.sensitive_words import SensitiveWords
from qunflow.connectors.wecom.session import CALL_RATES, Session, Witness, listed
from qunflow.connectors.wecom.staff_messages import StaffMessages
from qunflow.connectors.wecom.statistics import Statistics
from qunflow.connectors.wecom.tags import Tags
from qunflow.connectors.wecom.transfers import Transfers
from qunflow.errors import BadInput, ChannelUnavailable

_CHATS_PER_CODE, _STATE_CHARS, _REMARK_CHARS, _ROOM_CHARS = 5, 30, 30, 40


@dataclass(frozen=True, slots=True)
class MassTask:
    """A mass message as WeCom lists it; ``creator`` is empty for tasks made through the API."""

    msgid: str
    created_at: datetime
    text: str
    attachments: tuple[Mapping[str, Any], ...]
    creator: str


@dataclass(frozen=True, slots=True)
class TaskOwner:
    """Whether one member has confirmed their part of a mass task."""

    userid: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one recipient: 0 waiting, 1 delivered, 2 no contact any more, 3 over quota."""

    target: str
    status: int
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class JoinWay:
    """A live group code (群活码)."""

    config_id: str
    url: str
    chat_ids: tuple[str, ...]
    state: str


class WeCom:
    """
    One application of one corp; safe to share between threads.

    Customers, groups, live codes and messages to customers are here, everything else in an area of its own:
    ``contacts``, ``directory``, ``tags``, ``contact_ways``, ``group_welcomes``, ``moments``, ``statistics``,
    ``acquisition``, ``albums``, ``sensitive_words``, ``transfers``, ``staff_messages`` and ``media``.

    Args:
        base_url: ``https://qyapi.weixin.qq.com``, or a sandbox on this machine.
        corp_id: the corp.
        secret: the application's secret.
        agent_id: the application's number, for messages to staff.
        transport: replaces the network in tests.
        production: whether real people may be reached; QUNFLOW_ENV decides when left out.
        timeout_s: for connecting, and for each wait for bytes.
        token_file: where the processes of a workspace share the access token; without it each has its own.
        media_file: where they share which files are uploaded; without it this object remembers its own.
        rates: how often each call may be made; over it a call is refused here, as WeCom would.
        pacer: where the processes of a machine count their calls together; without it this object counts alone.
        witness: is shown every answer as it came, with its path; tokens too.
        first_pages: of every list only the first page is read.

    Raises:
        ConfigurationError: production with a sandbox's address, or anything else with a real one.
    """

    def __init__(
        self,
        base_url: str,
        corp_id: str,
        secret: str,
        agent_id: int,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        production: bool | None = None,
        timeout_s: float = 10.0,
        token_file: Path | None = None,
        media_file: Path | None = None,
        rates: Sequence[Rate] = CALL_RATES,
        pacer: Pacer | None = None,
        witness: Witness | None = None,
        first_pages: bool = False,
    ) -> None:
        real = os.environ.get("QUNFLOW_ENV") == "production" if production is None else production
        address = allowed_address(base_url, production=real, variable="QUNFLOW_WECOM_BASE_URL")
        self._thread = LoopThread("wecom")
        self._session = Session(
            address,
            corp_id,
            secret,
            transport=transport,
            timeout_s=timeout_s,
            token_file=token_file,
            rates=rates,
            pacer=pacer,
            witness=witness,
            first_pages=first_pages,
        )
        self._calls = calls = Calls(self._thread, self._session)
        self.contacts = Contacts(calls)
        self.directory = Directory(calls)
        self.tags = Tags(calls)
        self.contact_ways = ContactWays(calls)
        self.group_welcomes = GroupWelcomes(calls)
        self.moments = Moments(calls)
        self.statistics = Statistics(calls)
        self.acquisition = AcquisitionLinks(calls)
        self.albums = Albums(calls)
        self.sensitive_words = SensitiveWords(calls)
        self.transfers = Transfers(calls)
        self.staff_messages = StaffMessages(calls, agent_id)
        self.media = Media(calls, MediaFile(media_file, f"{address} {corp_id}"))

    def close(self) -> None:
        """Close the connections and stop the thread."""
        self._thread.run(self._session.close())
        self._thread.close()

    # --- customers and groups ---

    def follow_users(self) -> list[str]:
        """Members with customer contact enabled."""
        path = f"{EC}/get_follow_user_list"
        return [str(one) for one in listed(self._calls.call(path, "read"), "follow_user", path)]

    def customers(self, userid: str | Sequence[str]) -> list[Body]:
        """Customers of up to 100 members: ``{"external_contact": {…}, "follow_info": {…}}`` each."""
        users = [userid] if isinstance(userid, str) else list(userid)
        asked = {"userid_list": users, "limit": 100}
        path = f"{EC}/batch/get_by_user"
        return none_when(NO_CONTACT, lambda: self._calls.pages(path, "external_contact_list", asked)) or []

    def customer(self, external_userid: str) -> Body:
        """One customer with all followers. Raises: ChannelRefused 84061 when nobody follows them any more."""
        path = f"{EC}/get"
        pages = self._calls.bodies(path, {"external_userid": external_userid})
        # Only somebody whom hundreds of members follow has a second page.
        return {**pages[0], "follow_user": [one for page in pages for one in listed(page, "follow_user", path)]}

    def groups(self, owners: Sequence[str] = ()) -> list[Body]:
        """Customer groups, ``{"chat_id", "status"}`` each, of some owners or of everybody visible."""
        asked: Body = {"status_filter": 0, "limit": 1_000}
        if owners:
            asked["owner_filter"] = {"userid_list": list(owners)}
        return self._calls.pages(f"{EC}/groupchat/list", "group_chat_list", asked)

    def group(self, chat_id: str) -> Body:
        """One group with its members, as WeCom describes it; names are left out, ids are enough."""
        path = f"{EC}/groupchat/get"
        body = self._calls.call(path, "read", {"chat_id": chat_id, "need_name": 0})
        return part(body, "group_chat", path)

    # --- live group codes ---

    def add_join_way(
        self,
        chat_ids: Sequence[str],
        *,
        state: str,
        remark: str = "",
        auto_create: bool = False,
        room: tuple[str, int] | None = None,
    ) -> str:
        """
        Make a live group code for one to five groups; returns its config id, which WeCom never shows again.

        Args:
            auto_create: open another group when all are full.
            room: how those are called: name and first number, ``("打卡群", 2)`` for 打卡群2, 打卡群3 and so on.
        """
        path = f"{EC}/groupchat/add_join_way"
        asked = _join_way(chat_ids, state, remark, auto_create, room)
        return needed(self._calls.call(path, "write", asked), "config_id", path)

    def get_join_way(self, config_id: str) -> JoinWay:
        """A live group code with the address of its picture."""
        path = f"{EC}/groupchat/get_join_way"
        way = part(self._calls.call(path, "read", {"config_id": config_id}), "join_way", path)
        chats = tuple(str(one) for one in listed(way, "chat_id_list", path))
        return JoinWay(str(way.get("config_id")), str(way.get("qr_code") or ""), chats, str(way.get("state") or ""))

    def update_join_way(
        self,
        config_id: str,
        chat_ids: Sequence[str],
        *,
        state: str,
        remark: str = "",
        auto_create: bool = False,
        room: tuple[str, int] | None = None,
    ) -> None:
        """Point a live group code at other groups; every field is overwritten."""
        asked = {"config_id": config_id, **_join_way(chat_ids, state, remark, auto_create, room)}
        self._calls.call(f"{EC}/groupchat/update_join_way", "write", asked)

    def delete_join_way(self, config_id: str) -> None:
        """End a live group code; who scans it afterwards gets nowhere."""
        self._calls.call(f"{EC}/groupchat/del_join_way", "write", {"config_id": config_id})

    # --- messages to customers ---

    def send_welcome(self, welcome_code: str, text: str, attachments: Sequence[Mapping[str, Any]] = ()) -> None:
        """
        Answer a new contact, within 20 seconds of the event and once.

        Raises:
            ChannelRefused: 41050 too late or unknown code, 41051 somebody has welcomed already.
        """
        asked = {"welcome_code": welcome_code, **_message(text, attachments)}
        self._calls.call(f"{EC}/send_welcome_msg", "write", asked)

    def add_msg_template(
        self,
        *,
        chat_type: Literal["group", "single"],
        sender: str,
        targets: Sequence[str],
        text: str,
        attachments: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[str, tuple[str, ...]]:
        """
        Create a mass task, which ``sender`` has to confirm before anybody gets anything.

        Returns:
            The task's msgid, and the targets WeCom cannot reach.

        Raises:
            BadInput: no targets, too many, or a message WeCom does not take.
            ChannelRefused: 41048 nobody can be reached.
        """
        most = limits.CHATS_PER_TASK if chat_type == "group" else limits.PERSONS_PER_TASK
        if not 1 <= len(targets) <= most or not sender:
            raise BadInput(f"a mass task needs a sender and 1 to {most} targets, not {len(targets)}", "split it")
        path = f"{EC}/add_msg_template"
        name = "chat_id_list" if chat_type == "group" else "external_userid"
        asked = {"chat_type": chat_type, "sender": sender, name: list(targets), **_message(text, attachments)}
        body = self._calls.call(path, "write", asked)
        with carried_out():
            return needed(body, "msgid", path), tuple(str(one) for one in listed(body, "fail_list", path))

    def groupmsg_list(self, chat_type: Literal["group", "single"], start: datetime, end: datetime) -> list[MassTask]:
        """Mass tasks created within a window of at most a month, by anybody."""
        path = f"{EC}/get_groupmsg_list_v2"
        window = {"start_time": int(start.timestamp()), "end_time": int(end.timestamp())}
        found = self._calls.pages(
            path, "group_msg_list", {"chat_type": chat_type, "filter_type": 2, "limit": 100, **window}
        )
        return [_mass_task(one, path) for one in found]

    def groupmsg_task(self, msgid: str) -> list[TaskOwner]:
        """Who has to confirm a mass task, and who has."""
        path = f"{EC}/get_groupmsg_task"
        found = self._calls.pages(path, "task_list", {"msgid": msgid, "limit": 1_000})
        # In this list 2 means sent; in the list of recipients it is 1.
        return [TaskOwner(str(one.get("userid")), one.get("status") == 2) for one in found]

    def groupmsg_send_result(self, msgid: str, userid: str) -> list[SendResult]:
        """What became of each recipient of one member's part of a mass task."""
        path = f"{EC}/get_groupmsg_send_result"
        found = self._calls.pages(path, "send_list", {"msgid": msgid, "userid": userid, "limit": 1_000})
        return [_send_result(one) for one in found]

    def remind(self, msgid: str) -> None:
        """Remind the members who have not confirmed. Raises: ChannelRefused 41094 after three times in 24 hours."""
        self._calls.call(f"{EC}/remind_groupmsg_send", "write", {"msgid": msgid})

    def cancel(self, msgid: str) -> None:
        """Withdraw a mass task from those who have not confirmed; what was delivered stays."""
        self._calls.call(f"{EC}/cancel_groupmsg_send", "write", {"msgid": msgid})

    # --- messages to staff, files ---

    def message_send(
        self, userid: str, msgtype: Literal["text", "textcard", "markdown"], part: Mapping[str, Any]
    ) -> str:
        """Send one message to one member of staff; see ``StaffMessages.send``."""
        return self.staff_messages.send(userid, msgtype, part)

    def upload_media(self, kind: Literal["image", "voice", "video", "file"], name: str, content: bytes) -> str:
        """Upload a file; returns a media id that is valid for three days."""
        return self.media.upload(kind, name, content)


def _join_way(
    chat_ids: Sequence[str], state: str, remark: str, auto_create: bool, room: tuple[str, int] | None
) -> Body:
    limits.require_some("groups of a live code", chat_ids, _CHATS_PER_CODE)
    limits.require_chars("state of a live code", state, _STATE_CHARS)
    asked = {"scene": 2, "chat_id_list": list(chat_ids), "state": state, "remark": remark[:_REMARK_CHARS]}
    if room:
        limits.require_chars("name of the groups of a live code", room[0], _ROOM_CHARS)
        asked |= {"room_base_name": room[0], "room_base_id": room[1]}
    return {**asked, "auto_create_room": int(auto_create)}


def _message(text: str, attachments: Sequence[Mapping[str, Any]]) -> Body:
    limits.require_message(text, attachments)
    message: Body = {"text": {"content": text}} if text else {}
    return {**message, "attachments": [dict(one) for one in attachments]} if attachments else message


def _mass_task(one: Body, path: str) -> MassTask:
    created = instant(one.get("create_time"))
    text = one.get("text")
    if created is None or not isinstance(one.get("msgid"), str):
        raise ChannelUnavailable(f"WeCom gave a mass task without id or time in {path}", TRY_LATER, 5.0)
    content = str(text.get("content") or "") if isinstance(text, dict) else ""
    attachments = tuple(found for found in listed(one, "attachments", path) if isinstance(found, dict))
    return MassTask(one["msgid"], created, content, attachments, str(one.get("creator") or ""))


def _send_result(one: Body) -> SendResult:
    target = str(one.get("chat_id") or one.get("external_userid") or "")
    status = one.get("status")
    return SendResult(target, status if isinstance(status, int) else 0, instant(one.get("send_time")))
