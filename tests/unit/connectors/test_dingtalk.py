"""DingTalk's signature, and which addresses a robot may have."""

from __future__ import annotations

from urllib.parse import quote_plus

import httpx
import pytest

from qunflow.connectors.channel import Accepted
from qunflow.connectors.dingtalk import BASE_URL, DINGTALK, DingTalkRobot, signature
from qunflow.connectors.robots import Line
from qunflow.errors import ConfigurationError

TOKEN = "0123456789abcdef-canary"
ADDRESS = f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}"


def test_the_signature_is_the_documented_one() -> None:
    """A value that was computed elsewhere."""
    expected = "1zJ%2Fw34EOSVAYr7cu7Vo8LnebmK2%2FGrCgegtr8mQrqM%3D"
    assert quote_plus(signature("SEC000000000000000000000", 1_700_000_000_000)) == expected


def test_a_signed_request_carries_time_and_signature_in_the_address() -> None:
    """Escaped, as a plus sign would become a blank."""
    asked: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"errcode": 0})

    with Line(DINGTALK, BASE_URL, production=True, transport=httpx.MockTransport(take)) as line:
        robot = DingTalkRobot(line, ADDRESS, "SEC000000000000000000000", now=lambda: 1_700_000_000.0)
        assert robot.link("橘", "甜", "https://shop.example.com") == Accepted()
    (request,) = asked
    assert request.url.host == "oapi.dingtalk.com"
    assert dict(request.url.params) == {
        "access_token": TOKEN,
        "timestamp": "1700000000000",
        "sign": "1zJ/w34EOSVAYr7cu7Vo8LnebmK2/GrCgegtr8mQrqM=",
    }
    assert b"+" not in request.url.query and b"/" not in request.url.query


ELSEWHERE = [
    f"http://oapi.dingtalk.com/robot/send?access_token={TOKEN}",
    f"https://oapi.dingtalk.com.evil.example/robot/send?access_token={TOKEN}",
    f"https://oapi.dingtalk.com@evil.example/robot/send?access_token={TOKEN}",
    f"https://evil.example/robot/send?access_token={TOKEN}",
    f"https://oapi.dingtalk.com:444/robot/send?access_token={TOKEN}",
    f"https://169.254.169.254/robot/send?access_token={TOKEN}",
    f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}&x=1",
    f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}#x",
    f"https://oapi.dingtalk.com/topapi/user/get?access_token={TOKEN}",
    f"{TOKEN}/../x",
    f"{TOKEN}\r\nHost: evil.example",
    "",
]


@pytest.mark.parametrize("webhook", ELSEWHERE)
def test_an_address_elsewhere_is_no_robot(webhook: str) -> None:
    """And the error does not repeat it, as it may hold a secret."""
    with (
        Line(DINGTALK, BASE_URL, production=True, transport=httpx.MockTransport(_never)) as line,
        pytest.raises(ConfigurationError) as raised,
    ):
        DingTalkRobot(line, webhook)
    assert "canary" not in str(raised.value) + repr(raised.value)


HOSTS = [
    "https://evil.example",
    "https://oapi.dingtalk.com.evil.example",
    "https://oapi.dingtalk.com@evil.example",
    "https://evil.example@oapi.dingtalk.com",
    "https://oapi.dingtalk.com:8443",
    "https://oapi.dingtalk.com/other",
    "http://oapi.dingtalk.com",
    "https://169.254.169.254",
    "https://0x7f.1",
    "http://127.0.0.1:9",
    "https://[::1]",
]


@pytest.mark.parametrize("base_url", HOSTS)
def test_production_calls_the_real_host_only(base_url: str) -> None:
    """Neither another host in any disguise nor a sandbox."""
    with pytest.raises(ConfigurationError, match="QUNFLOW_DINGTALK_BASE_URL"):
        Line(DINGTALK, base_url, production=True)


def test_development_does_not_reach_real_people() -> None:
    """The two worlds are kept apart."""
    with pytest.raises(ConfigurationError, match="not on this machine"):
        Line(DINGTALK, BASE_URL, production=False)


def _never(_: httpx.Request) -> httpx.Response:
    raise AssertionError("nothing is sent")
