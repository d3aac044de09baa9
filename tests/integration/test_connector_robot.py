"""Group robots through the connector and a real sandbox: every kind of message, its limits, a key nobody is told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from qunflow.connectors.wecom.answers import AuthRefused, RateLimited
from qunflow.connectors.wecom.robot import Robot
from qunflow.errors import BadInput, ChannelRefused, ConfigurationError
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import PICTURE

CARD: dict[str, Any] = {
    "card_type": "text_notice",
    "main_title": {"title": "今日待办", "desc": "两件"},
    "card_action": {"type": 1, "url": "https://shop.example.com"},
}
ARTICLE = {"title": "砂糖橘", "url": "https://shop.example.com/orange"}


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with the documented limits."""
    with anywhere() as found:
        yield found


@pytest.fixture
def key(caller: Anywhere) -> str:
    """The key of a robot in it."""
    return str(caller.act("add_robot")["key"])


@pytest.fixture
def robot(caller: Anywhere, key: str) -> Iterator[Robot]:
    """The robot."""
    with Robot(str(caller.http.base_url), key, production=False) as made:
        yield made


def written(caller: Anywhere) -> list[str]:
    """The kinds of messages the platform has accepted."""
    lines = caller.log()
    return [line["body"]["msgtype"] for line in lines if line["path"].endswith("webhook/send")]


def test_every_kind_of_message_arrives(caller: Anywhere, robot: Robot) -> None:
    """What the checks let through, the platform takes, up to the last byte."""
    robot.text("橘" * 682 + "ab", mentioned=["@all"])
    robot.markdown("**好** <@owner_zhou>")
    robot.markdown_v2("a" * 4_096)
    robot.image(PICTURE)
    robot.news([ARTICLE] * 8)
    robot.template_card(CARD)
    robot.file(robot.upload_media("file", "名单.csv", b"a,b,c,d"))
    kinds = ["text", "markdown", "markdown_v2", "image", "news", "template_card", "file"]
    assert written(caller) == kinds


WRONG: list[Callable[[Robot], object]] = [
    lambda robot: robot.text("橘" * 683),
    lambda robot: robot.text(""),
    lambda robot: robot.markdown("a" * 4_097),
    lambda robot: robot.markdown_v2("<@owner_zhou>"),
    lambda robot: robot.image(b"GIF89a" * 9),
    lambda robot: robot.image(PICTURE + b"x" * 2_000_000),
    lambda robot: robot.news([]),
    lambda robot: robot.news([ARTICLE] * 9),
    lambda robot: robot.news([{"title": "t", "url": "shop.example.com"}]),
    lambda robot: robot.template_card({**CARD, "card_type": "vote_interaction"}),
    lambda robot: robot.template_card({**CARD, "main_title": {}}),
    lambda robot: robot.template_card({**CARD, "main_title": {"title": "长" * 27}}),
    lambda robot: robot.template_card({**CARD, "jump_list": [{}] * 4}),
    lambda robot: robot.upload_media("file", "a.csv", b"12345"),
    lambda robot: robot.upload_media("voice", "a.amr", b"x" * 2_000_001),
]


@pytest.mark.parametrize("send", WRONG, ids=range(len(WRONG)))
def test_what_the_platform_would_refuse_is_not_sent(
    caller: Anywhere, robot: Robot, send: Callable[[Robot], object]
) -> None:
    """Bytes are counted as bytes, before anything leaves."""
    with pytest.raises(BadInput):
        send(robot)
    assert caller.log() == []


def test_the_21st_message_of_a_minute_is_not_sent(caller: Anywhere, key: str) -> None:
    """The platform would block the robot for a minute; here only the message waits."""
    now = [0.0]
    with Robot(str(caller.http.base_url), key, production=False, clock=lambda: now[0]) as robot:
        for _ in range(20):
            robot.text("早")
        now[0] = 45.0
        with pytest.raises(RateLimited, match="nothing was sent") as raised:
            robot.text("早")
        assert raised.value.retry_after_s == pytest.approx(15.3)
        caller.wait(61)
        now[0] = 61.0
        robot.text("早")
    assert len(written(caller)) == 21


def test_a_limit_another_program_used_up_says_how_long_to_wait(caller: Anywhere, key: str, robot: Robot) -> None:
    """The platform's own refusal asks for a minute."""
    for _ in range(20):
        caller.http.post(
            "/cgi-bin/webhook/send", params={"key": key}, json={"msgtype": "text", "text": {"content": "x"}}
        )
    with pytest.raises(RateLimited) as raised:
        robot.text("早")
    assert raised.value.retry_after_s == 60


def test_a_wrong_key_is_a_matter_of_settings(caller: Anywhere) -> None:
    """The operator copies the address again."""
    with Robot(str(caller.http.base_url), "wrong", production=False) as robot:
        with pytest.raises(AuthRefused, match="copy the robot's address"):
            robot.text("早")
        with pytest.raises(AuthRefused):
            robot.upload_media("file", "a.csv", b"123456")


def test_a_file_of_another_pool_is_refused(caller: Anywhere, robot: Robot) -> None:
    """Only what this robot uploaded can be sent."""
    with pytest.raises(ChannelRefused) as raised:
        robot.file(caller.upload(type="file"))
    assert raised.value.code == 40007


def test_the_key_is_told_nowhere(caller: Anywhere, key: str, robot: Robot, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the log of the HTTP library, not in errors, not in the object's text."""
    caplog.set_level(logging.DEBUG)
    robot.text("早")
    caller.http.post("/_sandbox/faults", json=[{"path": "webhook/send", "mode": "reply_lost"}])
    told = [repr(robot)]
    with pytest.raises(Exception, match="no whole answer") as raised:
        robot.text("早")
    told += [str(raised.value), repr(raised.value), repr(raised.value.__cause__), caplog.text]
    assert "key=***" in caplog.text
    ours = [record.getMessage() for record in caplog.records if "wecom-robot" in (record.threadName or "")]
    assert ours
    assert key not in "".join(told[:-1]) + "".join(ours)


def test_production_does_not_write_to_a_sandbox() -> None:
    """The two worlds are kept apart for robots too."""
    with pytest.raises(ConfigurationError, match="QUNFLOW_WECOM_BASE_URL"):
        Robot("http://127.0.0.1:1", "k", production=True)
