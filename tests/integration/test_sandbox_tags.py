"""Corp tags over real HTTP: made by group, found by id, put on customers, deleted with all that hangs on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qunflow.sandbox.options import Limits
from tests.integration.sandbox_caller import HELPER, OWNER, Caller, calling, hearing


@pytest.fixture
def sandbox() -> Iterator[Caller]:
    """A sandbox with the documented limits."""
    with calling() as caller:
        yield caller


def add(sandbox: Caller, group: str, *names: str) -> dict[str, Any]:
    """A tag group as `add_corp_tag` answers it."""
    answer = sandbox.call("add_corp_tag", group_name=group, tag=[{"name": name} for name in names])
    assert answer["errcode"] == 0, answer
    found: dict[str, Any] = answer["tag_group"]
    return found


def groups(sandbox: Caller, **asked: Any) -> list[dict[str, Any]]:
    """The tag groups of a list."""
    found: list[dict[str, Any]] = sandbox.call("get_corp_tag_list", **asked)["tag_group"]
    return found


def names(group: dict[str, Any]) -> list[str]:
    """The names in a group, in their order."""
    return [tag["name"] for tag in group["tag"]]


def tags_of(sandbox: Caller, who: str) -> list[dict[str, Any]]:
    """The tags on the helper's customer."""
    found: list[dict[str, Any]] = sandbox.ask("get", external_userid=who)["follow_user"][0]["tags"]
    return found


@pytest.mark.covers("externalcontact/add_corp_tag", "success")
@pytest.mark.covers("externalcontact/add_corp_tag", "read_back")
@pytest.mark.covers("externalcontact/get_corp_tag_list", "success")
@pytest.mark.covers("externalcontact/get_corp_tag_list", "read_back")
def test_tags_add_corp_tag_succeeds_and_reads_back_in_order(sandbox: Caller) -> None:
    """Higher orders come first among groups and among tags; the list shows exactly what the answer said."""
    low = add(sandbox, "来源", "海报A")
    wanted = [{"name": "一般", "order": 1}, {"name": "常来", "order": 2**32 - 1}, {"name": "没来"}]
    high = sandbox.call("add_corp_tag", group_name="热度", order=9, tag=wanted)["tag_group"]
    assert (high["group_name"], high["order"], names(high)) == ("热度", 9, ["常来", "一般", "没来"])
    assert all(set(tag) == {"id", "name", "create_time", "order"} for tag in high["tag"])
    assert groups(sandbox) == [high, low]


@pytest.mark.parametrize("by", ["name", "id"])
def test_tags_add_corp_tag_extends_a_group_that_is_there(sandbox: Caller, by: str) -> None:
    """By name or by id the group is the same; with an id, its name and order in the request are ignored."""
    old = add(sandbox, "来源", "海报A")
    where = {"group_name": "来源"} if by == "name" else {"group_id": old["group_id"], "group_name": "别名", "order": 7}
    added = sandbox.call("add_corp_tag", **where, tag=[{"name": "海报B"}])["tag_group"]
    assert (added["group_id"], added["group_name"], added["order"]) == (old["group_id"], "来源", 0)
    (group,) = groups(sandbox)
    assert names(group) == ["海报A", "海报B"]


def test_tags_add_corp_tag_collapses_same_names(sandbox: Caller) -> None:
    """The same name twice in a request or already in the group is one tag; in another group it is another."""
    first = add(sandbox, "来源", "海报A", "海报A")
    assert names(first) == ["海报A"]
    again = add(sandbox, "来源", "海报A", "门店")
    assert again["tag"][0]["id"] == first["tag"][0]["id"]
    other = add(sandbox, "地点", "海报A")
    assert other["tag"][0]["id"] != first["tag"][0]["id"]
    assert sum(len(group["tag"]) for group in groups(sandbox)) == 3


@pytest.mark.covers("externalcontact/add_corp_tag", "refusal")
def test_tags_add_corp_tag_refuses_bad_names_empty_groups_and_unknown_ones(sandbox: Caller) -> None:
    """Names have 1 to 30 characters (40072), a group needs a tag and a name, orders are 32 bits, ids must exist."""
    good = [{"name": "长" * 30}]
    assert sandbox.code("add_corp_tag", group_name="长" * 30, tag=good) == 0
    cases = [
        ({"group_name": "组", "tag": [{"name": "长" * 31}]}, 40072),
        ({"group_name": "组", "tag": [{"name": ""}]}, 40072),
        ({"group_name": "长" * 31, "tag": good}, 40072),
        ({"group_name": "组", "tag": []}, 40063),
        ({"tag": good}, 40063),
        ({"group_name": "组", "tag": ["海报A"]}, 40058),
        ({"group_name": "组", "tag": [{"name": "a", "order": 2**32}]}, 40058),
        ({"group_name": "组", "tag": [{"name": "a", "order": -1}]}, 40058),
        ({"group_id": "etNo", "tag": good}, 40068),
    ]
    for body, code in cases:
        assert sandbox.code("add_corp_tag", **body) == code, body
    assert len(groups(sandbox)) == 1


def test_tags_add_corp_tag_refuses_more_than_the_corp_may_have() -> None:
    """The quota counts living tags only, and a refused request makes nothing."""
    with calling(Limits(corp_tags=3)) as sandbox:
        made = add(sandbox, "来源", "a", "b")
        assert sandbox.code("add_corp_tag", group_name="组", tag=[{"name": "c"}, {"name": "d"}]) == 40126
        assert [group["group_name"] for group in groups(sandbox)] == ["来源"]
        assert sandbox.code("del_corp_tag", tag_id=[made["tag"][0]["id"]]) == 0
        assert sandbox.code("add_corp_tag", group_name="组", tag=[{"name": "c"}, {"name": "d"}]) == 0


@pytest.mark.covers("externalcontact/get_corp_tag_list", "refusal")
def test_tags_get_corp_tag_list_finds_by_id_and_refuses_unknown_ids(sandbox: Caller) -> None:
    """A tag's id gives its group with that tag alone, a group's id the whole group; an unknown id is 40068."""
    source, heat = add(sandbox, "来源", "海报A", "门店"), add(sandbox, "热度", "常来")
    (by_tag,) = groups(sandbox, tag_id=[source["tag"][1]["id"]])
    assert (by_tag["group_id"], names(by_tag)) == (source["group_id"], ["门店"])
    assert groups(sandbox, group_id=[heat["group_id"]]) == [heat]
    both = groups(sandbox, group_id=[heat["group_id"]], tag_id=[source["tag"][0]["id"]])
    assert {group["group_id"] for group in both} == {source["group_id"], heat["group_id"]}
    assert sandbox.code("get_corp_tag_list", tag_id=["etNo"]) == 40068
    assert sandbox.code("get_corp_tag_list", group_id=["etNo"]) == 40068


@pytest.mark.covers("externalcontact/edit_corp_tag", "success")
@pytest.mark.covers("externalcontact/edit_corp_tag", "read_back")
def test_tags_edit_corp_tag_succeeds_on_tags_and_groups(sandbox: Caller) -> None:
    """A new name and order are shown everywhere, on customers too; what is not named stays."""
    group, who = add(sandbox, "来源", "海报A", "门店"), sandbox.friend()
    poster = next(tag["id"] for tag in group["tag"] if tag["name"] == "海报A")
    store = next(tag["id"] for tag in group["tag"] if tag["name"] == "门店")
    sandbox.call("mark_tag", userid=HELPER, external_userid=who, add_tag=[poster])
    assert sandbox.code("edit_corp_tag", id=store, order=5) == 0
    assert sandbox.code("edit_corp_tag", id=poster, name="电梯海报") == 0
    assert sandbox.code("edit_corp_tag", id=group["group_id"], name="渠道", order=3) == 0
    assert sandbox.code("edit_corp_tag", id=group["group_id"], name="渠道来源") == 0
    (found,) = groups(sandbox)
    assert (found["group_name"], found["order"], names(found)) == ("渠道来源", 3, ["门店", "电梯海报"])
    (shown,) = tags_of(sandbox, who)
    assert shown == {"group_name": "渠道来源", "tag_name": "电梯海报", "tag_id": poster, "type": 1}
    assert sandbox.code("edit_corp_tag", id=store, order=0) == 0
    assert names(groups(sandbox)[0]) == ["电梯海报", "门店"]


@pytest.mark.covers("externalcontact/edit_corp_tag", "refusal")
def test_tags_edit_corp_tag_refuses_a_taken_name(sandbox: Caller) -> None:
    """A name taken in the same group, or by another group, is 40071; its own name is fine; unknown ids are 40068."""
    source, heat = add(sandbox, "来源", "海报A", "门店"), add(sandbox, "热度", "海报A")
    poster, store = source["tag"]
    assert sandbox.code("edit_corp_tag", id=store["id"], name="海报A") == 40071
    assert sandbox.code("edit_corp_tag", id=poster["id"], name="海报A") == 0
    assert sandbox.code("edit_corp_tag", id=heat["group_id"], name="来源") == 40071
    assert sandbox.code("edit_corp_tag", id=poster["id"], name="长" * 31) == 40072
    assert sandbox.code("edit_corp_tag", id="etNo", name="a") == 40068
    assert sandbox.code("edit_corp_tag", name="a") == 40068


@pytest.mark.covers("externalcontact/del_corp_tag", "success")
@pytest.mark.covers("externalcontact/del_corp_tag", "read_back")
def test_tags_del_corp_tag_succeeds_and_takes_it_off_customers(sandbox: Caller) -> None:
    """Deleted tags are gone from lists and customers; asked for by id they are marked; names are free again."""
    group, who = add(sandbox, "来源", "海报A", "门店"), sandbox.friend()
    poster, store = (tag["id"] for tag in group["tag"])
    sandbox.call("mark_tag", userid=HELPER, external_userid=who, add_tag=[poster, store])
    assert sandbox.code("del_corp_tag", tag_id=[poster]) == 0
    assert names(groups(sandbox)[0]) == ["门店"]
    assert [tag["tag_id"] for tag in tags_of(sandbox, who)] == [store]
    (marked,) = groups(sandbox, tag_id=[poster])
    assert (marked["tag"][0]["deleted"], "deleted" in marked) == (True, False)
    again = add(sandbox, "来源", "海报A")
    assert again["tag"][0]["id"] != poster


def test_tags_del_corp_tag_removes_a_group_with_its_last_tag(sandbox: Caller) -> None:
    """A whole group goes by its id, another with its last tag; the name then makes a new group."""
    source, heat = add(sandbox, "来源", "海报A"), add(sandbox, "热度", "常来", "没来")
    assert sandbox.code("del_corp_tag", tag_id=[source["tag"][0]["id"]]) == 0
    assert [group["group_name"] for group in groups(sandbox)] == ["热度"]
    assert sandbox.code("del_corp_tag", group_id=[heat["group_id"]]) == 0
    assert groups(sandbox) == []
    (gone,) = groups(sandbox, group_id=[heat["group_id"]])
    assert gone["deleted"] is True
    assert [tag["deleted"] for tag in gone["tag"]] == [True, True]
    assert add(sandbox, "来源", "海报A")["group_id"] != source["group_id"]


@pytest.mark.covers("externalcontact/del_corp_tag", "refusal")
def test_tags_del_corp_tag_refuses_nothing_unknown_and_deleted(sandbox: Caller) -> None:
    """Without any id it is 40063, an unknown or deleted one is 40068, and then nothing is deleted."""
    tag = add(sandbox, "来源", "海报A", "门店")["tag"][0]["id"]
    assert sandbox.code("del_corp_tag") == 40063
    assert sandbox.code("del_corp_tag", tag_id=[tag, "etNo"]) == 40068
    assert len(groups(sandbox)[0]["tag"]) == 2
    assert sandbox.code("del_corp_tag", tag_id=[tag]) == 0
    assert sandbox.code("del_corp_tag", tag_id=[tag]) == 40068


@pytest.mark.covers("externalcontact/mark_tag", "success")
@pytest.mark.covers("externalcontact/mark_tag", "read_back")
def test_tags_mark_tag_succeeds_for_one_follower_only(sandbox: Caller) -> None:
    """Tags are put on and taken off per follower; doing it twice changes nothing."""
    who = sandbox.friend()
    sandbox.act("add_contact", external_userid=who, userid=OWNER)
    poster, store = (tag["id"] for tag in add(sandbox, "来源", "海报A", "门店")["tag"])
    about = {"userid": HELPER, "external_userid": who}
    for _ in range(2):
        assert sandbox.code("mark_tag", **about, add_tag=[poster, store]) == 0
    helper, owner = sandbox.ask("get", external_userid=who)["follow_user"]
    assert [tag["tag_name"] for tag in helper["tags"]] == ["海报A", "门店"]
    assert owner["tags"] == []
    assert sandbox.code("mark_tag", **about, add_tag=[poster], remove_tag=[store]) == 0
    assert sandbox.code("mark_tag", **about, remove_tag=[store]) == 0
    assert [tag["tag_id"] for tag in tags_of(sandbox, who)] == [poster]
    assert sandbox.log()[-1]["path"] == "/cgi-bin/externalcontact/mark_tag"


@pytest.mark.covers("externalcontact/mark_tag", "refusal")
def test_tags_mark_tag_refuses_others_customers_and_dead_tags(sandbox: Caller) -> None:
    """84061 for a customer of somebody else, 40068 for unknown and deleted tags and for groups, and nothing changes."""
    who, group = sandbox.friend(), add(sandbox, "来源", "海报A", "门店")
    tag, dead = group["tag"][0]["id"], group["tag"][1]["id"]
    sandbox.call("del_corp_tag", tag_id=[dead])
    about = {"userid": HELPER, "external_userid": who}
    assert sandbox.code("mark_tag", userid=OWNER, external_userid=who, add_tag=[tag]) == 84061
    for bad in (dead, "etNo", group["group_id"], 7):
        assert sandbox.code("mark_tag", **about, add_tag=[tag, bad]) == 40068
    assert sandbox.code("mark_tag", **about) == 40063
    assert sandbox.code("mark_tag", userid=HELPER, add_tag=[tag]) == 41035
    assert sandbox.code("mark_tag", userid="nobody", external_userid=who, add_tag=[tag]) == 60111
    assert sandbox.code("mark_tag", userid=HELPER, external_userid="wmNobody", add_tag=[tag]) == 40096
    assert tags_of(sandbox, who) == []


def test_tags_survive_a_restart(tmp_path: Path) -> None:
    """Tags and who wears them are read back from the file."""
    db = str(tmp_path / "sandbox.db")
    with calling(db=db) as sandbox:
        who, group = sandbox.friend(), add(sandbox, "来源", "海报A", "门店")
        sandbox.call("mark_tag", userid=HELPER, external_userid=who, add_tag=[group["tag"][1]["id"]])
        sandbox.call("del_corp_tag", tag_id=[group["tag"][0]["id"]])
    with calling(db=db) as sandbox:
        assert names(groups(sandbox)[0]) == ["门店"]
        assert [tag["tag_name"] for tag in tags_of(sandbox, who)] == ["门店"]


def test_tags_changed_by_hand_are_told_and_changed_by_calls_are_not() -> None:
    """The console tells what was made, renamed and deleted, groups included; the same calls tell nothing."""
    with hearing() as (callback, heard), calling(callback=callback) as sandbox:
        who, silent = sandbox.friend(), add(sandbox, "来源", "海报A")
        sandbox.call("edit_corp_tag", id=silent["tag"][0]["id"], name="海报B")
        sandbox.call("del_corp_tag", group_id=[silent["group_id"]])
        sandbox.call("remark", userid=HELPER, external_userid=who, remark="小林")
        assert [event["Event"] for event in heard] == ["change_external_contact"]
        made = sandbox.act("add_tags", group_name="热度", tag=[{"name": "常来"}])["tag_group"]
        sandbox.act("edit_tag", id=made["tag"][0]["id"], name="老友")
        sandbox.act("delete_tags", tag_id=[made["tag"][0]["id"]])
        group, tag = made["group_id"], made["tag"][0]["id"]
        told = [(event["ChangeType"], event["TagType"], event["Id"]) for event in heard[1:]]
        assert told[:3] == [("create", "tag_group", group), ("create", "tag", tag), ("update", "tag", tag)]
        assert set(told[3:]) == {("delete", "tag", tag), ("delete", "tag_group", group)}
        assert sandbox.try_act("edit_tag", id=tag, name="a").status_code == 400


def test_tags_and_remarks_of_a_member_are_told_but_mobiles_alone_are_not() -> None:
    """One event with the customer's channel for each change by hand; nothing for a phone number."""
    with hearing() as (callback, heard), calling(callback=callback) as sandbox:
        who, tag = sandbox.friend(state="poster-a"), add(sandbox, "来源", "海报A")["tag"][0]["id"]
        about = {"userid": HELPER, "external_userid": who}
        sandbox.act("note_customer", **about, remark="小林", add_tag=[tag])
        sandbox.act("note_customer", **about, remark_mobiles=["13800000000"])
        event = heard[-1]
        assert len(heard) == 2
        assert (event["ChangeType"], event["ExternalUserID"], event["State"]) == (
            "edit_external_contact",
            who,
            "poster-a",
        )
        (follow,) = sandbox.ask("get", external_userid=who)["follow_user"]
        assert (follow["remark"], follow["tags"][0]["tag_id"]) == ("小林", tag)
        assert follow["remark_mobiles"] == ["13800000000"]
