"""Feishu's signature, its addresses, and mentions that only look like them."""

from __future__ import annotations

import json

import httpx
import pytest

from qunflow.connectors.channel import Accepted, File, Outgoing, Refused
from qunflow.connectors.feishu import BASE_URL, FEISHU, FeishuRobot, neutral, signature
from qunflow.connectors.robots import Line
from qunflow.errors import ConfigurationError

KEY = "0123-canary-4567"
ADDRESS = f"https://open.feishu.cn/open-apis/bot/v2/hook/{KEY}"


def test_the_signature_is_the_documented_one() -> None:
    """A value that was computed elsewhere: the text to sign is the key, the message is empty."""
    assert signature("demo", 1_700_000_000) == "8oT2n3SMKFfEnDoiwer8BUM/SjKLwe9SqoEIHlhDTKo="


def test_a_signed_request_carries_time_and_signature_in_its_body() -> None:
    """In seconds, as text."""
    asked: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"code": 0})

    with Line(FEISHU, BASE_URL, production=True, transport=httpx.MockTransport(take)) as line:
        robot = FeishuRobot(line, ADDRESS, "demo", now=lambda: 1_700_000_000.9)
        assert robot.send(Outgoing("", "", "早")) == Accepted()
    (request,) = asked
    assert str(request.url) == ADDRESS
    assert json.loads(request.content) == {
        "timestamp": "1700000000",
        "sign": "8oT2n3SMKFfEnDoiwer8BUM/SjKLwe9SqoEIHlhDTKo=",
        "msg_type": "text",
        "content": {"text": "早"},
    }


@pytest.mark.parametrize(
    "webhook",
    [
        f"https://evil.example/open-apis/bot/v2/hook/{KEY}",
        f"https://open.feishu.cn.evil.example/open-apis/bot/v2/hook/{KEY}",
        f"https://open.feishu.cn/open-apis/bot/hook/{KEY}",
        f"https://open.feishu.cn/open-apis/bot/v2/hook/{KEY}/../../im",
        f"{KEY}?x=1",
        "..",
        "",
    ],
)
def test_an_address_elsewhere_is_no_robot(webhook: str) -> None:
    """And the error does not repeat it, as its last part is the key."""
    with (
        Line(FEISHU, BASE_URL, production=True, transport=httpx.MockTransport(_never)) as line,
        pytest.raises(ConfigurationError) as raised,
    ):
        FeishuRobot(line, webhook)
    assert "canary" not in str(raised.value) + repr(raised.value)


@pytest.mark.parametrize("base_url", ["https://evil.example", "http://open.feishu.cn", "http://localhost:9"])
def test_production_calls_the_real_host_only(base_url: str) -> None:
    """Neither another host nor a sandbox."""
    with pytest.raises(ConfigurationError, match="QUNFLOW_FEISHU_BASE_URL"):
        Line(FEISHU, base_url, production=True)


@pytest.mark.parametrize(
    "text", ['<at user_id="all">', "<AT id=all></AT>", "< at user_id=1>", "</at>", "<\tat\nuser_id=1>"]
)
def test_a_mention_in_a_text_is_disarmed(text: str) -> None:
    """It reads the same and calls nobody."""
    assert "<" not in neutral(text)
    assert neutral(text).replace("\uff1c", "<") == text


def test_words_that_are_no_mention_stay() -> None:
    """Only the tag is touched."""
    assert neutral("a<b 1 < 2 <atlas>") == "a<b 1 < 2 <atlas>"


def test_files_are_refused_before_they_leave() -> None:
    """The robot would need an application to upload them."""
    with Line(FEISHU, BASE_URL, production=True, transport=httpx.MockTransport(_never)) as line:
        message = Outgoing("", "", "早", attachments=(File("a.png", "image/png", b"x"),))
        assert isinstance(FeishuRobot(line, KEY).send(message), Refused)


def _never(_: httpx.Request) -> httpx.Response:
    raise AssertionError("nothing is sent")
