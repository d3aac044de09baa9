"""The long tail against a server in another process: what Apprise can tell, and what it cannot."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from qunflow.connectors.channel import Accepted, Link, Outgoing, Unknown
from qunflow.connectors.longtail import LongTail
from tests.integration.channel_servers import Told, a_platform

MESSAGE = Outgoing("", "今晚八点", "砂糖橘 <b>开售</b>", attachments=(Link("看看", "https://shop.example.com"),))


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


@pytest.fixture
def channel(platform: Told) -> LongTail:
    """A channel to it."""
    return LongTail(f"{platform.url.replace('http', 'json')}/canary?rto=0.5", production=False)


def test_an_accepted_message_was_read_whole(channel: LongTail, platform: Told) -> None:
    """Title, text and links, and no sign of Markdown or HTML was touched."""
    assert channel.send(MESSAGE) == Accepted()
    (seen,) = platform.seen()
    assert seen["body"]["title"] == MESSAGE.title
    assert seen["body"]["message"] == f"{MESSAGE.text}\n看看 https://shop.example.com"


@pytest.mark.parametrize(
    "behaviour",
    [
        {"status": 502, "body": "<html>Bad Gateway</html>"},
        {"status": 429, "body": "slow down"},
        {"status": 400, "body": "no"},
        {"status": 302, "body": "", "to": "/elsewhere"},
        {"lost": True},
    ],
)
def test_anything_but_success_is_unknown(
    channel: LongTail, platform: Told, behaviour: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Apprise says only that it failed; it is asked once, follows nothing, and neither address nor text is logged."""
    caplog.set_level(1)
    platform.will(behaviour)
    found = channel.send(MESSAGE)
    assert isinstance(found, Unknown)
    theirs = [record.getMessage() for record in caplog.records if record.name.startswith(("apprise", "urllib3"))]
    assert theirs
    assert "canary" not in "".join(theirs) + found.why
    assert MESSAGE.text not in "".join(theirs)
    assert len(platform.seen()) == 1


def test_a_refusal_in_the_body_counts_as_sent(channel: LongTail, platform: Told) -> None:
    """The known weakness, and why robots of WeCom, DingTalk and Feishu do not go this way."""
    platform.will({"status": 200, "body": '{"errcode":310000,"errmsg":"refused"}'})
    assert channel.send(MESSAGE) == Accepted()


def test_even_a_server_that_cannot_be_reached_is_unknown() -> None:
    """Apprise does not tell it from a lost answer."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert isinstance(LongTail(f"json://127.0.0.1:{port}/x", production=False).send(MESSAGE), Unknown)
