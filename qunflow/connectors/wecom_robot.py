"""
WeCom's group robot as a channel: its typed errors become values.

What the robot can say beside plain text, and its limits, stand in ``wecom.robot``.
"""

from __future__ import annotations

import re

from qunflow.connectors.channel import (
    NOT_SENT,
    WECOM_ROBOT,
    Accepted,
    Declaration,
    File,
    Held,
    Outgoing,
    Refused,
    Sent,
    Unknown,
    unfit,
)
from qunflow.connectors.http import AnswerLost
from qunflow.connectors.robots import SETTINGS_WAIT_S
from qunflow.connectors.wecom.answers import RefusedForNow
from qunflow.connectors.wecom.robot import Robot
from qunflow.errors import BadInput, ChannelRefused, ConfigurationError, TransientError

_BEFORE_KEY = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="
_KEY = re.compile(r"[A-Za-z0-9_-]{8,128}")


def key_of(webhook: str) -> str:
    """
    The robot's key, from the whole address people copy or from the key alone.

    Raises:
        ConfigurationError: the address is of another host or shape; it is not repeated, as it is a secret.
    """
    key = webhook.strip().removeprefix(_BEFORE_KEY)
    if not _KEY.fullmatch(key):
        raise ConfigurationError(
            "the address of a WeCom robot cannot be used",
            f"copy it again from its group: it begins with {_BEFORE_KEY}…",
        )
    return key


class WeComRobot:
    """A robot that sends plain text; safe to share between threads."""

    def __init__(self, robot: Robot) -> None:
        self._robot = robot

    def __repr__(self) -> str:
        return f"WeComRobot({self._robot!r})"

    @property
    def declaration(self) -> Declaration:
        """Neither queryable nor keyed: at most once."""
        return WECOM_ROBOT

    def send(self, message: Outgoing) -> Sent:
        """One message as plain text, its links as lines below; the address is not looked at."""
        if any(isinstance(one, File) for one in message.attachments):
            return Refused(NOT_SENT, "upload the file with the robot itself, then send its media_id")
        return unfit(self.declaration, message) or self._text(message.as_text())

    def _text(self, text: str) -> Sent:
        try:
            self._robot.text(text)
        except AnswerLost as error:
            return Unknown(error.problem)
        except ChannelRefused as error:
            return Refused(error.code, error.problem)
        except BadInput as error:
            return Refused(NOT_SENT, error.problem)
        except RefusedForNow as error:
            return Held(error.retry_after_s, error.problem, error.code, error.concerns_all)
        except TransientError as error:
            return Held(error.retry_after_s, error.problem)
        except ConfigurationError as error:
            return Held(SETTINGS_WAIT_S, f"{error.problem}: {error.next_step}")
        return Accepted()
