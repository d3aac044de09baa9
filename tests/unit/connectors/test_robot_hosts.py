"""Addresses in disguise: whatever an address looks like, only the platform's host or this machine is ever called."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from qunflow.connectors.dingtalk import DINGTALK, DingTalkRobot
from qunflow.connectors.feishu import FEISHU, FeishuRobot
from qunflow.connectors.robots import Line, Platform
from qunflow.connectors.wecom_robot import key_of
from qunflow.errors import ConfigurationError

REAL = "oapi.dingtalk.com"
# What stands for the host in a disguised address.
DISGUISES = [
    "evil.example",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "metadata.google.internal",
    "10.0.0.1",
    "192.168.1.1",
    "100.100.100.200",
    "0.0.0.0",
    "0",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.0.1.nip.io",
    "localhost.evil.example",
    "localhost.",
    "[::ffff:169.254.169.254]",
    "[::ffff:7f00:1%25eth0]",
    "①②⑦.⓪.⓪.①",
    "evil.example#@127.0.0.1",
    "evil.example?@127.0.0.1",
    "evil.example/@127.0.0.1",
    "127.0.0.1@evil.example",
    "127.0.0.1:80@evil.example",
    f"{REAL}@evil.example",
    f"{REAL}:443@evil.example",
    f"evil.example#{REAL}",
    f"evil.example?{REAL}",
    f"evil.example/{REAL}",
    f"{REAL}.evil.example",
    f"evil-{REAL}",
    f"sub.{REAL}",
    f"{REAL}.",
    f"{REAL}:80",
    f"{REAL}:8443",
    f"user@{REAL}",
    f"user:pass@{REAL}",
    f"{REAL}\\@evil.example",
    f"evil.example\\@{REAL}",
    "evil.example\\@127.0.0.1",
    f"{REAL}%2eevil.example",
    f"{REAL}%00.evil.example",
    f"{REAL}%0d%0aevil.example",
    f"{REAL} evil.example",
    f"{REAL}\tevil.example",
    "oapi.dingta1k.com",
    "oapi.dingtalk.co",
    "oapi。dingtalk。com",
    "оapi.dingtalk.com",
    "",
]
SCHEMES = ["http", "https", "ftp", "file", "gopher", "ws", "HTTPS"]


def _called(platform: Platform, base_url: str, *, production: bool) -> str:
    """The host that would be called, or nothing when the address is refused."""
    asked: list[str] = []

    def take(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200, json={"errcode": 0, "code": 0})

    try:
        with Line(platform, base_url, production=production, transport=httpx.MockTransport(take)) as line:
            line.post("/x", {}, {})
    except (ConfigurationError, httpx.InvalidURL):
        return ""
    return asked[0]


@pytest.mark.parametrize("host", DISGUISES)
def test_a_disguised_address_leads_nowhere_else(host: str) -> None:
    """In production to the real host, elsewhere to this machine, or it is refused."""
    for scheme in ("http", "https"):
        assert _called(DINGTALK, f"{scheme}://{host}", production=True) in ("", REAL)
        assert _called(DINGTALK, f"{scheme}://{host}", production=False) in ("", "localhost", "127.0.0.1", "::1")


def test_the_real_host_and_this_machine_are_called() -> None:
    """Else the tables here would prove nothing."""
    assert _called(DINGTALK, f"https://{REAL}", production=True) == REAL
    assert _called(FEISHU, "https://open.larksuite.com/", production=True) == "open.larksuite.com"
    assert _called(FEISHU, "http://127.0.0.1:9", production=False) == "127.0.0.1"


@pytest.fixture(scope="module")
def lines() -> Iterator[tuple[Line, Line]]:
    """Clients that call nobody."""
    here = "http://127.0.0.1:9"
    with Line(DINGTALK, here, production=False) as dingtalk, Line(FEISHU, here, production=False) as feishu:
        yield dingtalk, feishu


@pytest.mark.parametrize("host", [host for host in DISGUISES if host])
def test_a_disguised_robot_is_refused_and_its_address_not_repeated(lines: tuple[Line, Line], host: str) -> None:
    """What operators paste is taken only when it is exactly the platform's."""
    dingtalk, feishu = lines
    for scheme in SCHEMES:
        tries = (
            lambda at=f"{scheme}://{host}": DingTalkRobot(dingtalk, f"{at}/robot/send?access_token=canary-0123"),
            lambda at=f"{scheme}://{host}": FeishuRobot(feishu, f"{at}/open-apis/bot/v2/hook/canary-0123"),
            lambda at=f"{scheme}://{host}": key_of(f"{at}/cgi-bin/webhook/send?key=canary-0123"),
        )
        for make in tries:
            with pytest.raises(ConfigurationError) as raised:
                make()
            assert "canary" not in str(raised.value)
