"""The ways out beside WeCom's own, as a process opens them from settings and secrets."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from qunflow.clock import SystemClock
from qunflow.connectors.channel import Held, Outgoing
from qunflow.errors import ConfigurationError
from qunflow.runtime.channels import Channels, open_channels
from qunflow.settings.channels import Channels as Settings
from qunflow.settings.channels import Mail, Robot, Service
from qunflow.settings.environment import Environment, load_environment

CANARY = "c4n4ry-0123456789"
ADDRESSES = {
    "ROBOT_TEAM_ADDRESS": f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={CANARY}",
    "ROBOT_OPS_ADDRESS": f"https://oapi.dingtalk.com/robot/send?access_token={CANARY}",
    "ROBOT_OPS_SECRET": f"SEC{CANARY}",
    "ROBOT_MORE_ADDRESS": f"{CANARY}-2",
    "ROBOT_BOSS_ADDRESS": f"https://open.feishu.cn/open-apis/bot/v2/hook/{CANARY}",
    "SERVICE_SLACK_ADDRESS": f"slack://TAAAAAAAA/BBBBBBBBB/{'C' * 24}/#{CANARY}",
    "MAIL_PASSWORD": CANARY,
}
ROBOTS = (
    Robot(key="team", platform="wecom"),
    Robot(key="ops", platform="dingtalk"),
    Robot(key="more", platform="dingtalk"),
    Robot(key="boss", platform="feishu"),
)
MAIL = Mail(host="smtp.brand.example", sender="news@brand.example", user="news")
ALL = Settings(robots=ROBOTS, mail=MAIL, services=(Service(key="slack"),))


@pytest.fixture
def production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Production with every secret in place."""
    for name in Environment.model_fields:
        monkeypatch.delenv(f"QUNFLOW_{name.upper()}", raising=False)
    lines = [f"QUNFLOW_{name}='{value}'" for name, value in ADDRESSES.items()]
    (tmp_path / ".env").write_text("\n".join([*lines, "QUNFLOW_ENV=production", ""]))
    return load_environment(tmp_path)


def opened(settings: Settings, environment: Environment) -> Channels:
    """The channels of a workspace."""
    return open_channels(environment.workspace, settings, environment, SystemClock())


def test_every_channel_of_the_file_is_opened(production: Environment) -> None:
    """By its key, with the guarantee it declares, and no secret in its text."""
    channels = opened(ALL, production)
    names = {key: one.declaration.name for key, one in channels.robots.items()}
    channels.close()
    assert names == {
        "team": "wecom_robot",
        "ops": "dingtalk_robot",
        "more": "dingtalk_robot",
        "boss": "feishu_robot",
    }
    assert channels.mail is not None and channels.mail.declaration.name == "mail"
    assert list(channels.services) == ["slack"]
    assert CANARY not in repr(channels)


def test_robots_of_a_platform_share_one_client(production: Environment) -> None:
    """However many there are; closing ends its thread."""
    channels = opened(Settings(robots=ROBOTS[1:3]), production)
    assert [one.name for one in threading.enumerate()].count("dingtalk-robots") == 1
    channels.close()
    assert "dingtalk-robots" not in [one.name for one in threading.enumerate()]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Settings(robots=(Robot(key="new-one", platform="feishu"),)), "QUNFLOW_ROBOT_NEW_ONE_ADDRESS is not set"),
        (Settings(services=(Service(key="x"),)), "QUNFLOW_SERVICE_X_ADDRESS is not set"),
        (Settings(robots=(Robot(key="boss", platform="dingtalk"),)), "DingTalk robot"),
        (Settings(robots=(Robot(key="boss", platform="wecom"),)), "WeCom robot"),
        (Settings(mail=Mail(host="localhost", sender="a@b.example")), "on this machine"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_sent(
    production: Environment, settings: Settings, name: str
) -> None:
    """By the name of the variable, never by its value; what was opened before it is closed."""
    both = settings.model_copy(update={"robots": (*ROBOTS[1:3], *settings.robots)})
    with pytest.raises(ConfigurationError, match=name) as raised:
        opened(both, production)
    assert CANARY not in str(raised.value) + repr(raised.value)
    assert "dingtalk-robots" not in [one.name for one in threading.enumerate()]


def test_development_opens_nothing_real(production: Environment) -> None:
    """Neither robots, nor mail, nor services."""
    development = production.model_copy(update={"env": "development"})
    for settings in (Settings(robots=ROBOTS[:1]), Settings(robots=ROBOTS[1:2]), Settings(mail=MAIL)):
        with pytest.raises(ConfigurationError, match="not on this machine"):
            opened(settings, development)
    with pytest.raises(ConfigurationError, match="not on this machine"):
        opened(Settings(services=ALL.services), development)


def test_a_sandbox_takes_the_place_of_each_platform(production: Environment) -> None:
    """Named by a variable, on this machine only; here nobody listens there."""
    here = {"env": "development", "dingtalk_base_url": "http://127.0.0.1:9", "feishu_base_url": "http://127.0.0.1:9"}
    channels = opened(Settings(robots=ROBOTS[1:]), production.model_copy(update=here))
    found = [one.send(Outgoing("", "", "早")) for one in channels.robots.values()]
    channels.close()
    assert [type(one) for one in found] == [Held] * 3
