"""
Corp tags: what there are, and who wears them.

Source: WeCom developer centre, customer tags (wecom-api §5.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import TRY_LATER, Body
from qunflow.connectors.wecom.calls import EC, Calls, carried_out, objects, part
from qunflow.connectors.wecom.session import listed
from qunflow.errors import BadInput, ChannelUnavailable

_NAME_CHARS = 30


@dataclass(frozen=True, slots=True)
class TagGroup:
    """A group of corp tags with the ids of its tags by name, deleted ones left out."""

    group_id: str
    name: str
    tags: dict[str, str]


class Tags:
    """The calls about corp tags; each raises the typed errors of ``answers``."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def all(self) -> list[TagGroup]:
        """Every group with its tags."""
        path = f"{EC}/get_corp_tag_list"
        body = self._calls.call(path, "read", {})
        return [_group(one, path) for one in objects(listed(body, "tag_group", path), path) if not one.get("deleted")]

    def add(self, group: str, names: Sequence[str]) -> TagGroup:
        """Add tags to the group of this name, which is made when there is none; the ids of all names given."""
        limits.require_chars("name of a tag group", group, _NAME_CHARS)
        if not group or not names or not all(names):
            raise BadInput("a tag group and its tags need names", "write them")
        for name in names:
            limits.require_chars("name of a tag", name, _NAME_CHARS)
        path = f"{EC}/add_corp_tag"
        asked = {"group_name": group, "tag": [{"name": name} for name in names]}
        body = self._calls.call(path, "write", asked)
        with carried_out():
            return _group(part(body, "tag_group", path), path)

    def rename(self, tag_or_group_id: str, name: str) -> None:
        """Rename a tag or a group. Raises: ChannelRefused 40071 when the name is taken, 40068 for an unknown id."""
        limits.require_chars("name of a tag", name, _NAME_CHARS)
        self._calls.call(f"{EC}/edit_corp_tag", "write", {"id": tag_or_group_id, "name": name})

    def delete(self, tag_ids: Sequence[str] = (), group_ids: Sequence[str] = ()) -> None:
        """Delete tags and whole groups, also from everybody who wears them."""
        if not tag_ids and not group_ids:
            raise BadInput("no tag is named to be deleted", "name tags or groups")
        self._calls.call(f"{EC}/del_corp_tag", "write", {"tag_id": list(tag_ids), "group_id": list(group_ids)})

    def mark(self, userid: str, external_userid: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Put tags on a member's customer and take tags off. Raises: ChannelRefused 84061 when it is not theirs."""
        if not add and not remove:
            raise BadInput("no tag is named to be put on or taken off", "name at least one")
        asked = {"userid": userid, "external_userid": external_userid}
        self._calls.call(f"{EC}/mark_tag", "write", {**asked, "add_tag": list(add), "remove_tag": list(remove)})


def _group(one: Body, path: str) -> TagGroup:
    tags = objects(listed(one, "tag", path), path)
    if not isinstance(one.get("group_id"), str):
        raise ChannelUnavailable(f"WeCom gave a tag group without id in {path}", TRY_LATER, 5.0)
    living = {str(tag.get("name")): str(tag.get("id")) for tag in tags if not tag.get("deleted")}
    return TagGroup(one["group_id"], str(one.get("group_name") or ""), living)
