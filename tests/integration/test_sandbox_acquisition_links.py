"""Acquisition links over real HTTP: made, changed, followed, counted, and refused as documented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qunflow.sandbox.options import Limits
from tests.integration.sandbox_anywhere import ACQUISITION, Anywhere, anywhere
from tests.integration.sandbox_caller import HELPER, OTHER, OWNER

QUOTA = "externalcontact/customer_acquisition_quota"


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with the documented limits."""
    with anywhere() as found:
        yield found


def a_link(caller: Anywhere, **about: Any) -> dict[str, Any]:
    """A fresh link of the helper account."""
    settings = {"link_name": "海报", "range": {"user_list": [HELPER]}, **about}
    link: dict[str, Any] = caller.post(f"{ACQUISITION}/create_link", **settings)["link"]
    return link


def a_person(caller: Anywhere) -> str:
    """Somebody nobody knows yet."""
    return str(caller.act("add_customer")["external_userid"])


@pytest.mark.covers("externalcontact/customer_acquisition/create_link", "success")
@pytest.mark.covers("externalcontact/customer_acquisition/create_link", "read_back")
@pytest.mark.covers("externalcontact/customer_acquisition/get", "success")
@pytest.mark.covers("externalcontact/customer_acquisition/get", "read_back")
def test_acquisition_links_create_succeeds_and_reads_back(caller: Anywhere) -> None:
    """A link has an address, and its settings come back by POST and by GET."""
    link = a_link(caller, skip_verify=False, mark_source=True)
    assert link["url"].startswith("https://work.weixin.qq.com/ca/")
    for found in (
        caller.post(f"{ACQUISITION}/get", link_id=link["link_id"]),
        caller.get(f"{ACQUISITION}/get", link_id=link["link_id"]),
    ):
        assert found["link"] == {**link, "skip_verify": False, "mark_source": True}
        assert found["range"] == {"user_list": [HELPER], "department_list": []}


@pytest.mark.covers("externalcontact/customer_acquisition/create_link", "refusal")
def test_acquisition_links_create_refuses_what_it_cannot_use(caller: Anywhere) -> None:
    """Name, range and members are checked, and one link too many is 41095."""
    path = f"{ACQUISITION}/create_link"
    assert caller.refused(path, range={"user_list": [HELPER]}) == 40063
    assert caller.refused(path, link_name="长" * 31, range={"user_list": [HELPER]}) == 40058
    assert caller.refused(path, link_name="a", range={"user_list": []}) == 40063
    assert caller.refused(path, link_name="a", range={"user_list": ["nobody"]}) == 60111
    assert caller.refused(path, link_name="a", range={"user_list": [HELPER] * 101}) == 40058
    with anywhere(Limits(acquisition_links=1)) as small:
        a_link(small)
        assert small.refused(path, link_name="b", range={"user_list": [HELPER]}) == 41095


@pytest.mark.covers("externalcontact/customer_acquisition/update_link", "success")
@pytest.mark.covers("externalcontact/customer_acquisition/update_link", "read_back")
@pytest.mark.covers("externalcontact/customer_acquisition/update_link", "refusal")
def test_acquisition_links_update_changes_what_is_given(caller: Anywhere) -> None:
    """The name changes, the range stays; an unknown link is refused."""
    link = a_link(caller)
    assert caller.refused(f"{ACQUISITION}/update_link", link_id=link["link_id"], link_name="门店") == 0
    found = caller.post(f"{ACQUISITION}/get", link_id=link["link_id"])
    assert (found["link"]["link_name"], found["range"]["user_list"]) == ("门店", [HELPER])
    assert caller.refused(f"{ACQUISITION}/update_link", link_id="none", link_name="x") == 40058


@pytest.mark.covers("externalcontact/customer_acquisition/delete_link", "success")
@pytest.mark.covers("externalcontact/customer_acquisition/delete_link", "read_back")
@pytest.mark.covers("externalcontact/customer_acquisition/delete_link", "refusal")
@pytest.mark.covers("externalcontact/customer_acquisition/get", "refusal")
def test_acquisition_links_delete_makes_it_gone(caller: Anywhere) -> None:
    """A deleted link is not found, not listed and cannot be followed; deleting it again is refused."""
    link = a_link(caller)
    assert caller.refused(f"{ACQUISITION}/delete_link", link_id=link["link_id"]) == 0
    assert caller.refused(f"{ACQUISITION}/get", link_id=link["link_id"]) == 40058
    assert caller.refused(f"{ACQUISITION}/delete_link", link_id=link["link_id"]) == 40058
    assert caller.post(f"{ACQUISITION}/list_link", limit=10)["link_id_list"] == []
    assert caller.try_act("follow_link", url=link["url"], external_userid=a_person(caller)).status_code == 400


@pytest.mark.covers("externalcontact/customer_acquisition/list_link", "success")
@pytest.mark.covers("externalcontact/customer_acquisition/list_link", "read_back")
@pytest.mark.covers("externalcontact/customer_acquisition/list_link", "refusal")
def test_acquisition_links_list_pages_through_all(caller: Anywhere) -> None:
    """Two pages hold every link once; a limit over 100 and an invented cursor are refused."""
    made = [a_link(caller)["link_id"] for _ in range(3)]
    first = caller.post(f"{ACQUISITION}/list_link", limit=2)
    rest = caller.get(f"{ACQUISITION}/list_link", limit=2, cursor=first["next_cursor"])
    assert first["link_id_list"] + rest["link_id_list"] == made
    assert rest["next_cursor"] == ""
    assert caller.refused(f"{ACQUISITION}/list_link", limit=101) == 40058
    assert caller.refused(f"{ACQUISITION}/list_link", cursor="x") == 50100


@pytest.mark.covers("externalcontact/customer_acquisition/customer", "success")
@pytest.mark.covers("externalcontact/customer_acquisition/customer", "read_back")
@pytest.mark.covers("externalcontact/customer_acquisition/customer", "refusal")
def test_acquisition_links_customer_names_who_came_and_wrote(caller: Anywhere) -> None:
    """Who followed the link is a friend with the channel as state, cut at 64 bytes; chat_status turns 1 with words."""
    link, who = a_link(caller), a_person(caller)
    userid = caller.act("follow_link", url=f"{link['url']}?customer_channel={'门' * 30}", external_userid=who)["userid"]
    assert userid == HELPER
    row = {"external_userid": who, "userid": HELPER, "chat_status": 0, "state": "门" * 21}
    listed = f"{ACQUISITION}/customer"
    assert caller.post(listed, link_id=link["link_id"], limit=10)["customer_list"] == [row]
    friend = caller.get("externalcontact/get", external_userid=who)["follow_user"][0]
    assert (friend["state"], friend["add_way"]) == ("门" * 21, 16)
    caller.act("say_privately", userid=HELPER, external_userid=who, text="在吗")
    assert caller.post(listed, link_id=link["link_id"])["customer_list"] == [{**row, "chat_status": 1}]
    assert caller.refused(listed, link_id="none") == 40058
    assert caller.refused(listed, link_id=link["link_id"], limit=1_001) == 40058


@pytest.mark.covers("externalcontact/customer_acquisition_quota", "success")
@pytest.mark.covers("externalcontact/customer_acquisition_quota", "read_back")
def test_acquisition_links_quota_counts_down_and_ends() -> None:
    """Each customer costs one, by GET and POST alike; without balance the link makes no friends."""
    with anywhere(Limits(acquisition_balance=1)) as caller:
        link = a_link(caller)
        assert caller.get(QUOTA)["balance"] == caller.post(QUOTA)["quota_list"][0]["balance"] == 1
        assert caller.act("follow_link", url=link["url"], external_userid=a_person(caller))["userid"] == HELPER
        after = caller.post(QUOTA)
        assert (after["total"], after["balance"], after["quota_list"]) == (1, 0, [])
        assert caller.act("follow_link", url=link["url"], external_userid=a_person(caller))["userid"] == ""


@pytest.mark.covers("externalcontact/customer_acquisition_quota", "refusal")
def test_acquisition_links_quota_needs_a_token(caller: Anywhere) -> None:
    """Without a token there is no figure."""
    caller.token = ""
    assert caller.get(QUOTA)["errcode"] == 41001


@pytest.mark.covers("externalcontact/customer_acquisition/statistic", "success")
@pytest.mark.covers("externalcontact/customer_acquisition/statistic", "read_back")
@pytest.mark.covers("externalcontact/customer_acquisition/statistic", "refusal")
def test_acquisition_links_statistic_counts_people_once(caller: Anywhere) -> None:
    """Two clicks of one person are one; who is not accepted clicked but did not come; GET and POST agree."""
    link = a_link(caller, skip_verify=False)
    who = a_person(caller)
    for person, accepted in ((who, True), (who, True), (a_person(caller), False)):
        caller.act("follow_link", url=link["url"], external_userid=person, accepted=accepted)
    span = {"link_id": link["link_id"], "start_time": caller.now(), "end_time": caller.now()}
    path = f"{ACQUISITION}/statistic"
    counts = {"click_link_customer_cnt": 2, "new_customer_cnt": 1}
    assert counts.items() <= caller.post(path, **span).items()
    assert counts.items() <= caller.get(path, **span).items()
    assert caller.refused(path, **{**span, "start_time": span["end_time"] - 40 * 86_400}) == 40058
    assert caller.refused(path, **{**span, "link_id": "none"}) == 40058


@pytest.mark.covers("externalcontact/customer_acquisition/get_chat_info", "success")
@pytest.mark.covers("externalcontact/customer_acquisition/get_chat_info", "read_back")
@pytest.mark.covers("externalcontact/customer_acquisition/get_chat_info", "refusal")
def test_acquisition_links_get_chat_info_lives_half_an_hour(caller: Anywhere) -> None:
    """The key of the second message tells how many came, until 30 minutes have passed."""
    link, who = a_link(caller), a_person(caller)
    caller.act("follow_link", url=f"{link['url']}?customer_channel=a", external_userid=who)
    keys = [caller.act("say_privately", userid=HELPER, external_userid=who, text="在吗")["chat_key"] for _ in range(2)]
    assert keys[0] == ""
    path = f"{ACQUISITION}/get_chat_info"
    told = caller.post(path, chat_key=keys[1])
    assert (told["userid"], told["external_userid"]) == (HELPER, who)
    assert told["chat_info"] == {"recv_msg_cnt": 2, "link_id": link["link_id"], "state": "a"}
    caller.wait(1_801)
    assert caller.refused(path, chat_key=keys[1]) == 40058
    assert caller.refused(path, chat_key="none") == 40058


def test_acquisition_links_spread_people_over_members(caller: Anywhere) -> None:
    """A link of two members gives both of them friends, the same person always the same member."""
    link = a_link(caller, range={"user_list": [OWNER, OTHER]})
    people = [a_person(caller) for _ in range(12)]
    first = [caller.act("follow_link", url=link["url"], external_userid=who)["userid"] for who in people]
    assert set(first) == {OWNER, OTHER}
    assert [caller.act("follow_link", url=link["url"], external_userid=who)["userid"] for who in people] == first
