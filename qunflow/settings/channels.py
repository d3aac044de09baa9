"""
The part ``channels:`` of qunflow.yaml: which ways out there are beside WeCom's own.

What is secret stands in the environment, under names that follow from the keys here, and never in this file.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from qunflow.settings.parts import Part, Slug, Text

Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]
MailSecurity = Literal["tls", "starttls", "none"]


class WeCom(Part):
    """The WeCom connector."""

    enabled: bool = Field(True, strict=True, title="启用")


class Robot(Part):
    """A group robot; each belongs to one group."""

    key: Slug = Field(title="机器人 key", description="地址写在环境变量 QUNFLOW_ROBOT_<KEY>_ADDRESS")
    platform: Literal["wecom", "dingtalk", "feishu"] = Field(title="平台", description="企业微信、钉钉或飞书")

    @property
    def address_name(self) -> str:
        """The secret that holds its address: ``ROBOT_OPS_ADDRESS``."""
        return f"ROBOT_{_capitals(self.key)}_ADDRESS"

    @property
    def secret_name(self) -> str:
        """The secret that signs its messages, where the robot asks for a signature: ``ROBOT_OPS_SECRET``."""
        return f"ROBOT_{_capitals(self.key)}_SECRET"


class Mail(Part):
    """The mail server, and who mails are from; its password is QUNFLOW_MAIL_PASSWORD."""

    host: Text = Field(title="发信服务器", description="例如 smtp.exmail.qq.com")
    port: Port = Field(465, title="端口", description="tls 一般是 465，starttls 一般是 587")
    security: MailSecurity = Field("tls", title="加密", description="none 只能用于本机的测试服务器")
    sender: str = Field(pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$", title="发件地址", description="例如 news@brand.example")
    sender_name: str = Field("", max_length=60, title="发件人名称")
    user: str = Field("", max_length=200, title="登录名", description="留空表示不用登录")


class Service(Part):
    """One address of the long tail, written as Apprise does."""

    key: Slug = Field(title="服务 key", description="地址写在环境变量 QUNFLOW_SERVICE_<KEY>_ADDRESS")

    @property
    def address_name(self) -> str:
        """The secret that holds its address: ``SERVICE_OPS_ADDRESS``."""
        return f"SERVICE_{_capitals(self.key)}_ADDRESS"


class Channels(Part):
    """The connectors in use."""

    wecom: WeCom = Field(WeCom(), title="企业微信")
    robots: tuple[Robot, ...] = Field((), title="群机器人")
    mail: Mail | None = Field(None, title="邮件")
    services: tuple[Service, ...] = Field((), title="其他服务", description="Slack、Telegram 等，用 Apprise 的地址")


def _capitals(key: str) -> str:
    return key.upper().replace("-", "_")
