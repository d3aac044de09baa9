"""wechatpy 1.8.18, the last stable release, works against the sandbox too; it needs an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.ground import AES_KEY, CORP, HELPER, PNG, SECRET, TOKEN, Ground

EC = "externalcontact"
WANTED = "wechatpy[cryptography]==1.8.18"
pytestmark = pytest.mark.soak_only


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing but the stable release."""
    folder = tmp_path_factory.mktemp("stable") / "venv"
    venv.create(folder, with_pip=True)
    found = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    command = [str(found), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", WANTED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{WANTED} could not be installed from wheels:\n{done.stderr}", pytrace=False)
    return found


@dataclass(frozen=True, slots=True)
class Stable:
    """The running client."""

    process: subprocess.Popen[str]

    def do(self, method: str, *args: Any, **named: Any) -> Any:
        """What a method returned."""
        found = self._said(method, args, named)
        assert "answer" in found, found
        return found["answer"]

    def code(self, method: str, *args: Any, **named: Any) -> int:
        """The errcode a method raised."""
        return int(self._said(method, args, named)["errcode"])

    def _said(self, method: str, args: Any, named: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"method": method, "args": args, "named": named}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the client ended: " + (self.process.stderr.read() if self.process.stderr else "")
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture
def client(python: Path, ground: Ground) -> Iterator[Stable]:
    """The client, pointed at the sandbox."""
    script = Path(__file__).with_name("stable_wechatpy.py")
    command = [str(python), "-W", "ignore", str(script), ground.base, CORP, SECRET, TOKEN, AES_KEY]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        yield Stable(process)
    finally:
        process.communicate(timeout=10)


def test_the_stable_release_reads_contacts_groups_and_tags(ground: Ground, client: Stable) -> None:
    """Members, customers, groups with members, tags on a customer, and another token when the first ended."""
    assert client.do("version") == "1.8.18"
    who = ground.members(1)[0]
    assert HELPER in client.do("external_contact.get_follow_user_list")["follow_user"]
    assert client.do("external_contact.list", HELPER)["external_userid"] == [who]
    ground.act("expire_token")
    group = client.do("external_contact_group_chat.get", ground.group()["chat_id"])["group_chat"]
    assert [seat["userid"] for seat in group["member_list"] if seat["type"] == 2] == [who]
    made = client.do("external_contact.add_corp_tag", None, "来源", 0, [{"name": "海报"}])["tag_group"]["tag"][0]
    client.do("external_contact.mark_tag", HELPER, who, [made["id"]])
    assert client.do("external_contact.get", who)["follow_user"][0]["tags"][0]["tag_name"] == "海报"
    assert client.code("external_contact_group_chat.get", "wrNobody") == 40050


def test_the_stable_release_follows_a_mass_message(ground: Ground, client: Stable, tmp_path: Path) -> None:
    """A picture and words to a group, confirmed and over the quota; ten attachments and 4,001 bytes are refused."""
    picture = tmp_path / "oranges.png"
    picture.write_bytes(PNG)
    media = {"media_id": client.do("media.upload", "image", str(picture))["media_id"]}
    about = {"chat_type": "group", "sender": ground.group()["owner"], "text": {"content": "早"}}
    image = {"msgtype": "image", "image": media}

    def results() -> set[int]:
        msgid = client.do("external_contact.add_msg_template", {**about, "attachments": [image]})["msgid"]
        ground.wait(5)
        ground.act("confirm", msgid=msgid, userid=about["sender"])
        data = {"msgid": msgid, "userid": about["sender"]}
        return {row["status"] for row in client.do("post", f"{EC}/get_groupmsg_send_result", data=data)["send_list"]}

    assert (results(), results()) == ({1}, {3})
    assert client.code("external_contact.add_msg_template", {**about, "attachments": [image] * 10}) == 41064
    long = {**about, "text": {"content": "橘" * 1_333 + "ab"}}
    assert client.code("external_contact.add_msg_template", long) == 40058


def test_the_stable_release_makes_a_join_way_and_decrypts_what_follows(ground: Ground, client: Stable) -> None:
    """Who scans raises a callback that the old client opens."""
    chat, who = ground.group()["chat_id"], ground.friend()
    data = {"scene": 2, "chat_id_list": [chat], "state": "电梯海报"}
    config = client.do("post", f"{EC}/groupchat/add_join_way", data=data)["config_id"]
    ground.act("scan", config_id=config, external_userid=who)
    arrived = ground.deliveries[-1]
    query = arrived.query
    plain = client.do("decrypt", arrived.body, query["msg_signature"], query["timestamp"], query["nonce"])
    assert f"<Item><![CDATA[{who}]]></Item>" in plain
    assert "<JoinScene>3</JoinScene>" in plain
