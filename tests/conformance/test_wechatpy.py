"""wechatpy 2.0.0a26, which nobody here wrote, works against the sandbox as it does against the platform."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from wechatpy.exceptions import APILimitedException, WeChatClientException
from wechatpy.work import WeChatClient, parse_message
from wechatpy.work.crypto import WeChatCrypto

from tests.conformance.ground import AES_KEY, CALLS_PER_MIN, CORP, HELPER, PNG, SECRET, TOKEN, Delivery, Ground

EC = "externalcontact"


class SandboxClient(WeChatClient):
    """The client with both of its addresses pointed at the sandbox; nothing else is changed."""

    def __init__(self, base: str, secret: str = SECRET) -> None:
        self.API_BASE_URL = f"{base}/cgi-bin/"
        self._token_url = f"{base}/cgi-bin/gettoken"
        super().__init__(CORP, secret)

    def fetch_access_token(self) -> Any:
        """Ask the sandbox, not the address that is written into the client."""
        return self._fetch_access_token(url=self._token_url, params={"corpid": self.corp_id, "corpsecret": self.secret})


@pytest.fixture
def client(ground: Ground) -> SandboxClient:
    """The client as a user of wechatpy makes it."""
    return SandboxClient(ground.base)


def refused(call: Any, *args: Any, **kwargs: Any) -> int:
    """The errcode wechatpy raises for a call."""
    with pytest.raises(WeChatClientException) as caught:
        call(*args, **kwargs)
    return int(caught.value.errcode)


def confirmed(ground: Ground, client: SandboxClient, template: dict[str, Any]) -> list[dict[str, Any]]:
    """Create a mass message, let its sender confirm it, read what each recipient got."""
    msgid = client.external_contact.add_msg_template(template)["msgid"]
    ground.wait(5)
    ground.act("confirm", msgid=msgid, userid=template["sender"])
    report = client.post(f"{EC}/get_groupmsg_send_result", data={"msgid": msgid, "userid": template["sender"]})
    rows: list[dict[str, Any]] = report["send_list"]
    return rows


@pytest.mark.covers("gettoken", "success")
@pytest.mark.covers("gettoken", "refusal")
def test_wechatpy_gets_the_same_token_until_it_ends(ground: Ground, client: SandboxClient) -> None:
    """Asked twice the token is the same one; a wrong secret is 40001."""
    first, second = client.fetch_access_token(), client.fetch_access_token()
    assert first["access_token"] == second["access_token"] == client.access_token
    assert 0 < first["expires_in"] <= 7_200
    assert refused(SandboxClient(ground.base, "wrong").fetch_access_token) == 40001


@pytest.mark.covers("externalcontact/get_follow_user_list", "success")
@pytest.mark.covers("externalcontact/list", "success")
@pytest.mark.covers("externalcontact/list", "refusal")
@pytest.mark.covers("externalcontact/get", "success")
@pytest.mark.covers("externalcontact/batch/get_by_user", "success")
def test_wechatpy_reads_contacts(ground: Ground, client: SandboxClient) -> None:
    """Members, their customers in one list and in pages, one customer in full; nobody yet is 84061."""
    made = [ground.friend(name=f"邻居{n}", state="poster-a") for n in range(5)]
    contacts = client.external_contact
    assert HELPER in contacts.get_follow_user_list()["follow_user"]
    assert contacts.list(HELPER)["external_userid"] == made
    rows = list(contacts.gen_all_by_user(HELPER, limit=2))
    assert [row["external_contact"]["external_userid"] for row in rows] == made
    assert {row["follow_info"]["state"] for row in rows} == {"poster-a"}
    one = contacts.get(made[3])
    assert (one["external_contact"]["name"], one["follow_user"][0]["userid"]) == ("邻居3", HELPER)
    assert refused(contacts.list, ground.group()["owner"]) == 84061


@pytest.mark.covers("externalcontact/groupchat/list", "success")
@pytest.mark.covers("externalcontact/groupchat/get", "success")
def test_wechatpy_reads_groups_with_members(ground: Ground, client: SandboxClient) -> None:
    """All groups over several pages; who came is there, who left is gone."""
    came, stays = ground.members(2)
    chats = client.external_contact_group_chat.list_all(limit=1)
    assert {chat["chat_id"] for chat in chats} >= {ground.group(0)["chat_id"], ground.group(1)["chat_id"]}
    ground.act("leave", chat_id=ground.group()["chat_id"], external_userid=came)
    group = client.external_contact_group_chat.get(ground.group()["chat_id"])["group_chat"]
    assert [seat["userid"] for seat in group["member_list"] if seat["type"] == 2] == [stays]
    assert group["name"] == ground.group()["name"]


@pytest.mark.covers("externalcontact/groupchat/add_join_way", "success")
@pytest.mark.covers("externalcontact/groupchat/add_join_way", "read_back")
@pytest.mark.covers("externalcontact/groupchat/get_join_way", "success")
@pytest.mark.covers("externalcontact/groupchat/get_join_way", "refusal")
@pytest.mark.covers("externalcontact/groupchat/update_join_way", "success")
@pytest.mark.covers("externalcontact/groupchat/update_join_way", "read_back")
@pytest.mark.covers("externalcontact/groupchat/del_join_way", "success")
@pytest.mark.covers("externalcontact/groupchat/del_join_way", "read_back")
def test_wechatpy_makes_a_join_way_that_people_scan(ground: Ground, client: SandboxClient) -> None:
    """Who scans carries its state; an update is read back; a deleted code is 41044."""
    chat, who, path = ground.group()["chat_id"], ground.friend(), f"{EC}/groupchat"
    made = client.post(f"{path}/add_join_way", data={"scene": 2, "chat_id_list": [chat], "state": "电梯海报"})
    config = {"config_id": made["config_id"]}
    way = client.post(f"{path}/get_join_way", data=config)["join_way"]
    assert (way["chat_id_list"], way["state"]) == ([chat], "电梯海报")
    ground.act("scan", external_userid=who, **config)
    seats = client.external_contact_group_chat.get(chat)["group_chat"]["member_list"]
    assert [(seat["join_scene"], seat["state"]) for seat in seats if seat["userid"] == who] == [(3, "电梯海报")]
    client.post(f"{path}/update_join_way", data={**config, "scene": 2, "chat_id_list": [chat], "state": "门店"})
    assert client.post(f"{path}/get_join_way", data=config)["join_way"]["state"] == "门店"
    client.post(f"{path}/del_join_way", data=config)
    assert refused(client.post, f"{path}/get_join_way", data=config) == 41044


@pytest.mark.covers("externalcontact/add_corp_tag", "success")
@pytest.mark.covers("externalcontact/get_corp_tag_list", "success")
@pytest.mark.covers("externalcontact/edit_corp_tag", "read_back")
@pytest.mark.covers("externalcontact/edit_corp_tag", "refusal")
@pytest.mark.covers("externalcontact/mark_tag", "read_back")
@pytest.mark.covers("externalcontact/del_corp_tag", "read_back")
@pytest.mark.covers("externalcontact/del_corp_tag", "refusal")
def test_wechatpy_tags_customers(ground: Ground, client: SandboxClient) -> None:
    """A tag is made, renamed, put on a customer and deleted; the group goes with its last tag."""
    who, contacts = ground.friend(), client.external_contact
    group = contacts.add_corp_tag(None, "来源", None, [{"name": "海报"}, {"name": "门店", "order": 5}])["tag_group"]
    shown = contacts.get_corp_tag_list()["tag_group"]
    assert [tag["name"] for tag in shown[0]["tag"]] == ["门店", "海报"]
    poster = next(tag["id"] for tag in group["tag"] if tag["name"] == "海报")
    contacts.edit_corp_tag(poster, name="电梯海报")
    assert refused(contacts.edit_corp_tag, poster, name="门店") == 40071
    contacts.mark_tag(HELPER, who, add_tag=[poster])
    worn = contacts.get(who)["follow_user"][0]["tags"]
    assert [(tag["group_name"], tag["tag_name"], tag["tag_id"]) for tag in worn] == [("来源", "电梯海报", poster)]
    contacts.del_corp_tag(tag_id=[tag["id"] for tag in group["tag"]])
    assert contacts.get_corp_tag_list()["tag_group"] == []
    assert contacts.get(who)["follow_user"][0]["tags"] == []
    assert refused(contacts.del_corp_tag, tag_id=[poster]) == 40068


@pytest.mark.covers("media/upload", "success")
@pytest.mark.covers("media/upload", "read_back")
@pytest.mark.covers("media/upload", "refusal")
def test_wechatpy_uploads_media_that_lives_three_days(ground: Ground, client: SandboxClient) -> None:
    """The picture is accepted as a picture, not as a video, and no longer after three days; four bytes are 40006."""
    media = client.media.upload("image", ("oranges.png", BytesIO(PNG)))["media_id"]

    def template(kind: str) -> dict[str, Any]:
        part = {"msgtype": kind, kind: {"media_id": media}}
        group = ground.group()
        return {"chat_type": "group", "sender": group["owner"], "attachments": [part]}

    assert client.external_contact.add_msg_template(template("image"))["errcode"] == 0
    assert refused(client.external_contact.add_msg_template, template("video")) == 40007
    assert refused(client.media.upload, "image", ("x.png", BytesIO(b"1234"))) == 40006
    ground.wait(3 * 86_400)
    assert refused(client.external_contact.add_msg_template, template("image")) == 40007


@pytest.mark.covers("externalcontact/add_msg_template", "success")
@pytest.mark.covers("externalcontact/add_msg_template", "read_back")
@pytest.mark.covers("externalcontact/get_groupmsg_task", "success")
@pytest.mark.covers("externalcontact/get_groupmsg_task", "refusal")
@pytest.mark.covers("externalcontact/get_groupmsg_send_result", "success")
@pytest.mark.covers("externalcontact/get_groupmsg_list_v2", "success")
def test_wechatpy_follows_a_mass_message_to_its_confirmed_result(ground: Ground, client: SandboxClient) -> None:
    """First being dispatched (41063), then waiting (0), then confirmed (2) with the group served (1)."""
    group = ground.group()
    made = client.external_contact.add_msg_template(
        {"chat_type": "group", "sender": group["owner"], "text": {"content": "今晚八点,砂糖橘 9.9 元"}}
    )
    about = {"msgid": made["msgid"]}
    assert refused(client.post, f"{EC}/get_groupmsg_task", data=about) == 41063
    ground.wait(5)
    assert client.post(f"{EC}/get_groupmsg_task", data=about)["task_list"][0]["status"] == 0
    ground.act("confirm", userid=group["owner"], **about)
    assert client.post(f"{EC}/get_groupmsg_task", data=about)["task_list"][0]["status"] == 2
    report = client.post(f"{EC}/get_groupmsg_send_result", data={**about, "userid": group["owner"]})["send_list"]
    row = next(row for row in report if row["chat_id"] == group["chat_id"])
    assert row["status"] == 1
    span = {"start_time": row["send_time"] - 3_600, "end_time": row["send_time"]}
    listed = client.post(f"{EC}/get_groupmsg_list_v2", data={"chat_type": "group", **span})["group_msg_list"]
    assert [(task["msgid"], task["text"]["content"]) for task in listed] == [(made["msgid"], "今晚八点,砂糖橘 9.9 元")]


@pytest.mark.parametrize("how", ["expire_token", "revoke_token"])
def test_wechatpy_renews_a_token_that_ended_and_repeats_the_call(
    ground: Ground, client: SandboxClient, how: str
) -> None:
    """42001 and 40014 alike: the client asks for another token and the call is done once."""
    before, who = client.fetch_access_token()["access_token"], ground.friend()
    ground.act(how)
    client.post(f"{EC}/remark", data={"userid": HELPER, "external_userid": who, "remark": "三楼"})
    assert client.access_token != before
    assert client.external_contact.get(who)["follow_user"][0]["remark"] == "三楼"
    assert len(ground.log()) == 1


def test_wechatpy_sees_a_recipient_whose_quota_is_used_up(ground: Ground, client: SandboxClient) -> None:
    """The second mass message of a day is created without an error and ends with status 3."""
    group = ground.group()
    about = {"chat_type": "group", "sender": group["owner"], "text": {"content": "早"}}
    assert {row["status"] for row in confirmed(ground, client, about)} == {1}
    assert {row["status"] for row in confirmed(ground, client, about)} == {3}


@pytest.mark.covers("externalcontact/groupchat/list", "refusal")
def test_wechatpy_is_stopped_when_it_calls_too_often(ground: Ground, client: SandboxClient) -> None:
    """45009 is wechatpy's own limit error, until the minute is over."""
    for _ in range(CALLS_PER_MIN):
        client.external_contact.get_group_chat_list(1)
    with pytest.raises(APILimitedException):
        client.external_contact.get_group_chat_list(1)
    ground.wait(61)
    assert client.external_contact.get_group_chat_list(1)["errcode"] == 0


@pytest.mark.covers("externalcontact/groupchat/get", "refusal")
def test_wechatpy_is_told_of_an_unknown_chat(client: SandboxClient) -> None:
    """A chat_id of nobody is 40050, in a join way too."""
    assert refused(client.external_contact.get_group_chat_info, "wrNobody") == 40050
    way = {"scene": 2, "chat_id_list": ["wrNobody"]}
    assert refused(client.post, f"{EC}/groupchat/add_join_way", data=way) == 40050


@pytest.mark.covers("externalcontact/add_msg_template", "refusal")
def test_wechatpy_may_attach_nine_things_not_ten(ground: Ground, client: SandboxClient) -> None:
    """The tenth attachment is 41064."""
    link = {"msgtype": "link", "link": {"title": "砂糖橘", "url": "https://shop.example.com/orange"}}
    about = {"chat_type": "group", "sender": ground.group()["owner"]}
    assert client.external_contact.add_msg_template({**about, "attachments": [link] * 9})["errcode"] == 0
    assert refused(client.external_contact.add_msg_template, {**about, "attachments": [link] * 10}) == 41064


def test_wechatpy_text_is_measured_in_bytes(ground: Ground, client: SandboxClient) -> None:
    """4,000 bytes of Chinese pass, 4,001 do not, although they are 1,334 characters."""
    about = {"chat_type": "group", "sender": ground.group()["owner"]}
    most = {**about, "text": {"content": "橘" * 1_333 + "a"}}
    assert client.external_contact.add_msg_template(most)["errcode"] == 0
    over = {**about, "text": {"content": "橘" * 1_333 + "ab"}}
    assert refused(client.external_contact.add_msg_template, over) == 40058


def test_wechatpy_decrypts_the_callbacks(ground: Ground) -> None:
    """A new friend, a scan and a departure arrive signed and encrypted, and parse into wechatpy's own events."""
    who = ground.friend(state="poster-a")
    ground.act("pull_in", chat_id=ground.group()["chat_id"], external_userid=who)
    ground.act("leave", chat_id=ground.group()["chat_id"], external_userid=who)
    friend, came, left = [parse_message(plain(delivery)) for delivery in ground.deliveries]
    assert (friend.event, friend.change_type, friend.state) == (
        "change_external_contact",
        "add_external_contact",
        "poster-a",
    )
    assert (friend.external_user_id, friend.user_id) == (who, HELPER)
    assert friend.welcome_code
    assert (came.event, came.update_detail, came.chat_id) == (
        "change_external_chat",
        "add_member",
        ground.group()["chat_id"],
    )
    assert (left.update_detail, left.quit_scene, left.mem_change_cnt) == ("del_member", "0", "1")


def plain(delivery: Delivery) -> str:
    """A callback as wechatpy decrypts it."""
    query = delivery.query
    crypto = WeChatCrypto(TOKEN, AES_KEY, CORP)
    return str(crypto.decrypt_message(delivery.body, query["msg_signature"], query["timestamp"], query["nonce"]))
