"""Customers of members over real HTTP: detail, remark, lists in pages, people known through groups."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qunflow.sandbox.options import App, Limits
from tests.integration.sandbox_caller import HELPER, OWNER, Caller, calling


@pytest.fixture
def sandbox() -> Iterator[Caller]:
    """A sandbox with the documented limits."""
    with calling() as caller:
        yield caller


@pytest.mark.covers("externalcontact/get_follow_user_list", "success")
@pytest.mark.covers("externalcontact/get_follow_user_list", "read_back")
def test_contacts_get_follow_user_list_succeeds(sandbox: Caller) -> None:
    """Every member that may have customers is listed, and each of them can be asked for."""
    members = sandbox.ask("get_follow_user_list")["follow_user"]
    assert members[0] == HELPER
    assert {sandbox.ask("list", userid=userid)["errcode"] for userid in members} == {84061}


@pytest.mark.covers("externalcontact/get_follow_user_list", "refusal")
def test_contacts_get_follow_user_list_needs_a_token(sandbox: Caller) -> None:
    """Nobody is listed to a stranger."""
    sandbox.token = "nonsense"
    assert sandbox.ask("get_follow_user_list")["errcode"] == 40014


@pytest.mark.covers("externalcontact/list", "success")
@pytest.mark.covers("externalcontact/list", "read_back")
@pytest.mark.covers("externalcontact/list", "refusal")
def test_contacts_list_succeeds_and_forgets_the_deleted(sandbox: Caller) -> None:
    """A member's customers as they are now; without any it is 84061, an unknown member is 60111."""
    first, second = sandbox.friend(), sandbox.friend()
    assert sandbox.ask("list", userid=HELPER)["external_userid"] == [first, second]
    sandbox.act("delete_contact", external_userid=first)
    assert sandbox.ask("list", userid=HELPER)["external_userid"] == [second]
    sandbox.act("delete_contact", external_userid=second)
    assert sandbox.ask("list", userid=HELPER)["errcode"] == 84061
    assert sandbox.ask("list", userid="nobody")["errcode"] == 60111
    assert sandbox.ask("list")["errcode"] == 41009


@pytest.mark.covers("externalcontact/get", "success")
def test_contacts_get_succeeds_with_everybody_who_follows(sandbox: Caller) -> None:
    """Each follower has notes of their own; the channel stands only with the one it came through."""
    who = sandbox.friend(name="小林", state="spring-a")
    sandbox.act("add_contact", external_userid=who, userid=OWNER)
    found = sandbox.ask("get", external_userid=who)
    assert found["next_cursor"] == ""
    person, (helper, owner) = found["external_contact"], found["follow_user"]
    assert (person["external_userid"], person["name"], person["type"]) == (who, "小林", 1)
    assert not {"position", "corp_name", "external_profile"} & set(person)
    assert (helper["userid"], helper["state"], helper["tags"], helper["add_way"]) == (HELPER, "spring-a", [], 1)
    assert (helper["remark"], helper["remark_mobiles"], helper["oper_userid"]) == ("", [], who)
    assert owner["userid"] == OWNER
    assert "state" not in owner


def test_contacts_get_shows_the_company_of_a_wecom_user(sandbox: Caller) -> None:
    """A partner who uses WeCom has type 2, an id of its own shape, a position and a company."""
    partner = sandbox.act("add_customer", name="李四", company={"corp_name": "远山果业", "position": "采购"})
    sandbox.act("add_contact", external_userid=partner["external_userid"])
    person = sandbox.ask("get", external_userid=partner["external_userid"])["external_contact"]
    assert person["external_userid"].startswith("wo")
    assert (person["type"], person["corp_name"], person["position"]) == (2, "远山果业", "采购")
    assert person["corp_full_name"] == "远山果业"
    assert person["external_profile"] == {"external_attr": []}


@pytest.mark.covers("externalcontact/get", "refusal")
def test_contacts_get_refuses_strangers_and_ended_friendships(sandbox: Caller) -> None:
    """Nobody is 40096, no id 41035, somebody nobody follows any more 84061."""
    who = sandbox.friend()
    sandbox.act("delete_contact", external_userid=who)
    assert sandbox.ask("get", external_userid=who)["errcode"] == 84061
    assert sandbox.ask("get", external_userid="wmNobody")["errcode"] == 40096
    assert sandbox.ask("get")["errcode"] == 41035


def test_contacts_get_pages_through_many_followers() -> None:
    """When more follow than one answer shows, the cursor leads to the rest."""
    with calling(Limits(follows_page=2)) as sandbox:
        who = sandbox.friend()
        for userid in (OWNER, "owner_he"):
            sandbox.act("add_contact", external_userid=who, userid=userid)
        first = sandbox.ask("get", external_userid=who)
        rest = sandbox.ask("get", external_userid=who, cursor=first["next_cursor"])
        assert [f["userid"] for f in first["follow_user"]] == [HELPER, OWNER]
        assert [f["userid"] for f in rest["follow_user"]] == ["owner_he"]
        assert rest["next_cursor"] == ""
        assert sandbox.ask("get", external_userid=who, cursor="???")["errcode"] == 50100


@pytest.mark.covers("externalcontact/batch/get_by_user", "success")
@pytest.mark.parametrize("members", [{"userid": HELPER}, {"userid_list": [HELPER]}])
def test_contacts_batch_get_by_user_succeeds_in_both_spellings(sandbox: Caller, members: dict[str, object]) -> None:
    """An older client's ``userid`` and ``userid_list`` mean the same; pages hold everybody once."""
    made = [sandbox.friend(state="store-b") for _ in range(3)]
    first = sandbox.call("batch/get_by_user", **members, limit=2)
    rest = sandbox.call("batch/get_by_user", **members, limit=2, cursor=first["next_cursor"])
    rows = first["external_contact_list"] + rest["external_contact_list"]
    assert [row["external_contact"]["external_userid"] for row in rows] == made
    assert {row["follow_info"]["userid"] for row in rows} == {HELPER}
    assert {row["follow_info"]["state"] for row in rows} == {"store-b"}
    assert all("tags" not in row["follow_info"] for row in rows)
    assert rest["next_cursor"] == ""


@pytest.mark.covers("externalcontact/batch/get_by_user", "read_back")
def test_contacts_batch_get_by_user_shows_tags_by_id_and_forgets_the_deleted(sandbox: Caller) -> None:
    """Tags are ids here, notes are the same as in `get`; who was deleted is gone."""
    who, gone = sandbox.friend(), sandbox.friend()
    tag = sandbox.call("add_corp_tag", group_name="来源", tag=[{"name": "海报"}])["tag_group"]["tag"][0]["id"]
    sandbox.call("mark_tag", userid=HELPER, external_userid=who, add_tag=[tag])
    sandbox.call("remark", userid=HELPER, external_userid=who, remark="小林")
    sandbox.act("delete_contact", external_userid=gone)
    (row,) = sandbox.call("batch/get_by_user", userid_list=[HELPER])["external_contact_list"]
    assert row["external_contact"]["external_userid"] == who
    assert (row["follow_info"]["tag_id"], row["follow_info"]["remark"]) == ([tag], "小林")


@pytest.mark.covers("externalcontact/batch/get_by_user", "refusal")
def test_contacts_batch_get_by_user_cuts_the_limit_and_refuses_too_many_members(sandbox: Caller) -> None:
    """A limit over 100 is cut to 100; over 100 members are 40058, an unknown one 60111, an alien cursor 50100."""
    for _ in range(101):
        sandbox.friend()
    found = sandbox.call("batch/get_by_user", userid_list=[HELPER], limit=1_000)
    assert len(found["external_contact_list"]) == 100
    assert found["next_cursor"]
    assert sandbox.code("batch/get_by_user", userid_list=[HELPER] * 101) == 40058
    assert sandbox.code("batch/get_by_user") == 40058
    assert sandbox.code("batch/get_by_user", userid_list=["nobody"]) == 60111
    assert sandbox.code("batch/get_by_user", userid_list=[HELPER], cursor="zzz") == 50100


@pytest.mark.covers("externalcontact/remark", "success")
@pytest.mark.covers("externalcontact/remark", "read_back")
@pytest.mark.covers("externalcontact/get", "read_back")
def test_contacts_remark_succeeds_and_reads_back_under_other_names(sandbox: Caller) -> None:
    """What is written as remark_company is read as remark_corp_name; what is left out stays."""
    who = sandbox.friend()
    picture = sandbox.upload(type="image")
    notes = {"remark": "小林-春季群", "description": "爱吃橘子", "remark_company": "春熙路小学"}
    mobiles = ["13800000000", "13900000000"]
    about = {"userid": HELPER, "external_userid": who}
    given = {**notes, "remark_mobiles": mobiles, "remark_pic_mediaid": picture}
    assert sandbox.code("remark", **about, **given) == 0
    assert sandbox.code("remark", **about, remark="小林") == 0
    (follow,) = sandbox.ask("get", external_userid=who)["follow_user"]
    assert (follow["remark"], follow["description"]) == ("小林", "爱吃橘子")
    assert (follow["remark_corp_name"], follow["remark_mobiles"]) == ("春熙路小学", mobiles)
    assert sandbox.code("remark", **about, remark_mobiles=["13700000000"]) == 0
    assert sandbox.ask("get", external_userid=who)["follow_user"][0]["remark_mobiles"] == ["13700000000"]
    assert sandbox.code("remark", **about, remark_mobiles=[""]) == 0
    assert sandbox.ask("get", external_userid=who)["follow_user"][0]["remark_mobiles"] == []


@pytest.mark.covers("externalcontact/remark", "refusal")
def test_contacts_remark_refuses_what_is_too_long_or_not_ones_own(sandbox: Caller) -> None:
    """Lengths are characters; nothing to change is 40063, somebody else's customer 84061, a dead picture 40007."""
    who = sandbox.friend()
    about = {"userid": HELPER, "external_userid": who}
    assert sandbox.code("remark", **about, remark="长" * 20, description="长" * 150) == 0
    for part in ({"remark": "长" * 21}, {"description": "长" * 151}, {"remark_company": "长" * 21}):
        assert sandbox.code("remark", **about, **part) == 40058
    assert sandbox.code("remark", **about, remark_mobiles=[13800000000]) == 40058
    assert sandbox.code("remark", **about) == 40063
    assert sandbox.code("remark", **about, remark="a", remark_pic_mediaid="no") == 40007
    assert sandbox.code("remark", userid=OWNER, external_userid=who, remark="a") == 84061
    assert sandbox.code("remark", userid=HELPER, external_userid="wmNobody", remark="a") == 40096
    assert sandbox.code("remark", userid="nobody", external_userid=who, remark="a") == 60111


def test_contacts_remark_ignores_the_company_of_a_wecom_user(sandbox: Caller) -> None:
    """Only WeChat users get a company by remark; others have one."""
    who = sandbox.act("add_customer", name="李四", company={"corp_name": "远山果业"})["external_userid"]
    sandbox.act("add_contact", external_userid=who)
    assert sandbox.code("remark", userid=HELPER, external_userid=who, remark_company="别家") == 0
    assert sandbox.ask("get", external_userid=who)["follow_user"][0]["remark_corp_name"] == ""


@pytest.mark.covers("externalcontact/contact_list", "success")
@pytest.mark.covers("externalcontact/contact_list", "read_back")
def test_contacts_contact_list_succeeds_with_people_known_through_groups(sandbox: Caller) -> None:
    """Customers have an id and a follower; others only the group; who becomes a friend changes sides."""
    friend, guest = sandbox.friend(name="小林"), sandbox.act("add_customer", name="路人甲")["external_userid"]
    chat = sandbox.chat()
    sandbox.act("pull_in", chat_id=chat, external_userid=guest)
    known, stranger = sandbox.call("contact_list", limit=10)["info_list"]
    assert (known["is_customer"], known["external_userid"], known["follow_userid"]) == (True, friend, HELPER)
    assert (stranger["is_customer"], stranger["chat_id"], stranger["name"]) == (False, chat, "路人甲")
    assert not {"external_userid", "follow_userid"} & set(stranger)
    assert known["tmp_openid"] != stranger["tmp_openid"]
    sandbox.act("add_contact", external_userid=guest)
    after = sandbox.call("contact_list")["info_list"]
    assert [row["is_customer"] for row in after] == [True, True]
    assert after[1]["tmp_openid"] == stranger["tmp_openid"]
    sandbox.act("delete_contact", external_userid=friend)
    assert [row["external_userid"] for row in sandbox.call("contact_list")["info_list"]] == [guest]


@pytest.mark.covers("externalcontact/contact_list", "refusal")
def test_contacts_contact_list_refuses_too_large_a_page_and_alien_cursors(sandbox: Caller) -> None:
    """At most 1,000 a page; the cursor must be one that was given out."""
    for _ in range(3):
        sandbox.friend()
    first = sandbox.call("contact_list", limit=2)
    rest = sandbox.call("contact_list", limit=2, cursor=first["next_cursor"])
    assert (len(first["info_list"]), len(rest["info_list"]), rest["next_cursor"]) == (2, 1, "")
    assert sandbox.code("contact_list", limit=1_001) == 40058
    assert sandbox.code("contact_list", cursor="zzz") == 50100


def test_contacts_are_shown_to_a_restricted_app_only_as_far_as_it_sees() -> None:
    """Its own members, their customers, people of their groups; of a shared customer only its own follower."""
    with calling(apps=(App(1_000_003, "other", sees=(OWNER,)),)) as sandbox:
        shared, hidden = sandbox.friend(), sandbox.friend()
        sandbox.act("add_contact", external_userid=shared, userid=OWNER)
        for place in (0, 1):
            guest = sandbox.act("add_customer")["external_userid"]
            sandbox.act("pull_in", chat_id=sandbox.chat(place), external_userid=guest)
        other = Caller(str(sandbox.http.base_url), "other")
        assert other.ask("get_follow_user_list")["follow_user"] == [OWNER]
        assert [f["userid"] for f in other.ask("get", external_userid=shared)["follow_user"]] == [OWNER]
        assert other.ask("get", external_userid=hidden)["errcode"] == 84061
        known, stranger = other.call("contact_list")["info_list"]
        assert (known["external_userid"], known["follow_userid"]) == (shared, OWNER)
        assert stranger["chat_id"] == sandbox.chat(0)
        assert other.code("remark", userid=HELPER, external_userid=shared, remark="a") == 60011
        other.http.close()
