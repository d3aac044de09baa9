"""Group robots over real HTTP: every kind of message with its limits, the count per minute, keys that end."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from hashlib import md5
from typing import Any

import pytest

from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import PICTURE

ARTICLE = {"title": "长" * 60, "url": "https://shop.example.com", "description": "长" * 400}
CARD: dict[str, Any] = {
    "card_type": "text_notice",
    "main_title": {"title": "今日待办", "desc": "两件"},
    "card_action": {"type": 1, "url": "https://shop.example.com"},
}


class Robot:
    """One robot's key and its two calls."""

    def __init__(self, caller: Anywhere, **about: Any) -> None:
        self.caller = caller
        self.key = caller.act("add_robot", **about)["key"]

    def send(self, kind: str, /, **part: Any) -> int:
        """Send one message; its code."""
        answer = self.caller.http.post("/cgi-bin/webhook/send", params={"key": self.key}, json=message(kind, part))
        return int(answer.json()["errcode"])

    def upload(self, content: bytes, kind: str = "file") -> dict[str, Any]:
        """Upload one file; the body as it came."""
        params, files = {"key": self.key, "type": kind}, {"media": ("a.bin", content)}
        found: dict[str, Any] = self.caller.http.post(
            "/cgi-bin/webhook/upload_media", params=params, files=files
        ).json()
        return found


def message(kind: str, part: Any) -> dict[str, Any]:
    """A body."""
    return {"msgtype": kind, kind: part}


def picture(content: bytes) -> dict[str, str]:
    """The body of an image message."""
    return {"base64": b64encode(content).decode(), "md5": md5(content, usedforsecurity=False).hexdigest()}


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with the documented limits."""
    with anywhere() as found:
        yield found


@pytest.fixture
def robot(caller: Anywhere) -> Robot:
    """A robot in an internal group."""
    return Robot(caller)


@pytest.mark.covers("webhook/send", "success")
@pytest.mark.covers("webhook/send", "read_back")
def test_robots_send_succeeds_with_every_kind_and_is_logged(robot: Robot) -> None:
    """Each kind at its limit is taken and stands in the log, without the key."""
    assert robot.send("text", content="长" * 682, mentioned_list=["@all"]) == 0
    assert robot.send("markdown", content="长" * 1_365) == 0
    assert robot.send("markdown_v2", content="x" * 4_096) == 0
    assert robot.send("image", **picture(PICTURE)) == 0
    assert robot.send("news", articles=[ARTICLE] * 8) == 0
    assert robot.send("template_card", **CARD) == 0
    media_id = robot.upload(b"0123456789")["media_id"]
    assert robot.send("file", media_id=media_id) == 0
    lines = [line for line in robot.caller.log() if line["path"].endswith("webhook/send")]
    assert [line["body"]["msgtype"] for line in lines] == [
        "text",
        "markdown",
        "markdown_v2",
        "image",
        "news",
        "template_card",
        "file",
    ]
    assert robot.key not in robot.caller.http.get("/_sandbox/log").text


@pytest.mark.covers("webhook/send", "refusal")
@pytest.mark.parametrize(
    ("kind", "part", "code"),
    [
        ("text", {"content": "长" * 683}, 45002),
        ("text", {"content": ""}, 44004),
        ("markdown", {"content": "长" * 1_366}, 45002),
        ("markdown_v2", {"content": "x" * 4_097}, 45002),
        ("image", {**picture(PICTURE), "md5": "0" * 32}, 40058),
        ("image", picture(b"no picture at all"), 40123),
        ("image", picture(PICTURE + b"x" * 2 * 1024 * 1024), 40009),
        ("image", {"base64": "***", "md5": "x"}, 40123),
        ("news", {"articles": [ARTICLE] * 9}, 45008),
        ("news", {"articles": [{"title": "x", "url": "shop"}]}, 45034),
        ("file", {"media_id": "no"}, 40007),
        ("template_card", {**CARD, "card_type": "vote_interaction"}, 42027),
        ("template_card", {**CARD, "main_title": {}}, 42027),
        ("template_card", {**CARD, "main_title": {"title": "长" * 27}}, 40058),
        ("template_card", {**CARD, "jump_list": [{}] * 4}, 40058),
        ("template_card", {**CARD, "horizontal_content_list": [{}] * 7}, 40058),
        ("template_card", {**CARD, "card_action": {"type": 2}}, 40063),
        ("song", {}, 40008),
    ],
)
def test_robots_send_refuses_what_is_documented(robot: Robot, kind: str, part: dict[str, Any], code: int) -> None:
    """Each wrong part has its code."""
    assert robot.send(kind, **part) == code


def test_robots_send_20_messages_a_minute_each(caller: Anywhere) -> None:
    """The 21st is 45009 for a minute from then on; another robot is not concerned."""
    one, other = Robot(caller), Robot(caller)
    assert [one.send("text", content="早") for _ in range(21)] == [0] * 20 + [45009]
    assert other.send("text", content="早") == 0
    caller.wait(59)
    assert one.send("text", content="早") == 45009
    caller.wait(1)
    assert one.send("text", content="早") == 0


def test_robots_end_when_removed_or_disabled(caller: Anywhere) -> None:
    """An unknown and a removed key are 93000, a disabled robot is 93004 until it is enabled."""
    robot = Robot(caller)
    caller.act("disable_robot", key=robot.key)
    assert robot.send("text", content="早") == 93004
    caller.act("disable_robot", key=robot.key, disabled=False)
    assert robot.send("text", content="早") == 0
    caller.act("remove_robot", key=robot.key)
    assert robot.send("text", content="早") == 93000
    answer = caller.http.post("/cgi-bin/webhook/send", json=message("text", {"content": "x"}))
    assert answer.json()["errcode"] == 93000


@pytest.mark.covers("webhook/upload_media", "success")
@pytest.mark.covers("webhook/upload_media", "read_back")
def test_robots_upload_media_keeps_a_file_for_one_robot(caller: Anywhere) -> None:
    """The id works for that robot and three days only, and as its own kind."""
    one, other = Robot(caller), Robot(caller)
    made = one.upload(b"0123456789")
    assert (made["type"], isinstance(made["created_at"], str)) == ("file", True)
    assert one.send("file", media_id=made["media_id"]) == 0
    assert one.send("voice", media_id=made["media_id"]) == 40007
    assert other.send("file", media_id=made["media_id"]) == 40007
    caller.wait(3 * 86_400)
    assert one.send("file", media_id=made["media_id"]) == 40007


@pytest.mark.covers("webhook/upload_media", "refusal")
def test_robots_upload_media_checks_kind_size_and_length(robot: Robot) -> None:
    """Only files and voice, over 5 bytes, up to 20 MB and 2 MB, and a minute of speech."""
    frame = b"\x3c" + b"\x00" * 31
    assert robot.upload(b"0123456789", "image")["errcode"] == 40005
    assert robot.upload(b"01234")["errcode"] == 40006
    assert robot.upload(b"x" * 2_000_001, "voice")["errcode"] == 45001
    assert robot.upload(b"#!AMR\n" + frame * 3_000, "voice")["errcode"] == 0
    assert robot.upload(b"#!AMR\n" + frame * 3_001, "voice")["errcode"] == 45007
    robot.caller.act("remove_robot", key=robot.key)
    assert robot.upload(b"0123456789")["errcode"] == 93000


def test_robots_reach_customer_groups_only_where_the_corp_allows_it() -> None:
    """By default no robot can be added to a customer group; where it is allowed, it writes there."""
    with anywhere() as caller:
        assert caller.try_act("add_robot", chat_id=caller.chat()).status_code == 400
    with anywhere(robots_in_customer_groups=True) as caller:
        chat = caller.chat()
        assert Robot(caller, chat_id=chat).send("text", content="早") == 0
        assert caller.log()[-1]["targets"] == [chat]
