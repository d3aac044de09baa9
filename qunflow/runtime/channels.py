"""
The ways out beside WeCom's own, made from the workspace file and the environment: once per process, shared by all.

Each platform has one client, whichever of its robots speaks. What goes out through which is left to ``delivery``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from qunflow.clock import Clock
from qunflow.connectors.channel import Channel
from qunflow.connectors.dingtalk import BASE_URL as DINGTALK_URL
from qunflow.connectors.dingtalk import DINGTALK, DingTalkRobot
from qunflow.connectors.feishu import BASE_URL as FEISHU_URL
from qunflow.connectors.feishu import FEISHU, FeishuRobot
from qunflow.connectors.longtail import LongTail
from qunflow.connectors.mail import Mail, MailServer
from qunflow.connectors.mail_message import Sender
from qunflow.connectors.pacer import Pacer
from qunflow.connectors.robots import Line, Platform
from qunflow.connectors.wecom.robot import Robot as RobotOfWeCom
from qunflow.connectors.wecom_robot import WeComRobot, key_of
from qunflow.errors import ConfigurationError
from qunflow.settings.channels import Channels as Settings
from qunflow.settings.channels import Mail as MailSettings
from qunflow.settings.channels import Robot, Service
from qunflow.settings.environment import PREFIX, Environment, named_secret


@dataclass(frozen=True, slots=True)
class Channels:
    """
    Every way out the workspace file names.

    Args:
        robots: by key.
        mail: None when the file names no server.
        services: of the long tail, by key.
    """

    robots: Mapping[str, Channel]
    mail: Channel | None
    services: Mapping[str, Channel]
    _open: ExitStack

    @property
    def outside(self) -> Mapping[str, Channel]:
        """Every channel by the name delivery knows it by."""
        mail = {"mail": self.mail} if self.mail else {}
        robots = {f"robot:{key}": one for key, one in self.robots.items()}
        return {**mail, **robots, **{f"longtail:{key}": one for key, one in self.services.items()}}

    def close(self) -> None:
        """Close every connection."""
        self._open.close()


def open_channels(home: Path, settings: Settings, environment: Environment, clock: Clock) -> Channels:
    """
    Make every channel; nothing is sent or asked.

    Args:
        home: the workspace's folder, where the processes of a machine count together.

    Raises:
        ConfigurationError: a secret is missing, or an address is not one of its platform's.
    """
    with ExitStack() as opened:
        make = _Make(home, environment, Pacer(home / "state" / "pace"), opened, {})
        return Channels(
            robots={one.key: make.robot(one) for one in settings.robots},
            mail=make.mail(settings.mail, clock) if settings.mail else None,
            services={one.key: make.service(one) for one in settings.services},
            _open=opened.pop_all(),
        )


@dataclass(frozen=True, slots=True)
class _Make:
    home: Path
    environment: Environment
    pacer: Pacer
    opened: ExitStack
    lines: dict[str, Line]

    def robot(self, one: Robot) -> Channel:
        makers: Mapping[str, Callable[[str, str], Channel]] = {
            "wecom": self._wecom,
            "dingtalk": self._dingtalk,
            "feishu": self._feishu,
        }
        return makers[one.platform](self._needed(one.address_name), named_secret(self.home, one.secret_name))

    def mail(self, one: MailSettings, clock: Clock) -> Channel:
        password = self.environment.require("mail_password") if one.user else ""
        sender = Sender(one.sender, one.sender_name)
        server = MailServer(one.host, one.port, one.security, sender, one.user, password)
        return self.opened.enter_context(Mail(server, production=self.environment.production, clock=clock))

    def service(self, one: Service) -> Channel:
        return LongTail(self._needed(one.address_name), production=self.environment.production)

    def _wecom(self, address: str, _: str) -> Channel:
        url, real = self.environment.wecom_base_url, self.environment.production
        robot = RobotOfWeCom(url, key_of(address), production=real, pacer=self.pacer)
        return WeComRobot(self.opened.enter_context(robot))

    def _dingtalk(self, address: str, secret: str) -> Channel:
        return DingTalkRobot(self._line(DINGTALK, self.environment.dingtalk_base_url or DINGTALK_URL), address, secret)

    def _feishu(self, address: str, secret: str) -> Channel:
        return FeishuRobot(self._line(FEISHU, self.environment.feishu_base_url or FEISHU_URL), address, secret)

    def _line(self, platform: Platform, url: str) -> Line:
        if platform.name not in self.lines:
            line = Line(platform, url, production=self.environment.production, pacer=self.pacer)
            self.lines[platform.name] = self.opened.enter_context(line)
        return self.lines[platform.name]

    def _needed(self, name: str) -> str:
        value = named_secret(self.home, name)
        if not value:
            raise ConfigurationError(
                f"{PREFIX}{name} is not set",
                f"put the address into it, or into a file that {PREFIX}{name}_FILE names",
            )
        return value
