"""
Moments (wecom-api §7.4): a job makes one, the members publish it by hand, reports tell who saw it and reacted.

Publishing and reacting are clients' acts and live in `publishing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from qunflow.sandbox import ids, visibility
from qunflow.sandbox.areas import members, parts, tags
from qunflow.sandbox.assets import Moment, MomentJob, MomentShare
from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.options import App
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result, page
from qunflow.sandbox.wire import PHRASES, Refusal

_DAY_S = 86_400
_LONGEST_SPAN_S = 30 * _DAY_S
_STARTED, _RUNNING, _DONE = 1, 2, 3
_CORP, _PERSONAL, _BOTH = 0, 1, 2
_PART, _PUBLIC = 0, 1
_MOST_CHARS, _MOST_BYTES = 2_000, 4_000
_MOST_OF = {"image": 9, "video": 1, "link": 1}
_NOBODY = 81013
_MEDIA = (Field("media_id", required=True, missing=40007, bad=40007),)
_LINK = (
    Field("title", max_bytes=64),
    Field("url", required=True, max_bytes=2_048),
    Field("media_id", required=True, missing=40007, bad=40007),
)


def add_task(call: Call) -> Result:
    """Begin to make a corp moment; who is wrong among senders and tags stands in the job's result."""
    platform, body = call.platform, call.body
    text, attachments = _content(platform, body)
    wanted = _Audience(platform, call.app, body["visible_range"])
    since = platform.now() - platform.limits.moment_job_s
    if sum(1 for job in platform.moment_jobs if job.created_at > since) >= platform.limits.moment_jobs:
        raise Refusal(41078)
    result = wanted.problem() or _made(platform, wanted, text, attachments)
    jobid = ids.job_id(platform.dice, platform.number("job"))
    platform.moment_jobs.put(MomentJob(jobid, platform.now(), {**result, **wanted.invalid()}))
    return {"jobid": jobid}, Effect(targets=tuple(wanted.senders), msgid=jobid)


def get_task_result(call: Call) -> Result:
    """How far a job is; it is known for a day, and its result means something at 3 only."""
    platform = call.platform
    job = platform.moment_jobs.get(call.body["jobid"])
    if job is None or platform.now() >= job.created_at + _DAY_S:
        raise Refusal(40058, "jobid")
    age = platform.now() - job.created_at
    if age >= platform.limits.moment_job_s:
        return {"status": _DONE, "type": "add_moment_task", "result": job.result}, None
    return {"status": _RUNNING if age else _STARTED, "type": "add_moment_task", "result": {}}, None


def cancel_task(call: Call) -> Result:
    """Stop a corp moment: who published it has published it, the others cannot any more."""
    moment = _corp_moment(call)
    call.platform.moments.put(replace(moment, cancelled_at=moment.cancelled_at or call.platform.now()))
    return {}, Effect(msgid=moment.moment_id)


def list_moments(call: Call) -> Result:
    """Moments of at most 30 days, newest first; only a member's own have a ``creator``."""
    platform, body = call.platform, call.body
    if not 0 <= body["end_time"] - body["start_time"] <= _LONGEST_SPAN_S:
        raise Refusal(40058, "start_time and end_time are over 30 days apart")
    largest = platform.limits.moment_page
    limit = body["limit"] or largest
    if limit > largest:
        raise Refusal(40058, f"limit is over {largest}")
    span = range(body["start_time"], min(body["end_time"], platform.now()) + 1)
    found = [moment for moment in platform.moments if moment.create_time in span and _is_wanted(call.app, moment, body)]
    rows, cursor = page(found[::-1], body["cursor"], limit)
    return {"moment_list": [_shown(moment) for moment in rows], "next_cursor": cursor}, None


def get_task(call: Call) -> Result:
    """Who has published a corp moment."""
    shares = call.platform.moment_shares.where("moment", _corp_moment(call).moment_id)
    rows = [{"userid": share.userid, "publish_status": int(share.published_at > 0)} for share in shares]
    return _paged(call, "task_list", rows)


def get_customer_list(call: Call) -> Result:
    """Who was chosen to see a member's moment."""
    share = _published(call)
    rows = [{"userid": share.userid, "external_userid": who} for who in share.visible]
    return _paged(call, "customer_list", rows)


def get_send_result(call: Call) -> Result:
    """Who could see a member's moment when it was published: the chosen ones who still were friends."""
    return _paged(call, "customer_list", [{"external_userid": who} for who in _published(call).reached])


def get_comments(call: Call) -> Result:
    """Who commented and who liked, without words."""
    share = _published(call)
    comments = [_reaction(call.platform, who, at) for who, at in share.comments]
    likes = [_reaction(call.platform, who, at) for who, at in share.likes]
    return {"comment_list": comments, "like_list": likes}, None


class _Audience:
    """Who is asked to publish and who shall see it, sorted into known and unknown."""

    def __init__(self, platform: Platform, app: App, given: dict[str, Any]) -> None:
        self._platform = platform
        senders, customers = given.get("sender_list") or {}, given.get("external_contact_list") or {}
        if not isinstance(senders, dict) or not isinstance(customers, dict):
            raise Refusal(40058, "visible_range")
        named = checked(_SENDERS, senders)
        self.tag_ids = checked(_TAGS, customers)["tag_list"]
        everybody = [member.userid for member in platform.staff if visibility.sees(app, member.userid)]
        users, departments = named["user_list"], named["department_list"]
        self._wrong_users = [userid for userid in users if userid not in everybody]
        known = (members.ROOT, *members.DEPARTMENTS)
        self._wrong_departments = [number for number in departments if number not in known]
        inside = [
            userid for number in departments if number in known for userid in members.members_of(platform, number)
        ]
        chosen = [*users, *inside] if users or departments else everybody
        self.senders = list(dict.fromkeys(userid for userid in chosen if userid in everybody))
        self._wrong_tags = [tag_id for tag_id in self.tag_ids if not tags.is_living(platform, tag_id)]

    def problem(self) -> dict[str, Any]:
        """The result of a job that reaches nobody; empty for one that does."""
        no_tags = bool(self.tag_ids) and len(self._wrong_tags) == len(self.tag_ids)
        return {"errcode": _NOBODY, "errmsg": PHRASES[_NOBODY]} if no_tags or not self.senders else {}

    def invalid(self) -> dict[str, Any]:
        """Who was named and is not there."""
        return {
            "invalid_sender_list": {"user_list": self._wrong_users, "department_list": self._wrong_departments},
            "invalid_external_contact_list": {"tag_list": self._wrong_tags},
        }

    def visible_to(self, userid: str) -> list[str]:
        """A member's customers who shall see it: with any of the tags, all without tags."""
        follows = [follow for follow in self._platform.follows.where("member", userid) if not follow.ended_at]
        wanted = set(self.tag_ids)
        return [follow.external_userid for follow in follows if not wanted or not wanted.isdisjoint(follow.tags)]


def _made(platform: Platform, wanted: _Audience, text: str, attachments: list[dict[str, Any]]) -> dict[str, Any]:
    """Make the moment, in being when the job is done."""
    moment_id = ids.moment_id(platform.dice, platform.number("moment"))
    ready = platform.now() + platform.limits.moment_job_s
    visible_type = _PART if wanted.tag_ids else _PUBLIC
    platform.moments.put(Moment(moment_id, ready, "", visible_type, text, attachments))
    for userid in wanted.senders:
        platform.moment_shares.put(MomentShare(moment_id, userid, wanted.visible_to(userid)))
    return {"errcode": 0, "errmsg": "ok", "moment_id": moment_id}


def _content(platform: Platform, body: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    text = body["text"].get("content") or ""
    if not isinstance(text, str) or len(text) > _MOST_CHARS or len(text.encode()) > _MOST_BYTES:
        raise Refusal(40058, "invalid text size")
    attachments = body["attachments"]
    if not text and not attachments:
        raise Refusal(41089)
    kinds: set[Any] = {one.get("msgtype") if isinstance(one, dict) else None for one in attachments}
    if len(kinds) > 1 or not kinds <= set(_MOST_OF):
        raise Refusal(41065, "invalid attachments msgtype")
    for kind in kinds:
        if len(attachments) > _MOST_OF[kind]:
            raise Refusal(41064, "invalid attachments size")
    for attachment in attachments:
        _check_attachment(platform, attachment["msgtype"], attachment.get(attachment["msgtype"]))
    return text, attachments


def _check_attachment(platform: Platform, kind: str, part: Any) -> None:
    if not isinstance(part, dict):
        raise Refusal(41065, kind)
    found = checked(_LINK if kind == "link" else _MEDIA, part)
    if kind == "link" and "://" not in found["url"]:
        raise Refusal(45034)
    parts.require_attachment(platform, found["media_id"], "moments", "video" if kind == "video" else "image")


def _moment(call: Call) -> Moment:
    platform = call.platform
    moment = platform.moments.get(call.body["moment_id"])
    if moment is None or moment.create_time > platform.now():
        raise Refusal(41060)
    if not moment.creator and platform.now() < moment.create_time + platform.limits.dispatch_s:
        raise Refusal(41079)
    return moment


def _corp_moment(call: Call) -> Moment:
    moment = _moment(call)
    if moment.creator:
        raise Refusal(41067)
    return moment


def _published(call: Call) -> MomentShare:
    moment, userid = _moment(call), call.body["userid"]
    share = call.platform.moment_shares.get(f"{moment.moment_id}/{userid}")
    if share is None:
        raise Refusal(41061)
    if not share.published_at:
        raise Refusal(41062)
    return share


def _is_wanted(app: App, moment: Moment, body: dict[str, Any]) -> bool:
    if body["creator"] and moment.creator != body["creator"]:
        return False
    if moment.creator and not visibility.sees(app, moment.creator):
        return False
    return body["filter_type"] in (_BOTH, _PERSONAL if moment.creator else _CORP)


def _reaction(platform: Platform, who: str, at: int) -> dict[str, Any]:
    return {"userid" if who in platform.staff else "external_userid": who, "create_time": at}


def _paged(call: Call, name: str, rows: Sequence[dict[str, Any]]) -> Result:
    found, cursor = page(rows, call.body["cursor"], call.body["limit"])
    return {name: found, "next_cursor": cursor}, None


def _shown(moment: Moment) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "moment_id": moment.moment_id,
        "create_time": moment.create_time,
        "create_type": _PERSONAL if moment.creator else _CORP,
        "visible_type": moment.visible_type,
    }
    if moment.creator:
        shown["creator"] = moment.creator
    if moment.text:
        shown["text"] = {"content": moment.text}
    images = [one["image"] for one in moment.attachments if one["msgtype"] == "image"]
    if images:
        shown["image"] = images
    for one in moment.attachments:
        if one["msgtype"] != "image":
            shown[one["msgtype"]] = one[one["msgtype"]]
    return shown


_SENDERS = (
    Field("user_list", "list", max_items=100_000, items="text"),
    Field("department_list", "list", items="number"),
)
_TAGS = (Field("tag_list", "list", items="text"),)
_ID = Field("moment_id", required=True, missing=41059, bad=41060)
_USER = Field("userid", required=True, missing=41009)
_CURSOR = Field("cursor")
_PAGE = (_CURSOR, Field("limit", "number", default=500, low=1, high=1_000))
_LONG_PAGE = (_CURSOR, Field("limit", "number", default=3_000, low=1, high=5_000))

ENDPOINTS = (
    Endpoint(
        "externalcontact/add_moment_task",
        add_task,
        (Field("text", "object"), Field("attachments", "list"), Field("visible_range", "object")),
    ),
    Endpoint("externalcontact/get_moment_task_result", get_task_result, (Field("jobid", required=True),), query=True),
    Endpoint("externalcontact/cancel_moment_task", cancel_task, (_ID,)),
    Endpoint(
        "externalcontact/get_moment_list",
        list_moments,
        (
            Field("start_time", "number", required=True),
            Field("end_time", "number", required=True),
            Field("creator"),
            Field("filter_type", "number", default=_BOTH, choices=(_CORP, _PERSONAL, _BOTH)),
            _CURSOR,
            Field("limit", "number"),
        ),
    ),
    Endpoint("externalcontact/get_moment_task", get_task, (_ID, *_PAGE)),
    Endpoint("externalcontact/get_moment_customer_list", get_customer_list, (_ID, _USER, *_PAGE)),
    Endpoint("externalcontact/get_moment_send_result", get_send_result, (_ID, _USER, *_LONG_PAGE)),
    Endpoint("externalcontact/get_moment_comments", get_comments, (_ID, _USER)),
)
