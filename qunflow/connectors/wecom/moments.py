"""
Moments (客户朋友圈): made as a job, published by each member by hand, reported afterwards.

Source: WeCom developer centre, page 96351 (2025-09-11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import TRY_LATER, Body, code_of, refusal
from qunflow.connectors.wecom.calls import EC, Calls, needed, seconds
from qunflow.connectors.wecom.session import listed
from qunflow.errors import BadInput, ChannelUnavailable

_TEXT_CHARS, _TEXT_BYTES = 2_000, 4_000
_MOST_OF = {"image": 9, "video": 1, "link": 1}
_LINK_TITLE_BYTES = 64
_DONE = 3
# SDKs disagree whether a page of moments holds 20 or 100.
_PAGE = 20


@dataclass(frozen=True, slots=True)
class MomentJob:
    """How far the making is; ``moment_id`` is empty until it is done."""

    moment_id: str
    unknown_members: tuple[str, ...]
    unknown_tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reactions:
    """How many people commented on a member's moment, and how many liked it."""

    comments: int
    likes: int


class Moments:
    """The calls about moments; each raises the typed errors of ``answers``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def add(
        self,
        text: str,
        attachments: Sequence[Mapping[str, Any]] = (),
        *,
        members: Sequence[str] = (),
        tags: Sequence[str] = (),
    ) -> str:
        """
        Begin to make a moment for some members (all of the application's without any) and for customers with tags.

        Its files come from ``Media.upload_attachment``. Returns the id of a job, good for a day.
        """
        _check(text, attachments)
        asked: Body = {"text": {"content": text}} if text else {}
        if attachments:
            asked["attachments"] = [dict(one) for one in attachments]
        visible: Body = {"sender_list": {"user_list": list(members)}} if members else {}
        if tags:
            visible["external_contact_list"] = {"tag_list": list(tags)}
        path = f"{EC}/add_moment_task"
        body = self._calls.call(path, "write", {**asked, "visible_range": visible} if visible else asked)
        return needed(body, "jobid", path)

    def job(self, jobid: str) -> MomentJob:
        """How far a job is. Raises: ChannelRefused when it ended without a moment, e.g. 81013 nobody to publish it."""
        path = f"{EC}/get_moment_task_result"
        body = self._calls.call(path, "read", query={"jobid": jobid})
        result = body.get("result")
        if body.get("status") != _DONE or not isinstance(result, dict):
            return MomentJob("", (), ())
        if code := code_of(result):
            raise refusal(code, path, "read")
        if not result.get("moment_id"):
            raise ChannelUnavailable(f"WeCom gave a finished moment without id in {path}", TRY_LATER, 5.0)
        members = _inner(result, "invalid_sender_list", "user_list", path)
        tags = _inner(result, "invalid_external_contact_list", "tag_list", path)
        return MomentJob(str(result["moment_id"]), members, tags)

    def cancel(self, moment_id: str) -> None:
        """Stop a moment for those who have not published it."""
        self._calls.call(f"{EC}/cancel_moment_task", "write", {"moment_id": moment_id})

    def all(self, start: datetime, end: datetime) -> list[Body]:
        """Moments of at most 30 days as WeCom describes them; a member's own ones have a ``creator``."""
        window = {"start_time": seconds(start), "end_time": seconds(end), "limit": _PAGE}
        return self._calls.pages(f"{EC}/get_moment_list", "moment_list", window)

    def published(self, moment_id: str) -> dict[str, bool]:
        """Whether each member has published a corp's moment."""
        asked = {"moment_id": moment_id, "limit": 1_000}
        found = self._calls.pages(f"{EC}/get_moment_task", "task_list", asked)
        return {str(one.get("userid")): one.get("publish_status") == 1 for one in found}

    def chosen(self, moment_id: str, userid: str) -> list[str]:
        """The customers who were to see a member's moment."""
        asked = {"moment_id": moment_id, "userid": userid, "limit": 1_000}
        return _customers(self._calls.pages(f"{EC}/get_moment_customer_list", "customer_list", asked))

    def reached(self, moment_id: str, userid: str) -> list[str]:
        """The customers who could see a member's moment. Raises: ChannelRefused 41062 before it is published."""
        asked = {"moment_id": moment_id, "userid": userid, "limit": 5_000}
        return _customers(self._calls.pages(f"{EC}/get_moment_send_result", "customer_list", asked))

    def reactions(self, moment_id: str, userid: str) -> Reactions:
        """How a member's moment was taken; what people wrote is not told."""
        path = f"{EC}/get_moment_comments"
        body = self._calls.call(path, "read", {"moment_id": moment_id, "userid": userid})
        return Reactions(len(listed(body, "comment_list", path)), len(listed(body, "like_list", path)))


def _check(text: str, attachments: Sequence[Mapping[str, Any]]) -> None:
    if not text and not attachments:
        raise BadInput("a moment has neither text nor attachment", "write a text")
    if text:
        limits.require_bytes("text of a moment", text, _TEXT_BYTES)
        limits.require_chars("text of a moment", text, _TEXT_CHARS)
    kinds = {str(one.get("msgtype")) for one in attachments}
    if len(kinds) > 1 or not kinds <= set(_MOST_OF):
        raise BadInput("a moment has pictures, or a film, or a link", "do not mix them")
    for kind in kinds:
        limits.require_some(f"attachments of type {kind}", attachments, _MOST_OF[kind])
    for one in attachments:
        found = one.get(str(one["msgtype"]))
        if not isinstance(found, Mapping) or not found.get("media_id"):
            raise BadInput("an attachment of a moment lacks its media_id", "upload it with upload_attachment")
        if one["msgtype"] == "link" and len(str(found.get("title", "")).encode()) > _LINK_TITLE_BYTES:
            raise BadInput("the title of a moment's link is too long", f"keep it within {_LINK_TITLE_BYTES} bytes")


def _inner(result: Body, outer: str, key: str, path: str) -> tuple[str, ...]:
    value = result.get(outer)
    return tuple(str(one) for one in listed(value, key, path)) if isinstance(value, dict) else ()


def _customers(found: list[Body]) -> list[str]:
    return [str(one.get("external_userid")) for one in found]
