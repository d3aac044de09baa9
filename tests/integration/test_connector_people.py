"""People inside and outside the corp through the connector and a real sandbox, and messages to those inside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from qunflow.connectors.wecom.answers import PermissionRefused
from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.contacts import Identity
from qunflow.connectors.wecom.directory import Department, Member
from qunflow.errors import BadInput
from qunflow.sandbox.options import Limits
from tests.integration.connected import code_of, connected, now
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import HELPER, OTHER, OWNER

AGENT = 1_000_002


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with staff and empty groups."""
    with anywhere() as found:
        yield found


@pytest.fixture
def wecom(caller: Anywhere) -> Iterator[WeCom]:
    """A connector of it."""
    with connected(caller, agent_id=AGENT) as made:
        yield made


def test_members_and_departments_are_listed(caller: Anywhere, wecom: WeCom) -> None:
    """Each member with departments, those who never logged in told apart."""
    assert wecom.directory.member(OWNER) == Member(OWNER, (3,), True)
    caller.act("activate", userid=OWNER, active=False)
    assert wecom.directory.member(OWNER).active is False
    everybody = wecom.directory.members()
    assert [one.userid for one in everybody] == wecom.directory.userids()
    assert {one.userid for one in wecom.directory.members(3, below=False)} >= {OWNER, OTHER}
    assert wecom.directory.departments()[:2] == [Department(1, 0), Department(2, 1)]
    assert code_of(lambda: wecom.directory.member("nobody")) == 60111
    assert code_of(lambda: wecom.directory.members(99)) == 60003


def test_the_platforms_own_addresses_are_told(wecom: WeCom) -> None:
    """For a firewall: where calls go to and events come from."""
    assert wecom.directory.api_addresses() == wecom.directory.callback_addresses() == ["127.0.0.1"]


def test_customers_and_people_known_through_groups_are_told_apart(caller: Anywhere, wecom: WeCom) -> None:
    """A member's customers have ids; who only sits in a group has none."""
    who, chat = caller.friend(), caller.chat()
    guest = caller.act("add_customer")["external_userid"]
    caller.act("pull_in", chat_id=chat, external_userid=guest)
    assert wecom.contacts.of(HELPER) == [who]
    assert wecom.contacts.of(OTHER) == []
    customer, stranger = sorted(wecom.contacts.known(), key=lambda one: not one.is_customer)
    assert (customer.external_userid, customer.userid, customer.chat_id) == (who, HELPER, "")
    assert (stranger.external_userid, stranger.is_customer, stranger.chat_id) == ("", False, chat)
    assert stranger.openid
    assert stranger.added_at == now(caller)
    assert code_of(lambda: wecom.contacts.of("nobody")) == 60111


def test_mobiles_noted_about_a_customer_are_replaced_and_cleared(caller: Anywhere, wecom: WeCom) -> None:
    """None leaves them, an empty list takes them away."""
    who = caller.friend()

    def noted() -> tuple[list[str], str]:
        follow = wecom.customer(who)["follow_user"][0]
        return follow["remark_mobiles"], follow["remark_corp_name"]

    wecom.contacts.note(HELPER, who, mobiles=["13800000000"], company="小满")
    assert noted() == (["13800000000"], "小满")
    wecom.contacts.note(HELPER, who, remark="小林")
    assert noted() == (["13800000000"], "小满")
    wecom.contacts.note(HELPER, who, mobiles=[])
    assert noted() == ([], "小满")


def test_ids_of_elsewhere_lead_to_customers_and_groups(caller: Anywhere, wecom: WeCom) -> None:
    """A union id is a customer or pending; a mini-program's group is ours or unknown."""
    who = caller.friend()
    unionid = wecom.customer(who)["external_contact"]["unionid"]
    assert wecom.contacts.by_unionid(unionid, "oX") == Identity(who, "")
    stranger = wecom.contacts.by_unionid("oNobody", "oX")
    assert (stranger.external_userid, bool(stranger.pending_id)) == ("", True)
    chat = caller.chat(1)
    opengid = caller.act("open_mini_program", chat_id=chat)["opengid"]
    assert wecom.contacts.chat_of(opengid) == chat
    assert code_of(lambda: wecom.contacts.chat_of("oGnone")) == 90511


def test_somebody_with_many_followers_is_read_to_the_last_page() -> None:
    """All followers are there, each once, however many a page shows."""
    with anywhere(Limits(follows_page=1)) as caller, connected(caller) as wecom:
        who = caller.friend()
        for userid in (OWNER, OTHER):
            caller.act("add_contact", external_userid=who, userid=userid)
        shown = wecom.customer(who)
        assert [one["userid"] for one in shown["follow_user"]] == [HELPER, OWNER, OTHER]
        assert shown["external_contact"]["external_userid"] == who


def test_a_message_to_staff_is_counted_and_taken_back(caller: Anywhere, wecom: WeCom) -> None:
    """Once, within a day, and only one's own."""
    assert wecom.staff_messages.sent("today") == {}
    msgid = wecom.message_send(HELPER, "text", {"content": "今晚八点"})
    assert wecom.staff_messages.sent("today") == {AGENT: 1}
    wecom.staff_messages.recall(msgid)
    assert code_of(lambda: wecom.staff_messages.recall(msgid)) == 41047
    late = wecom.message_send(HELPER, "text", {"content": "明早八点"})
    caller.wait(86_401)
    assert wecom.staff_messages.sent("yesterday") == {AGENT: 2}
    assert code_of(lambda: wecom.staff_messages.recall(late)) == 42052


@pytest.mark.parametrize("text", ["", "长" * 683], ids=["empty", "2049 bytes"])
def test_a_text_to_staff_the_platform_would_refuse_is_not_sent(wecom: WeCom, text: str) -> None:
    """Bytes are counted, not characters; the longest one goes."""
    with pytest.raises(BadInput):
        wecom.message_send(HELPER, "text", {"content": text})
    assert wecom.staff_messages.sent("today") == {}
    assert wecom.message_send(HELPER, "text", {"content": "长" * 682 + "ab"})


def test_a_temporary_code_opens_a_chat_that_is_ended_with_a_farewell(caller: Anywhere, wecom: WeCom) -> None:
    """Once; and whoever has no chat cannot end it."""
    day = timedelta(days=1)
    made = wecom.contact_ways.add_temporary(HELPER, state="desk", lasts=day, chat_lasts=day, farewell="下次见")
    assert wecom.contact_ways.get(made.config_id) == made
    who = caller.act("scan_contact_way", config_id=made.config_id)["external_userid"]
    wecom.contact_ways.close_chat(HELPER, who)
    assert code_of(lambda: wecom.contact_ways.close_chat(HELPER, who)) == 40058
    assert code_of(lambda: wecom.contact_ways.close_chat(OWNER, who)) == 84061
    for lasts in (timedelta(0), timedelta(days=15)):
        with pytest.raises(BadInput):
            wecom.contact_ways.add_temporary(HELPER, state="desk", lasts=lasts, chat_lasts=day)


def test_a_live_code_names_the_groups_it_opens(caller: Anywhere, wecom: WeCom) -> None:
    """Name and number of the next group are as they were given, also after a change."""
    config_id = wecom.add_join_way([caller.chat()], state="a", auto_create=True, room=("打卡群", 7))

    def kept() -> tuple[int, str, int]:
        way = caller.call("groupchat/get_join_way", config_id=config_id)["join_way"]
        return way["auto_create_room"], way["room_base_name"], way["room_base_id"]

    assert kept() == (1, "打卡群", 7)
    wecom.update_join_way(config_id, [caller.chat(1)], state="b", auto_create=True, room=("打卡群", 8))
    assert kept() == (1, "打卡群", 8)
    with pytest.raises(BadInput):
        wecom.update_join_way(config_id, [], state="b")


def test_what_an_application_may_not_do_is_told_with_code_and_remedy(caller: Anywhere, wecom: WeCom) -> None:
    """48002 is about settings, names where to change them, and is known by its number."""
    fault = {"path": "user/list_id", "mode": "errcode", "code": 48002}
    assert caller.http.post("/_sandbox/faults", json=[fault]).status_code == 200
    with pytest.raises(PermissionRefused, match="可调用接口的应用") as raised:
        wecom.directory.userids()
    assert raised.value.code == 48002
