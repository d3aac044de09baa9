"""
Corp tags and who wears them (wecom-api §5.2).

A deleted tag is gone from every list and every customer; asked for by its id it is shown as deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from qunflow.sandbox import ids
from qunflow.sandbox.assets import Tag, TagGroup
from qunflow.sandbox.fields import Field, checked
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Refusal

T = TypeVar("T", Tag, TagGroup)

_LONGEST_NAME = 30
_HIGHEST_ORDER = 2**32 - 1


def get_list(call: Call) -> Result:
    """All living tags by group, or those of the given ids, deleted ones included; higher ``order`` comes first."""
    platform, body = call.platform, call.body
    if not body["tag_id"] and not body["group_id"]:
        living = [group for group in platform.tag_groups if not group.deleted_at]
        return {"tag_group": [_shown(group, _living(platform, group)) for group in _sorted(living)]}, None
    wanted = {group_id: _of_group(platform, group_id) for group_id in body["group_id"]}
    for tag_id in body["tag_id"]:
        tag = _tag(platform, tag_id)
        wanted.setdefault(tag.group_id, [])
        if tag not in wanted[tag.group_id]:
            wanted[tag.group_id].append(tag)
    groups = _sorted([_group(platform, group_id) for group_id in wanted])
    return {"tag_group": [_shown(group, wanted[group.group_id]) for group in groups]}, None


def add(call: Call) -> Result:
    """Add tags to a group named by id or by name; a new name makes the group, a name already there adds nothing."""
    platform, body = call.platform, call.body
    wanted = _wanted(body["tag"])
    group, is_new = _target(platform, body)
    here = {} if is_new else {tag.name: tag for tag in _living(platform, group)}
    missing = [name for name in wanted if name not in here]
    if sum(1 for tag in platform.tags if not tag.deleted_at) + len(missing) > platform.limits.corp_tags:
        raise Refusal(40126)
    if is_new:
        platform.tag_groups.put(group)
    for name in missing:
        new = Tag(_fresh(platform), group.group_id, name, platform.now(), wanted[name])
        here[name] = platform.tags.put(new)
    made = [here[name] for name in wanted]
    return {"tag_group": _shown(group, made)}, Effect(targets=tuple(tag.tag_id for tag in made), msgid=group.group_id)


def edit(call: Call) -> Result:
    """Rename or reorder a tag or a group; a name that is taken beside it is 40071."""
    platform, body = call.platform, call.body
    tag, group = platform.tags.get(body["id"]), platform.tag_groups.get(body["id"])
    order = body["order"]
    if tag is not None and not tag.deleted_at:
        siblings = _living(platform, platform.tag_groups[tag.group_id])
        name = _new_name(body["name"], tag.name, [one.name for one in siblings])
        platform.tags.put(replace(tag, name=name, order=tag.order if order is None else order))
    elif group is not None and not group.deleted_at:
        name = _new_name(body["name"], group.name, [one.name for one in platform.tag_groups if not one.deleted_at])
        platform.tag_groups.put(replace(group, name=name, order=group.order if order is None else order))
    else:
        raise Refusal(40068)
    return {}, Effect(targets=(body["id"],))


def delete(call: Call) -> Result:
    """Delete tags and whole groups; a group goes with its last tag, customers lose what is deleted."""
    platform, body = call.platform, call.body
    if not body["tag_id"] and not body["group_id"]:
        raise Refusal(40063, "tag_id and group_id are both empty")
    tags = [_alive(_tag(platform, tag_id)) for tag_id in body["tag_id"]]
    groups = [_alive(_group(platform, group_id)) for group_id in body["group_id"]]
    gone = {tag.tag_id: tag for tag in [*tags, *(t for group in groups for t in _living(platform, group))]}
    for tag in gone.values():
        platform.tags.put(replace(tag, deleted_at=platform.now()))
    for group_id in dict.fromkeys([tag.group_id for tag in gone.values()]):
        _drop_if_empty(platform, group_id)
    _take_off(platform, set(gone))
    return {}, Effect(targets=(*body["tag_id"], *body["group_id"]))


def mark(call: Call) -> Result:
    """Put tags on one's customer and take tags off."""
    platform, body = call.platform, call.body
    if not body["add_tag"] and not body["remove_tag"]:
        raise Refusal(40063, "add_tag and remove_tag are both empty")
    if body["userid"] not in platform.staff:
        raise Refusal(60111)
    if body["external_userid"] not in platform.customers:
        raise Refusal(40096)
    if not platform.is_friend(body["userid"], body["external_userid"]):
        raise Refusal(84061)
    for tag_id in [*body["add_tag"], *body["remove_tag"]]:
        _alive(_tag(platform, tag_id))
    follow = platform.follows[f"{body['userid']}/{body['external_userid']}"]
    worn = [tag_id for tag_id in dict.fromkeys([*follow.tags, *body["add_tag"]]) if tag_id not in body["remove_tag"]]
    platform.follows.put(replace(follow, tags=worn))
    return {}, Effect(body["userid"], (body["external_userid"],))


def on_customer(platform: Platform, tag_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Tags as a customer's detail shows them."""
    tags = [platform.tags[tag_id] for tag_id in tag_ids]
    return [
        {
            "group_name": platform.tag_groups[tag.group_id].name,
            "tag_name": tag.name,
            "tag_id": tag.tag_id,
            "type": 1,
        }
        for tag in tags
    ]


def is_living(platform: Platform, tag_id: object) -> bool:
    """Whether an id is a corp tag that was not deleted."""
    tag = platform.tags.get(tag_id) if isinstance(tag_id, str) else None
    return tag is not None and not tag.deleted_at


def _wanted(given: Sequence[Any]) -> dict[str, int]:
    """Names and orders of a request's tags; the first of several same names counts."""
    wanted: dict[str, int] = {}
    for one in given:
        if not isinstance(one, dict):
            raise Refusal(40058, "tag must be a list of objects")
        found = checked(_TAG, one)
        wanted.setdefault(found["name"], found["order"])
    return wanted


def _target(platform: Platform, body: dict[str, Any]) -> tuple[TagGroup, bool]:
    if body["group_id"]:
        return _alive(_group(platform, body["group_id"])), False
    if not body["group_name"]:
        raise Refusal(40063, "group_id and group_name are both empty")
    for group in platform.tag_groups:
        if group.name == body["group_name"] and not group.deleted_at:
            return group, False
    return TagGroup(_fresh(platform), body["group_name"], platform.now(), body["order"]), True


def _new_name(name: str, old: str, taken: list[str]) -> str:
    if name and name != old and name in taken:
        raise Refusal(40071)
    return name or old


def _drop_if_empty(platform: Platform, group_id: str) -> None:
    group = platform.tag_groups[group_id]
    if not _living(platform, group):
        platform.tag_groups.put(replace(group, deleted_at=platform.now()))


def _take_off(platform: Platform, gone: set[str]) -> None:
    for follow in platform.follows:
        if not gone.isdisjoint(follow.tags):
            platform.follows.put(replace(follow, tags=[tag_id for tag_id in follow.tags if tag_id not in gone]))


def _fresh(platform: Platform) -> str:
    return ids.tag_id(platform.dice, platform.number("tag"))


def _of_group(platform: Platform, group_id: object) -> list[Tag]:
    group = _group(platform, group_id)
    return platform.tags.where("group", group_id) if group.deleted_at else _living(platform, group)


def _living(platform: Platform, group: TagGroup) -> list[Tag]:
    return [tag for tag in platform.tags.where("group", group.group_id) if not tag.deleted_at]


def _tag(platform: Platform, tag_id: object) -> Tag:
    tag = platform.tags.get(tag_id) if isinstance(tag_id, str) else None
    if tag is None:
        raise Refusal(40068)
    return tag


def _group(platform: Platform, group_id: object) -> TagGroup:
    group = platform.tag_groups.get(group_id) if isinstance(group_id, str) else None
    if group is None:
        raise Refusal(40068)
    return group


def _alive(one: T) -> T:
    if one.deleted_at:
        raise Refusal(40068)
    return one


def _sorted(items: list[T]) -> list[T]:
    return sorted(items, key=lambda item: -item.order)


def _shown(group: TagGroup, tags: list[Tag]) -> dict[str, Any]:
    shown = {
        "group_id": group.group_id,
        "group_name": group.name,
        "create_time": group.create_time,
        "order": group.order,
        "tag": [_shown_tag(tag) for tag in _sorted(tags)],
    }
    return _marked(shown, group)


def _shown_tag(tag: Tag) -> dict[str, Any]:
    shown = {"id": tag.tag_id, "name": tag.name, "create_time": tag.create_time, "order": tag.order}
    return _marked(shown, tag)


def _marked(shown: dict[str, Any], one: Tag | TagGroup) -> dict[str, Any]:
    return {**shown, "deleted": True} if one.deleted_at else shown


_ORDER = Field("order", "number", low=0, high=_HIGHEST_ORDER)
_TAG = (Field("name", required=True, missing=40072, max_chars=_LONGEST_NAME, over=40072), _ORDER)
_LISTS = (Field("tag_id", "list", bad=40068, items="text"), Field("group_id", "list", bad=40068, items="text"))

ENDPOINTS = (
    Endpoint("externalcontact/get_corp_tag_list", get_list, _LISTS),
    Endpoint(
        "externalcontact/add_corp_tag",
        add,
        (
            Field("group_id"),
            Field("group_name", max_chars=_LONGEST_NAME, over=40072),
            _ORDER,
            Field("tag", "list", required=True),
            Field("agentid", "number"),
        ),
    ),
    Endpoint(
        "externalcontact/edit_corp_tag",
        edit,
        (
            Field("id", required=True, missing=40068),
            Field("name", max_chars=_LONGEST_NAME, over=40072),
            replace(_ORDER, nullable=True),
        ),
    ),
    Endpoint("externalcontact/del_corp_tag", delete, _LISTS),
    Endpoint(
        "externalcontact/mark_tag",
        mark,
        (
            Field("userid", required=True, missing=41009),
            Field("external_userid", required=True, missing=41035),
            Field("add_tag", "list", bad=40068, items="text"),
            Field("remove_tag", "list", bad=40068, items="text"),
        ),
    ),
)
