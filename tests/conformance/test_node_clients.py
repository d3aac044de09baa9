"""node-easywechat 3.6.2 and Tencent's own @wecom/crypto 1.0.1 work against the sandbox, run by a real Node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qunflow.connectors.wecom.crypto import CallbackCrypto
from tests.conformance.ground import AES_KEY, CALLS_PER_MIN, CORP, HELPER, PNG, TOKEN, Delivery, Ground
from tests.conformance.node_clients import Node, installed, running_node

EC = "externalcontact"
# One worker only: the packages are installed once.
pytestmark = pytest.mark.needs_node


@pytest.fixture(scope="module")
def modules() -> Path:
    """The installed packages."""
    return installed()


@pytest.fixture
def node(modules: Path, ground: Ground, tmp_path: Path) -> Iterator[Node]:
    """The clients, pointed at the sandbox."""
    with running_node(modules, ground, tmp_path) as started:
        yield started


def confirmed(ground: Ground, node: Node, **template: Any) -> list[dict[str, Any]]:
    """Create a mass message, let its sender confirm it, read what each recipient got."""
    msgid = node.post(f"{EC}/add_msg_template", **template)["msgid"]
    ground.wait(5)
    ground.act("confirm", msgid=msgid, userid=template["sender"])
    rows: list[dict[str, Any]] = node.post(f"{EC}/get_groupmsg_send_result", msgid=msgid, userid=template["sender"])[
        "send_list"
    ]
    return rows


def encrypted(delivery: Delivery) -> str:
    """The sealed part of a callback."""
    found = re.search(r"<Encrypt><!\[CDATA\[(.+?)\]\]></Encrypt>", delivery.body)
    assert found is not None
    return found.group(1)


def test_the_node_clients_are_the_ones_that_were_promised(node: Node) -> None:
    """Versions are read from the packages that really run."""
    versions = node.do("versions")
    assert (versions["easywechat"], versions["crypto"]) == ("3.6.2", "1.0.1")
    assert int(versions["node"].split(".")[0]) >= 18


def test_node_gets_the_same_token_until_it_ends(node: Node) -> None:
    """Asked again the token is the same one; a wrong secret is 40001."""
    first = node.do("token")["token"]
    assert node.do("refresh")["token"] == first
    assert '"errcode":40001' in node.do("wrongSecret")["problem"]


def test_node_reads_contacts(ground: Ground, node: Node) -> None:
    """Members, their customers in one list and in pages, one customer in full; nobody yet is 84061."""
    made = [ground.friend(name=f"邻居{n}", state="poster-a") for n in range(3)]
    assert HELPER in node.get(f"{EC}/get_follow_user_list")["follow_user"]
    assert node.get(f"{EC}/list", userid=HELPER)["external_userid"] == made
    first = node.post(f"{EC}/batch/get_by_user", userid_list=[HELPER], limit=2)
    rest = node.post(f"{EC}/batch/get_by_user", userid_list=[HELPER], limit=2, cursor=first["next_cursor"])
    rows = first["external_contact_list"] + rest["external_contact_list"]
    assert [row["external_contact"]["external_userid"] for row in rows] == made
    assert rest["next_cursor"] == ""
    assert node.get(f"{EC}/get", external_userid=made[2])["external_contact"]["name"] == "邻居2"
    assert node.get(f"{EC}/list", userid=ground.group()["owner"])["errcode"] == 84061


def test_node_reads_groups_with_members(ground: Ground, node: Node) -> None:
    """Who came is there with a name when asked for one, who left is gone."""
    left, stays = ground.members(2)
    ground.act("leave", chat_id=ground.group()["chat_id"], external_userid=left)
    chats = node.post(f"{EC}/groupchat/list", limit=100)["group_chat_list"]
    assert ground.group()["chat_id"] in [chat["chat_id"] for chat in chats]
    group = node.post(f"{EC}/groupchat/get", chat_id=ground.group()["chat_id"], need_name=1)["group_chat"]
    assert [(seat["userid"], seat["name"]) for seat in group["member_list"] if seat["type"] == 2] == [(stays, "邻居1")]


def test_node_makes_a_join_way_that_people_scan(ground: Ground, node: Node) -> None:
    """Who scans carries its state; a deleted code is 41044."""
    chat, who = ground.group()["chat_id"], ground.friend()
    config = node.post(f"{EC}/groupchat/add_join_way", scene=2, chat_id_list=[chat], state="电梯海报")["config_id"]
    assert node.post(f"{EC}/groupchat/get_join_way", config_id=config)["join_way"]["state"] == "电梯海报"
    ground.act("scan", external_userid=who, config_id=config)
    seats = node.post(f"{EC}/groupchat/get", chat_id=chat)["group_chat"]["member_list"]
    assert [(seat["join_scene"], seat["state"]) for seat in seats if seat["userid"] == who] == [(3, "电梯海报")]
    assert node.code(f"{EC}/groupchat/del_join_way", config_id=config) == 0
    assert node.code(f"{EC}/groupchat/get_join_way", config_id=config) == 41044


def test_node_tags_customers(ground: Ground, node: Node) -> None:
    """A tag is made, put on a customer and taken off; a name over 30 characters and an unknown tag are refused."""
    who = ground.friend()
    group = node.post(f"{EC}/add_corp_tag", group_name="来源", tag=[{"name": "海报"}])["tag_group"]
    tag = group["tag"][0]["id"]
    assert node.post(f"{EC}/get_corp_tag_list")["tag_group"][0]["tag"][0]["name"] == "海报"
    about = {"userid": HELPER, "external_userid": who}
    assert node.code(f"{EC}/mark_tag", **about, add_tag=[tag]) == 0
    assert node.get(f"{EC}/get", external_userid=who)["follow_user"][0]["tags"][0]["tag_id"] == tag
    assert node.code(f"{EC}/mark_tag", **about, remove_tag=[tag]) == 0
    assert node.get(f"{EC}/get", external_userid=who)["follow_user"][0]["tags"] == []
    assert node.code(f"{EC}/mark_tag", **about, add_tag=["etNobody"]) == 40068
    assert node.code(f"{EC}/add_corp_tag", group_name="来源", tag=[{"name": "长" * 33}]) == 40072


def test_node_uploads_media(ground: Ground, node: Node, tmp_path: Path) -> None:
    """A picture sent as a stream is accepted as a picture and not as a video; four bytes are 40006."""
    picture, tiny = tmp_path / "橘子.png", tmp_path / "tiny.png"
    picture.write_bytes(PNG)
    tiny.write_bytes(b"1234")
    made = node.do("upload", kind="image", file=str(picture))
    assert (made["type"], made["errcode"]) == ("image", 0)
    about = {"chat_type": "group", "sender": ground.group()["owner"]}
    media = {"media_id": made["media_id"]}
    assert node.code(f"{EC}/add_msg_template", **about, attachments=[{"msgtype": "image", "image": media}]) == 0
    assert node.code(f"{EC}/add_msg_template", **about, attachments=[{"msgtype": "video", "video": media}]) == 40007
    assert node.do("upload", kind="image", file=str(tiny))["errcode"] == 40006


def test_node_follows_a_mass_message_to_its_confirmed_result(ground: Ground, node: Node) -> None:
    """First being dispatched (41063), then waiting (0), then confirmed (2) with the group served (1)."""
    group = ground.group()
    text = {"content": "今晚八点,砂糖橘 9.9 元 🍊"}
    msgid = node.post(f"{EC}/add_msg_template", chat_type="group", sender=group["owner"], text=text)["msgid"]
    assert node.code(f"{EC}/get_groupmsg_task", msgid=msgid) == 41063
    ground.wait(5)
    assert node.post(f"{EC}/get_groupmsg_task", msgid=msgid)["task_list"][0]["status"] == 0
    ground.act("confirm", msgid=msgid, userid=group["owner"])
    assert node.post(f"{EC}/get_groupmsg_task", msgid=msgid)["task_list"][0]["status"] == 2
    report = node.post(f"{EC}/get_groupmsg_send_result", msgid=msgid, userid=group["owner"])["send_list"]
    assert [row["status"] for row in report if row["chat_id"] == group["chat_id"]] == [1]
    assert json.loads(ground.log()[0])["body"]["text"] == text


@pytest.mark.parametrize(("how", "code"), [("expire_token", 42001), ("revoke_token", 40014)])
def test_node_is_told_that_its_token_ended_and_goes_on_with_another(
    ground: Ground, node: Node, how: str, code: int
) -> None:
    """The cached token is refused with its code; one refresh later the same call works."""
    before = node.do("token")["token"]
    ground.act(how)
    assert node.code(f"{EC}/groupchat/list", limit=1) == code
    assert node.do("refresh")["token"] != before
    assert node.code(f"{EC}/groupchat/list", limit=1) == 0


def test_node_sees_a_recipient_whose_quota_is_used_up(ground: Ground, node: Node) -> None:
    """The second mass message of a day is created without an error and ends with status 3."""
    about = {"chat_type": "group", "sender": ground.group()["owner"], "text": {"content": "早"}}
    assert {row["status"] for row in confirmed(ground, node, **about)} == {1}
    assert {row["status"] for row in confirmed(ground, node, **about)} == {3}


def test_node_is_stopped_when_it_calls_too_often(ground: Ground, node: Node) -> None:
    """45009, until the minute is over."""
    codes = [node.code(f"{EC}/groupchat/list", limit=1) for _ in range(CALLS_PER_MIN + 1)]
    assert codes == [*[0] * CALLS_PER_MIN, 45009]
    ground.wait(61)
    assert node.code(f"{EC}/groupchat/list", limit=1) == 0


def test_node_is_told_of_an_unknown_chat(node: Node) -> None:
    """A chat_id of nobody is 40050."""
    assert node.code(f"{EC}/groupchat/get", chat_id="wrNobody") == 40050


def test_node_may_attach_nine_things_not_ten(ground: Ground, node: Node) -> None:
    """The tenth attachment is 41064."""
    link = {"msgtype": "link", "link": {"title": "砂糖橘", "url": "https://shop.example.com/orange"}}
    about = {"chat_type": "group", "sender": ground.group()["owner"]}
    assert node.code(f"{EC}/add_msg_template", **about, attachments=[link] * 9) == 0
    assert node.code(f"{EC}/add_msg_template", **about, attachments=[link] * 10) == 41064


def test_node_text_is_measured_in_bytes(ground: Ground, node: Node) -> None:
    """4,000 bytes of Chinese pass, 4,001 do not, although they are 1,335 characters."""
    about = {"chat_type": "group", "sender": ground.group()["owner"]}
    assert node.code(f"{EC}/add_msg_template", **about, text={"content": "橘" * 1_333 + "a"}) == 0
    assert node.code(f"{EC}/add_msg_template", **about, text={"content": "橘" * 1_333 + "ab"}) == 40058


def test_node_serves_the_callbacks(ground: Ground, node: Node) -> None:
    """node-easywechat decrypts and finds its own message fields; a signature of something else it refuses."""
    who = ground.friend(state="poster-a")
    ground.act("pull_in", chat_id=ground.group()["chat_id"], external_userid=who)
    friend, came = [node.do("serve", url=one.url, body=one.body) for one in ground.deliveries]
    assert friend["status"] == came["status"] == 200
    assert friend["message"]["ChangeType"] == "add_external_contact"
    assert (friend["message"]["ExternalUserID"], friend["message"]["State"]) == (who, "poster-a")
    assert came["message"]["ChatId"] == ground.group()["chat_id"]
    assert came["message"]["MemChangeList"] == {"Item": who}
    mixed = Delivery(ground.deliveries[0].url, ground.deliveries[1].body)
    with pytest.raises(AssertionError, match="Invalid request signature"):
        node.do("serve", url=mixed.url, body=mixed.body)


def test_tencents_library_signs_and_opens_the_callbacks_alike(ground: Ground, node: Node) -> None:
    """The same signature, the corp as receiver, and the plain XML inside."""
    who = ground.friend()
    delivery = ground.deliveries[0]
    opened = node.do("decrypt", query=delivery.query, encrypted=encrypted(delivery))
    assert opened["signature"] == delivery.query["msg_signature"]
    assert opened["id"] == CORP
    assert f"<ExternalUserID><![CDATA[{who}]]></ExternalUserID>" in opened["message"]


def test_tencents_library_and_ours_seal_to_the_same_letters(node: Node) -> None:
    """Same key, same random prefix, same message: equal ciphertext, also over the block boundaries."""
    crypto = CallbackCrypto(TOKEN, AES_KEY, CORP)
    for length in (0, 1, 10, 11, 12, 31, 32, 33, 500):
        message = "橘" * length
        theirs = node.do("encrypt", message=message, random="abcdefghijklmnop")["encrypted"]
        assert theirs == crypto.seal(message.encode(), b"abcdefghijklmnop")
