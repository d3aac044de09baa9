"""Every robot against a server in another process: each way a sending can end, and secrets nobody is told."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qunflow.connectors.channel import Accepted, Channel, Held, Link, Outgoing, Refused, Unknown
from qunflow.connectors.dingtalk import DINGTALK, DingTalkRobot
from qunflow.connectors.feishu import FEISHU, FeishuRobot
from qunflow.connectors.pacer import Pacer
from qunflow.connectors.robots import Line
from qunflow.connectors.wecom.robot import Robot
from qunflow.connectors.wecom_robot import WeComRobot
from tests.integration.channel_servers import Told, a_platform

KEY, SECRET = "k3y-of-a-robot", "SEC-canary-secret"
GOOD_MORNING = Outgoing("", "", "早上好,今天有砂糖橘")
Make = Callable[[str], tuple[Channel, Callable[[], None]]]


def _dingtalk(url: str) -> tuple[Channel, Callable[[], None]]:
    line = Line(DINGTALK, url, production=False, timeout_s=3)
    return DingTalkRobot(line, KEY, SECRET), line.close


def _feishu(url: str) -> tuple[Channel, Callable[[], None]]:
    line = Line(FEISHU, url, production=False, timeout_s=3)
    return FeishuRobot(line, KEY, SECRET), line.close


def _wecom(url: str) -> tuple[Channel, Callable[[], None]]:
    robot = Robot(url, KEY, production=False, timeout_s=3)
    return WeComRobot(robot), robot.close


ROBOTS: dict[str, Make] = {"dingtalk": _dingtalk, "feishu": _feishu, "wecom": _wecom}


@pytest.fixture(scope="module")
def running() -> Iterator[Told]:
    """One server for all tests."""
    with a_platform() as found:
        yield found


@pytest.fixture
def platform(running: Told) -> Told:
    """The server, accepting everything."""
    running.will()
    return running


@pytest.fixture(params=sorted(ROBOTS))
def robot(request: pytest.FixtureRequest, platform: Told) -> Iterator[Channel]:
    """A robot of each platform."""
    made, close = ROBOTS[request.param](platform.url)
    yield made
    close()


@pytest.fixture
def dingtalk(platform: Told) -> Iterator[DingTalkRobot]:
    """A robot of DingTalk."""
    with Line(DINGTALK, platform.url, production=False, timeout_s=3) as line:
        yield DingTalkRobot(line, KEY, SECRET)


@pytest.fixture
def feishu(platform: Told) -> Iterator[FeishuRobot]:
    """A robot of Feishu."""
    with Line(FEISHU, platform.url, production=False, timeout_s=3) as line:
        yield FeishuRobot(line, KEY, SECRET)


def answer(code: int, name: str = "errcode", status: int = 200) -> dict[str, Any]:
    """An answer with a code, as this platform writes it."""
    return {"status": status, "body": f'{{"{name}":{code},"errmsg":"why","msg":"why"}}'}


def test_an_accepted_message_was_read_whole(robot: Channel, platform: Told) -> None:
    """The text arrives as it was, and the ending is accepted."""
    assert robot.send(GOOD_MORNING) == Accepted()
    (seen,) = platform.seen()
    assert GOOD_MORNING.text in str(seen["body"])


BROKEN: dict[str, dict[str, Any]] = {
    "an HTML error": {"status": 502, "body": "<html>Bad Gateway</html>"},
    "HTML and 200": {"status": 200, "body": "<html>maintenance</html>"},
    "a truncated answer": {"status": 200, "body": '{"errcode":', "missing": 20},
    "no answer after the request was read": {"lost": True},
    "an empty answer": {"status": 200, "body": ""},
    "a code that is no number": {"status": 200, "body": '{"errcode":true,"code":[]}'},
    "a list": {"status": 200, "body": "[0]"},
    "a redirect": {"status": 302, "body": "", "to": "/elsewhere"},
    "done, with an error status": {"status": 500, "body": '{"errcode":0,"code":0}'},
    "done, but not found": {"status": 404, "body": '{"errcode":0,"code":0}'},
    "busy": {"status": 200, "body": '{"errcode":-1,"code":-1}'},
}


@pytest.mark.parametrize("behaviour", BROKEN.values(), ids=list(BROKEN))
def test_what_may_have_arrived_is_unknown(robot: Channel, platform: Told, behaviour: dict[str, Any]) -> None:
    """Nothing but a documented code says that it did not; and no answer leads anywhere else."""
    platform.will(behaviour)
    assert isinstance(robot.send(GOOD_MORNING), Unknown)
    assert len(platform.seen()) == 1


@pytest.mark.parametrize("name", sorted(ROBOTS))
def test_a_platform_that_cannot_be_reached_holds_the_message(name: str) -> None:
    """Nobody listens, so it certainly was not sent."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    robot, close = ROBOTS[name](f"http://127.0.0.1:{port}")
    found = robot.send(GOOD_MORNING)
    close()
    assert isinstance(found, Held)
    assert found.concerns_all


def test_a_text_over_the_limit_never_leaves(robot: Channel, platform: Told) -> None:
    """Bytes are counted, not characters, and nothing is cut."""
    most = robot.declaration.text_bytes
    assert isinstance(robot.send(Outgoing("", "", "橘" * (most // 3 + 1))), Refused)
    assert platform.seen() == []
    assert robot.send(Outgoing("", "", "橘" * (most // 3))) == Accepted()


def test_a_request_that_grew_by_escaping_never_leaves(dingtalk: DingTalkRobot, platform: Told) -> None:
    """The platform counts the request; line breaks are two bytes in it."""
    found = dingtalk.send(Outgoing("", "", "早\n" * 4_500))
    assert isinstance(found, Refused)
    assert platform.seen() == []


@pytest.mark.parametrize("code", [310000, 430102, 400013])
def test_a_refusal_of_dingtalk_keeps_its_code(dingtalk: DingTalkRobot, platform: Told, code: int) -> None:
    """It stands in the body of an HTTP 200."""
    platform.will(answer(code))
    found = dingtalk.send(GOOD_MORNING)
    assert isinstance(found, Refused)
    assert found.code == code


@pytest.mark.parametrize(("name", "status"), [("code", 200), ("StatusCode", 200), ("code", 400)])
@pytest.mark.parametrize("code", [9499, 19024])
def test_a_refusal_of_feishu_keeps_its_code(
    feishu: FeishuRobot, platform: Told, code: int, name: str, status: int
) -> None:
    """It stands in one of two fields, with or without an error status."""
    platform.will(answer(code, name, status))
    found = feishu.send(GOOD_MORNING)
    assert isinstance(found, Refused)
    assert found.code == code


def test_a_code_nobody_documented_is_unknown(dingtalk: DingTalkRobot, feishu: FeishuRobot, platform: Told) -> None:
    """What cannot be told for sure is shown to a person."""
    platform.will(answer(999999), answer(999999, "code"))
    assert isinstance(dingtalk.send(GOOD_MORNING), Unknown)
    assert isinstance(feishu.send(GOOD_MORNING), Unknown)


@pytest.mark.parametrize("code", [19001, 19021, 19022])
def test_wrong_settings_hold_the_message(feishu: FeishuRobot, platform: Told, code: int) -> None:
    """It goes out once somebody has mended them, and the next one asks again."""
    platform.will(answer(code, "code"))
    found = feishu.send(GOOD_MORNING)
    assert isinstance(found, Held)
    assert (found.code, found.concerns_all) == (code, True)
    assert feishu.send(GOOD_MORNING) == Accepted()


def test_a_rate_refusal_of_dingtalk_holds_all_for_ten_minutes(platform: Told) -> None:
    """The platform blocks the robot that long, so the next message does not even leave."""
    now = [0.0]
    with Line(DINGTALK, platform.url, production=False) as line:
        robot = DingTalkRobot(line, KEY, clock=lambda: now[0])
        platform.will(answer(130101))
        first = robot.send(GOOD_MORNING)
        now[0] = 599.0
        second = robot.send(GOOD_MORNING)
        assert len(platform.seen()) == 1
        now[0] = 600.0
        assert robot.send(GOOD_MORNING) == Accepted()
    assert isinstance(first, Held) and first.retry_after_s == 600
    assert isinstance(second, Held) and second.retry_after_s == 1


@pytest.mark.parametrize("behaviour", [answer(11232, "code"), {"status": 429, "body": "slow down"}])
def test_a_rate_refusal_of_feishu_holds_all_for_a_minute(platform: Told, behaviour: dict[str, Any]) -> None:
    """By its code, or by the HTTP status alone."""
    now = [0.0]
    with Line(FEISHU, platform.url, production=False) as line:
        robot = FeishuRobot(line, KEY, clock=lambda: now[0])
        platform.will(behaviour)
        found = robot.send(GOOD_MORNING)
        assert isinstance(found, Held) and found.retry_after_s == 60
        assert isinstance(robot.send(GOOD_MORNING), Held)
        assert len(platform.seen()) == 1
        now[0] = 60.0
        assert robot.send(GOOD_MORNING) == Accepted()


def test_the_declared_rate_is_kept_before_the_platform_has_to(platform: Told) -> None:
    """The 21st message of a minute would cost DingTalk's robot ten minutes."""
    with Line(DINGTALK, platform.url, production=False) as line:
        robot = DingTalkRobot(line, KEY, clock=lambda: 0.0)
        endings = [robot.send(GOOD_MORNING) for _ in range(21)]
    assert endings[:20] == [Accepted()] * 20
    assert isinstance(endings[20], Held)
    assert len(platform.seen()) == 20


def test_processes_count_the_messages_of_a_robot_together(platform: Told, tmp_path: Path) -> None:
    """Two objects with a count in one folder send twenty a minute between them, and no file tells the key."""
    pacers = [Pacer(tmp_path, lambda: 0.0), Pacer(tmp_path, lambda: 0.0)]
    endings = []
    for pacer in pacers:
        with Line(DINGTALK, platform.url, production=False, pacer=pacer) as line:
            robot = DingTalkRobot(line, KEY)
            endings += [robot.send(GOOD_MORNING) for _ in range(11)]
    assert endings.count(Accepted()) == 20
    assert not [path for path in tmp_path.rglob("*") if KEY in path.name or KEY.encode() in path.read_bytes()]


def test_a_count_that_cannot_be_written_holds_the_message(platform: Told, tmp_path: Path) -> None:
    """Without the count nobody knows whether the platform would block the robot."""
    (tmp_path / "file").write_text("")
    with Line(DINGTALK, platform.url, production=False, pacer=Pacer(tmp_path / "file")) as line:
        assert isinstance(DingTalkRobot(line, KEY).send(GOOD_MORNING), Held)
    assert platform.seen() == []


def test_nobody_is_mentioned_unless_asked_for(dingtalk: DingTalkRobot, feishu: FeishuRobot, platform: Told) -> None:
    """A name that looks like a mention stays a name."""
    stranger = Outgoing("", "标题", '<at user_id="all">所有人</at> @13800000000 @所有人 [券](https://x.example)')
    assert dingtalk.send(stranger) == Accepted()
    assert feishu.send(stranger) == Accepted()
    assert feishu.text(stranger.text) == Accepted()
    first, second, third = (one["body"] for one in platform.seen())
    assert "at" not in first and first["msgtype"] == "text"
    assert "<at" not in str(second) and second["msg_type"] == "post"
    assert "<at" not in str(third)


def test_a_mention_that_was_asked_for_goes_out(dingtalk: DingTalkRobot, feishu: FeishuRobot, platform: Told) -> None:
    """By phone at DingTalk, by open_id at Feishu."""
    assert dingtalk.markdown("日报", "**好**", ["13800000000"]) == Accepted()
    assert feishu.text("好", ["ou_1", 'all"><b']) == Accepted()
    first, second = (one["body"] for one in platform.seen())
    assert first["at"] == {"atMobiles": ["13800000000"], "isAtAll": False}
    assert first["markdown"]["text"].endswith("@13800000000")
    assert second["content"]["text"] == '好 <at user_id="ou_1"></at> <at user_id="allb"></at>'


def test_title_and_links_go_along(robot: Channel, platform: Told) -> None:
    """Where a platform has no place for them they are lines of the text."""
    message = Outgoing("", "今晚八点", "开售", attachments=(Link("砂糖橘", "https://shop.example.com/orange"),))
    assert robot.send(message) == Accepted()
    (seen,) = platform.seen()
    for part in ("今晚八点", "开售", "砂糖橘", "https://shop.example.com/orange"):
        assert part in str(seen["body"])


@pytest.mark.parametrize("behaviour", [{"lost": True}, {"status": 200, "body": "[]"}, answer(310000)])
def test_keys_and_signatures_are_told_nowhere(
    robot: Channel, platform: Told, behaviour: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the log of the HTTP library, not in the ending, not in the object's text."""
    caplog.set_level(logging.DEBUG)
    platform.will(behaviour)
    ending = robot.send(GOOD_MORNING)
    (seen,) = platform.seen()
    signature = seen["path"].partition("sign=")[2] or seen["body"].get("sign", "")
    ours = [record.getMessage() for record in caplog.records if "robot" in (record.threadName or "")]
    told = repr(robot) + repr(ending) + "".join(ours)
    assert ours or behaviour.get("lost")
    assert KEY in seen["path"]
    assert SECRET not in told and KEY not in told
    assert not signature or signature not in told
