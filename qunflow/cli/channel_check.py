"""
What ``qunflow doctor`` says of the ways out beside WeCom's own: whether they can be opened, and, when it is asked for,
how a test message ended on each.

A test message is the only thing the examination ever sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qunflow.clock import Clock
from qunflow.errors import ConfigurationError
from qunflow.language import Catalogue
from qunflow.settings.channels import Channels as Settings
from qunflow.settings.environment import Environment

if TYPE_CHECKING:
    from qunflow.cli.diagnosis import Diagnosis
    from qunflow.connectors.channel import Channel, Outgoing
    from qunflow.runtime.channels import Channels


def channel_diagnoses(
    home: Path, settings: Settings, environment: Environment, clock: Clock, words: Catalogue, *, send_test: bool
) -> Iterator[Diagnosis]:
    """One item for all ways out, and one for each test message; nothing when the workspace names none."""
    from qunflow.cli.diagnosis import Diagnosis
    from qunflow.runtime.channels import open_channels

    if not (settings.robots or settings.mail or settings.services):
        return
    try:
        opened = open_channels(home, settings, environment, clock)
    except ConfigurationError as error:
        yield Diagnosis("channels", "bad", error.problem, error.next_step)
        return
    try:
        named = _named(opened)
        yield Diagnosis("channels", "ok", words.text("cli.doctor.channels", names=", ".join(named)))
        if send_test:
            yield from _tests(named, settings, clock, words)
    finally:
        opened.close()


def _named(opened: Channels) -> Mapping[str, Channel]:
    robots = {f"robots.{key}": one for key, one in opened.robots.items()}
    services = {f"services.{key}": one for key, one in opened.services.items()}
    return {**robots, **({"mail": opened.mail} if opened.mail else {}), **services}


def _tests(named: Mapping[str, Channel], settings: Settings, clock: Clock, words: Catalogue) -> Iterator[Diagnosis]:
    from qunflow.cli.diagnosis import Diagnosis
    from qunflow.connectors.channel import Accepted

    message = _message(settings, clock, words)
    for name, channel in named.items():
        ending = channel.send(message)
        if isinstance(ending, Accepted):
            yield Diagnosis("channel_test", "ok", words.text("cli.doctor.channel_test", name=name))
        else:
            found = words.text("cli.doctor.channel_test_failed", name=name, why=ending.why)
            yield Diagnosis("channel_test", "bad", found, words.text("cli.doctor.channel_test_next"))


def _message(settings: Settings, clock: Clock, words: Catalogue) -> Outgoing:
    """The test message; as a mail it goes to its own sender."""
    from qunflow.connectors.channel import Outgoing

    now = clock.now()
    text = words.text("cli.doctor.channel_test_text", now=f"{now:%Y-%m-%d %H:%M:%S}")
    address = settings.mail.sender if settings.mail else ""
    return Outgoing(address, words.text("cli.doctor.channel_test_title"), text, key=f"doctor/{now.isoformat()}")
