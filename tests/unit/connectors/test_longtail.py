"""Which addresses of the long tail may be used, and that none of them is told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from qunflow.connectors.channel import File, Outgoing, Refused
from qunflow.connectors.longtail import SCHEMES, LongTail
from qunflow.errors import ConfigurationError

ADDRESSES = {
    "discord": f"discord://000000000000000000/{'b' * 68}",
    "gchat": "gchat://workspace/key/token",
    "kook": "kook://1/abcdef=/123",
    "line": f"line://{'a' * 40}=/U123",
    "pbul": f"pbul://{'a' * 32}",
    "pover": f"pover://{'u' * 30}@{'t' * 30}",
    "pushplus": f"pushplus://{'a' * 32}",
    "schan": "schan://SCT12345abcdef",
    "slack": f"slack://TAAAAAAAA/BBBBBBBBB/{'C' * 24}/#general",
    "tgram": f"tgram://123456789:{'A' * 35}/12345",
    "webex": f"webex://{'a' * 80}",
    "wxpusher": "wxpusher://AT_abcdefghijklmnop/UID_abc",
}


def test_every_service_on_the_list_is_known_to_apprise() -> None:
    """With a limit of its own, one try, and no way to ask afterwards."""
    assert sorted(ADDRESSES) == sorted(SCHEMES)
    for address in ADDRESSES.values():
        declared = LongTail(address, production=True).declaration
        assert declared.text_bytes >= 1_000
        assert declared.guarantee == "at_most_once"


def test_the_page_about_channels_lists_every_service() -> None:
    """Whoever looks one up finds what is taken."""
    page = (Path(__file__).parents[3] / "docs/how-to/robots-mail-and-other-channels.md").read_text(encoding="utf-8")
    assert ", ".join(SCHEMES) in " ".join(page.split())


@pytest.mark.parametrize(
    "address",
    [
        "dingtalk://canary/",
        "feishu://canary/",
        "lark://canary/",
        "wecombot://canary/",
        "wecom://canary/",
        "mailto://user:canary@example.com",
        "json://canary.example",
        "jsons://canary.example",
        "json://127.0.0.1:9/canary",
        "json://169.254.169.254/canary",
        "gotify://canary.example/x",
        "syslog://canary",
        "file:///canary",
        "https://hooks.slack.com/services/canary",
        f"{ADDRESSES['slack']}?verify=no&x=canary",
        f"{ADDRESSES['slack']}?REDIRECT=yes&x=canary",
        "slack://canary",
        "canary",
        "",
    ],
)
def test_an_address_off_the_list_is_refused_and_not_repeated(address: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the error nor by Apprise's own log."""
    caplog.set_level(1)
    with pytest.raises(ConfigurationError) as raised:
        LongTail(address, production=True)
    assert "canary" not in str(raised.value) + repr(raised.value) + caplog.text


@pytest.mark.parametrize("address", [ADDRESSES["slack"], "json://example.com/x", "json://127.0.0.1:9@example.com/x"])
def test_development_reaches_this_machine_only(address: str) -> None:
    """The two worlds are kept apart."""
    with pytest.raises(ConfigurationError):
        LongTail(address, production=False)


def test_the_address_is_in_no_text() -> None:
    """The service is, as the operator has to know it."""
    assert repr(LongTail(ADDRESSES["slack"], production=True)) == "LongTail(slack://***)"


def test_what_the_service_cannot_take_never_leaves() -> None:
    """Too long a text, or a file."""
    channel = LongTail(ADDRESSES["discord"], production=True)
    assert isinstance(channel.send(Outgoing("", "", "a" * 2_001)), Refused)
    assert isinstance(channel.send(Outgoing("", "", "a", attachments=(File("a", "text/csv", b""),))), Refused)


def test_logs_of_others_stay_readable() -> None:
    """Only addresses are taken out of them."""
    LongTail(ADDRESSES["slack"], production=True)
    log = logging.getLogger("apprise")
    record = log.makeRecord("apprise", logging.WARNING, "", 0, "no route to %s", ("slack://canary/x",), None)
    assert log.filter(record)
    assert record.getMessage() == "no route to ***"
