"""
What people do with tags and notes by hand: the admin keeps tags in the console, a member notes something of a customer.

The rules are those of the calls; unlike calls these raise callbacks (wecom-api §9.5). Used by ``/_sandbox/act``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qunflow.sandbox.areas import contacts, tags
from qunflow.sandbox.clients import CannotAct
from qunflow.sandbox.fields import checked
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.routing import Call, Endpoint
from qunflow.sandbox.wire import Refusal
from qunflow.sandbox.world.community import Community

Body = dict[str, Any]

_CALLS: Mapping[str, Endpoint] = {
    endpoint.path.removeprefix("externalcontact/"): endpoint for endpoint in (*tags.ENDPOINTS, *contacts.ENDPOINTS)
}
_SILENT = {"remark_mobiles"}


def add_tags(platform: Platform, body: Body) -> dict[str, Any]:
    """The admin adds tags; the group as the call would answer it."""
    before = {one.group_id for one in platform.tag_groups} | {one.tag_id for one in platform.tags}
    group: dict[str, Any] = _by_hand(platform, "add_corp_tag", body)["tag_group"]
    if group["group_id"] not in before:
        _tell(platform, "create", group["group_id"])
    for tag in group["tag"]:
        if tag["id"] not in before:
            _tell(platform, "create", tag["id"])
    return group


def edit_tag(platform: Platform, body: Body) -> None:
    """The admin renames or reorders a tag or a group."""
    _by_hand(platform, "edit_corp_tag", body)
    _tell(platform, "update", body["id"])


def delete_tags(platform: Platform, body: Body) -> None:
    """The admin deletes tags or groups; each thing that is gone afterwards is told."""
    living = [one.tag_id for one in platform.tags if not one.deleted_at]
    living += [one.group_id for one in platform.tag_groups if not one.deleted_at]
    _by_hand(platform, "del_corp_tag", body)
    for one in living:
        if not tags.is_living(platform, one) and not _is_living_group(platform, one):
            _tell(platform, "delete", one)


def note(platform: Platform, body: Body) -> None:
    """A member changes a remark or the tags of a customer; a change of mobiles alone is told to nobody."""
    who = {"userid": body["userid"], "external_userid": body["external_userid"]}
    notes = {name: value for name, value in body.items() if name in contacts.NOTES}
    marks = {name: value for name, value in body.items() if name in ("add_tag", "remove_tag")}
    if notes:
        _by_hand(platform, "remark", {**who, **notes})
    if marks:
        _by_hand(platform, "mark_tag", {**who, **marks})
    if marks or set(notes) - _SILENT:
        state = platform.follows[f"{body['userid']}/{body['external_userid']}"].state
        told = {"UserID": body["userid"], "ExternalUserID": body["external_userid"], "State": state}
        platform.tell("change_external_contact", "edit_external_contact", **told)


def _by_hand(platform: Platform, name: str, body: Body) -> dict[str, Any]:
    """Do what a call does without being one."""
    endpoint = _CALLS[name]
    try:
        answer, _ = endpoint.handler(Call(platform, endpoint.path, checked(endpoint.fields, body)))
    except Refusal as refusal:
        raise CannotAct(f"{refusal.code} {refusal.note}") from refusal
    return dict(answer) if isinstance(answer, dict) else {}


def _is_living_group(platform: Platform, group_id: str) -> bool:
    group = platform.tag_groups.get(group_id)
    return group is not None and not group.deleted_at


def _tell(platform: Platform, change: str, one: str) -> None:
    kind = "tag" if one in platform.tags else "tag_group"
    platform.tell("change_external_tag", change, Id=one, TagType=kind)


async def _add_tags(community: Community, body: Body) -> dict[str, Any]:
    return {"tag_group": add_tags(community.platform, body)}


async def _edit_tag(community: Community, body: Body) -> dict[str, Any]:
    edit_tag(community.platform, body)
    return {}


async def _delete_tags(community: Community, body: Body) -> dict[str, Any]:
    delete_tags(community.platform, body)
    return {}


async def _note(community: Community, body: Body) -> dict[str, Any]:
    note(community.platform, body)
    return {}


ACTS = {"add_tags": _add_tags, "edit_tag": _edit_tag, "delete_tags": _delete_tags, "note_customer": _note}
