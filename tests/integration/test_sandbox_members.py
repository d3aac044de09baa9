"""Members, departments, app messages, statistics of members and groups, and ids of elsewhere, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qunflow.sandbox.options import App, Limits
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import HELPER, OTHER, OWNER, PICTURE, SECRET

EC = "externalcontact"
AGENT = 1_000_002
DAY_S = 86_400
TEXT = {"agentid": AGENT, "msgtype": "text", "text": {"content": "早"}}
BEHAVIOUR = f"{EC}/get_user_behavior_data"
BY_OWNER, BY_DAY = f"{EC}/groupchat/statistic", f"{EC}/groupchat/statistic_group_by_day"


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with the documented limits."""
    with anywhere() as found:
        yield found


@pytest.mark.covers("user/list_id", "success")
@pytest.mark.covers("user/list_id", "read_back")
@pytest.mark.covers("user/list_id", "refusal")
def test_members_list_id_succeeds_in_pages_and_only_where_allowed(caller: Anywhere) -> None:
    """Every member once with a department, gone after leaving; 48002 where only the directory's secret may ask."""
    first = caller.post("user/list_id", limit=4)
    rest = caller.post("user/list_id", limit=4, cursor=first["next_cursor"])
    rows = first["dept_user"] + rest["dept_user"]
    assert len({row["userid"] for row in rows}) == len(rows) == 7
    assert {"userid": OWNER, "department": 3} in rows
    caller.act("resign", userid=OWNER)
    assert OWNER not in [row["userid"] for row in caller.post("user/list_id")["dept_user"]]
    assert caller.refused("user/list_id", limit=10_001) == 40058
    with anywhere(apps=(App(AGENT, SECRET, forbidden=("user/list_id",)),)) as barred:
        assert barred.refused("user/list_id") == 48002


@pytest.mark.covers("user/get", "success")
@pytest.mark.covers("user/get", "read_back")
@pytest.mark.covers("user/get", "refusal")
def test_members_get_succeeds_until_they_leave(caller: Anywhere) -> None:
    """A member with department; nobody and one who left are 60111."""
    found = caller.get("user/get", userid=OTHER)
    assert (found["userid"], found["department"], found["status"]) == (OTHER, [3], 1)
    assert caller.get("user/get", userid="nobody")["errcode"] == 60111
    assert caller.get("user/get")["errcode"] == 41009
    caller.act("resign", userid=OTHER)
    assert caller.get("user/get", userid=OTHER)["errcode"] == 60111


@pytest.mark.covers("user/simplelist", "success")
@pytest.mark.covers("user/simplelist", "read_back")
@pytest.mark.covers("user/simplelist", "refusal")
@pytest.mark.covers("department/list", "success")
@pytest.mark.covers("department/list", "read_back")
@pytest.mark.covers("department/list", "refusal")
def test_members_simplelist_and_departments_succeed(caller: Anywhere) -> None:
    """The root's children hold everybody between them; an unknown department is 60003."""
    departments = caller.get("department/list")["department"]
    assert [row["parentid"] for row in departments] == [0, 1, 1, 1]
    below = [row["id"] for row in departments[1:]]
    each = [caller.get("user/simplelist", department_id=number)["userlist"] for number in below]
    whole = caller.get("user/simplelist", department_id=1, fetch_child=1)["userlist"]
    assert sorted(one["userid"] for part in each for one in part) == sorted(one["userid"] for one in whole)
    assert caller.get("user/simplelist", department_id=1)["userlist"] == []
    assert [row["id"] for row in caller.get("department/list", id=3)["department"]] == [3]
    assert caller.get("department/list", id=9)["errcode"] == 60003
    assert caller.get("user/simplelist", department_id=9)["errcode"] == 60003
    assert caller.get("user/simplelist")["errcode"] == 40063


@pytest.mark.covers("getcallbackip", "success")
@pytest.mark.covers("getcallbackip", "read_back")
@pytest.mark.covers("getcallbackip", "refusal")
@pytest.mark.covers("get_api_domain_ip", "success")
@pytest.mark.covers("get_api_domain_ip", "read_back")
@pytest.mark.covers("get_api_domain_ip", "refusal")
@pytest.mark.parametrize("path", ["getcallbackip", "get_api_domain_ip"])
def test_members_addresses_succeed_with_a_token(caller: Anywhere, path: str) -> None:
    """Loopback and nothing else; without a token 41001."""
    assert caller.get(path)["ip_list"] == ["127.0.0.1"]
    assert caller.http.get(f"/cgi-bin/{path}").json()["errcode"] == 41001


@pytest.mark.covers("message/send", "success")
@pytest.mark.covers("message/send", "read_back")
def test_app_messages_send_succeeds_to_users_and_departments(caller: Anywhere) -> None:
    """Users and departments are reached once each, wrong ones are named, the log tells whom."""
    answer = caller.post("message/send", touser=f"{OWNER}|nobody", toparty="3|9", totag="x", **TEXT)
    wrong = (answer["invaliduser"], answer["invalidparty"], answer["invalidtag"])
    assert wrong == ("nobody", "9", "x")
    line = caller.log()[-1]
    assert line["targets"] == [OWNER, OTHER, "owner_shen"]
    assert line["msgid"] == answer["msgid"]


@pytest.mark.covers("message/send", "refusal")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"touser": ""}, 82001),
        ({"touser": "nobody"}, 81013),
        ({"touser": "|".join(f"u{n}" for n in range(1_001))}, 40032),
        ({"toparty": "|".join(str(n) for n in range(101))}, 82002),
        ({"totag": "|".join(str(n) for n in range(101))}, 82003),
        ({"agentid": 5}, 301002),
        ({"msgtype": "song"}, 40008),
        ({"text": {"content": "长" * 683}}, 45002),
        ({"msgtype": "news", "news": {"articles": [{}] * 9}}, 45008),
        ({"msgtype": "voice", "voice": {"media_id": "none"}}, 40007),
        ({"msgtype": "template_card", "template_card": {"card_type": "x"}}, 42027),
    ],
)
def test_app_messages_send_refuses_what_is_documented(caller: Anywhere, change: dict[str, Any], code: int) -> None:
    """Each wrong part has its code."""
    assert caller.refused("message/send", **{**TEXT, "touser": OWNER, **change}) == code


def test_app_messages_take_files_of_their_kind_only(caller: Anywhere) -> None:
    """A picture is no video, and every further kind with its parts is taken."""
    media_id = caller.upload(content=PICTURE, type="image")
    body = {"touser": OWNER, "agentid": AGENT}
    assert caller.refused("message/send", **body, msgtype="image", image={"media_id": media_id}) == 0
    assert caller.refused("message/send", **body, msgtype="video", video={"media_id": media_id}) == 40007
    assert caller.refused("message/send", **body, msgtype="news", news={"articles": [{"title": "x"}]}) == 0
    card = {"card_type": "button_interaction"}
    assert caller.post("message/send", **body, msgtype="template_card", template_card=card)["response_code"]


def test_app_messages_over_the_days_count_are_refused() -> None:
    """Accounts times 200 person-times a day, until the next day."""
    with anywhere(Limits(accounts=1, cards_per_min=1_000)) as caller:
        codes = [caller.refused("message/send", touser="@all", **TEXT) for _ in range(29)]
        assert codes == [0] * 28 + [45009]
        caller.pass_time(DAY_S)
        assert caller.refused("message/send", touser="@all", **TEXT) == 0


@pytest.mark.covers("message/recall", "success")
@pytest.mark.covers("message/recall", "read_back")
@pytest.mark.covers("message/recall", "refusal")
def test_app_messages_recall_succeeds_once_within_a_day(caller: Anywhere) -> None:
    """A recalled message cannot be recalled again, one over 24 h old is 42052, an unknown one 41047."""
    msgid = caller.post("message/send", touser=OWNER, **TEXT)["msgid"]
    late = caller.post("message/send", touser=OTHER, **TEXT)["msgid"]
    assert caller.refused("message/recall", msgid=msgid) == 0
    assert caller.refused("message/recall", msgid=msgid) == 41047
    assert caller.refused("message/recall", msgid="none") == 41047
    assert caller.refused("message/recall") == 41046
    caller.pass_time(DAY_S + 1)
    assert caller.refused("message/recall", msgid=late) == 42052


@pytest.mark.covers("message/get_statistics", "success")
@pytest.mark.covers("message/get_statistics", "read_back")
@pytest.mark.covers("message/get_statistics", "refusal")
def test_app_messages_get_statistics_counts_today_and_yesterday(caller: Anywhere) -> None:
    """Two messages today are yesterday's tomorrow."""
    for userid in (OWNER, OTHER):
        caller.post("message/send", touser=userid, **TEXT)
    today = caller.post("message/get_statistics")["statistics"]
    assert [(row["agentid"], row["count"]) for row in today] == [(AGENT, 2)]
    caller.pass_time(DAY_S)
    assert caller.post("message/get_statistics")["statistics"] == []
    assert caller.post("message/get_statistics", time_type=1)["statistics"] == today
    assert caller.refused("message/get_statistics", time_type=2) == 40058


@pytest.mark.covers("externalcontact/get_user_behavior_data", "success")
@pytest.mark.covers("externalcontact/get_user_behavior_data", "read_back")
def test_statistics_of_members_succeed_for_yesterday(caller: Anywhere) -> None:
    """Chats, answers and new customers of a day; the reply figures are absent on days without chats."""
    start, quick, slow = caller.now(), caller.friend(), caller.friend()
    for who in (quick, slow):
        caller.act("say_privately", userid=HELPER, external_userid=who, text="在吗")
    caller.wait(120)
    caller.act("say_privately", userid=HELPER, external_userid=quick, text="在", by_member=True)
    caller.act("delete_contact", external_userid=slow)
    caller.pass_time(2 * DAY_S)
    rows = caller.post(BEHAVIOUR, userid=[HELPER], start_time=start, end_time=start + DAY_S)["behavior_data"]
    assert rows[0] == {
        "stat_time": start - (start + 28_800) % DAY_S,
        "chat_cnt": 1,
        "message_cnt": 1,
        "reply_percentage": 50.0,
        "avg_reply_time": 2,
        "negative_feedback_cnt": 1,
        "new_apply_cnt": 2,
        "new_contact_cnt": 2,
    }
    assert "reply_percentage" not in rows[1]
    whole = caller.post(BEHAVIOUR, partyid=[1], start_time=start, end_time=start)["behavior_data"]
    assert whole[0]["new_contact_cnt"] == 2


@pytest.mark.covers("externalcontact/get_user_behavior_data", "refusal")
def test_statistics_of_members_are_bounded(caller: Anywhere) -> None:
    """Today, over 30 days, over 180 days back, nobody and unknown members are refused."""
    caller.pass_time(DAY_S)
    now = caller.now()
    yesterday = {"start_time": now - DAY_S, "end_time": now - DAY_S}
    assert caller.refused(BEHAVIOUR, userid=[HELPER], **yesterday) == 0
    assert caller.refused(BEHAVIOUR, **yesterday) == 40063
    assert caller.refused(BEHAVIOUR, userid=["nobody"], **yesterday) == 60111
    for start, end in ((now, now), (now - 31 * DAY_S, now - DAY_S), (now - 182 * DAY_S, now - 181 * DAY_S)):
        assert caller.refused(BEHAVIOUR, userid=[HELPER], start_time=start, end_time=end) == 40058


@pytest.mark.covers("externalcontact/groupchat/statistic", "success")
@pytest.mark.covers("externalcontact/groupchat/statistic", "read_back")
@pytest.mark.covers("externalcontact/groupchat/statistic_group_by_day", "success")
@pytest.mark.covers("externalcontact/groupchat/statistic_group_by_day", "read_back")
def test_statistics_of_groups_succeed_for_yesterday_in_order(caller: Anywhere) -> None:
    """Who joined yesterday is counted for the owner and for the day; owners come in the order asked for."""
    caller.act("pull_in", chat_id=caller.chat(0), external_userid=caller.friend())
    day = caller.now()
    caller.pass_time(DAY_S)
    owners = {"day_begin_time": day, "owner_filter": {"userid_list": [OTHER, OWNER]}}

    def order(**about: int) -> list[str]:
        return [row["owner"] for row in caller.post(BY_OWNER, **owners, **about)["items"]]

    assert order() == [OTHER, OWNER]
    assert order(order_by=3) == [OWNER, OTHER]
    assert order(order_by=3, order_asc=1) == [OTHER, OWNER]
    page = caller.post(BY_OWNER, **owners, limit=1, offset=1)
    assert ([row["owner"] for row in page["items"]], page["total"], page["next_offset"]) == ([OWNER], 2, 2)
    by_day = caller.post(BY_DAY, **owners)["items"]
    assert [row["data"]["new_member_cnt"] for row in by_day] == [1]


@pytest.mark.covers("externalcontact/groupchat/statistic", "refusal")
@pytest.mark.covers("externalcontact/groupchat/statistic_group_by_day", "refusal")
@pytest.mark.parametrize("path", [BY_OWNER, BY_DAY])
def test_statistics_of_groups_are_for_yesterday_back_to_180_days(caller: Anywhere, path: str) -> None:
    """Today, the 181st day back and a missing owner are refused."""
    now, owners = caller.now(), {"owner_filter": {"userid_list": [OWNER]}}
    assert caller.refused(path, day_begin_time=now, **owners) == 40058
    assert caller.refused(path, day_begin_time=now - 181 * DAY_S, **owners) == 40058
    assert caller.refused(path, day_begin_time=now - 180 * DAY_S, **owners) == 0
    assert caller.refused(path, day_begin_time=now - DAY_S) == 40058


@pytest.mark.covers("idconvert/unionid_to_external_userid", "success")
@pytest.mark.covers("idconvert/unionid_to_external_userid", "read_back")
@pytest.mark.covers("idconvert/unionid_to_external_userid", "refusal")
def test_ids_of_a_union_succeed_for_customers_and_wait_for_strangers(caller: Anywhere) -> None:
    """A customer's union id gives the customer, a stranger's the same pending id every time."""
    path, who = "idconvert/unionid_to_external_userid", caller.friend()
    union = caller.get(f"{EC}/get", external_userid=who)["external_contact"]["unionid"]
    assert caller.post(path, unionid=union, openid="o1", subject_type=0)["external_userid"] == who
    stranger = caller.post(path, unionid="oNobody", openid="o2")
    assert (stranger["external_userid"], caller.post(path, unionid="oNobody", openid="o2")["pending_id"]) == (
        "",
        stranger["pending_id"],
    )
    assert caller.refused(path, openid="o1") == 40063
    assert caller.refused(path, unionid=union, openid="o1", subject_type=2) == 40058


@pytest.mark.covers("externalcontact/opengid_to_chatid", "success")
@pytest.mark.covers("externalcontact/opengid_to_chatid", "read_back")
@pytest.mark.covers("externalcontact/opengid_to_chatid", "refusal")
def test_ids_of_a_mini_programs_group_succeed(caller: Anywhere) -> None:
    """What a mini-program calls a group leads back to it; an unknown name is 90511."""
    chat = caller.chat(1)
    opengid = caller.act("open_mini_program", chat_id=chat)["opengid"]
    assert caller.post(f"{EC}/opengid_to_chatid", opengid=opengid)["chat_id"] == chat
    assert caller.refused(f"{EC}/opengid_to_chatid", opengid="oGnone") == 90511
