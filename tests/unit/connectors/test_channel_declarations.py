"""What the channels promise, and what is refused before any of them is called."""

from __future__ import annotations

import pytest

from qunflow.connectors.channel import (
    DECLARATIONS,
    Declaration,
    Link,
    Outgoing,
    Refused,
    links,
    unfit,
)
from qunflow.errors import BadInput

EFFECTIVELY_ONCE = {"mass_task", "private_task", "moment", "welcome", "hand_send", "staff_notice"}
AT_MOST_ONCE = {"wecom_robot", "dingtalk_robot", "feishu_robot", "mail", "long_tail"}


def test_the_guarantee_follows_from_what_can_be_queried_or_keyed() -> None:
    """Nothing that can neither be asked nor repeated safely is promised more than at most once."""
    by_guarantee = {name: one.guarantee for name, one in DECLARATIONS.items()}
    assert {name for name, found in by_guarantee.items() if found == "effectively_once"} == EFFECTIVELY_ONCE
    assert {name for name, found in by_guarantee.items() if found == "at_most_once"} == AT_MOST_ONCE


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (Outgoing("", "", "  "), "no text"),
        (Outgoing("", "", "橘橘橘橘"), "12 bytes"),
        (Outgoing("", "今晚", "橘橘"), "13 bytes"),
        (Outgoing("", "", "\ud83d"), "half a character"),
        (Outgoing("", "", "好", attachments=(Link("", "a"), Link("", "b"))), "2 attachments"),
    ],
)
def test_an_unfit_message_is_refused_before_it_leaves(message: Outgoing, why: str) -> None:
    """Counted in bytes, with title and links, where they become text."""
    found = unfit(Declaration("robot", text_bytes=10, attachments=1), message)
    assert isinstance(found, Refused)
    assert why in found.why
    assert found.code == 0


def test_a_message_within_the_limits_is_fit() -> None:
    """Up to the last byte."""
    assert unfit(Declaration("robot", text_bytes=9), Outgoing("", "", "橘橘橘")) is None


def test_links_of_a_wecom_message_go_anywhere_and_its_files_do_not() -> None:
    """A mini-program or a media id means nothing on another platform."""
    assert links([{"msgtype": "link", "link": {"title": "橘", "url": "https://a.example"}}]) == (
        Link("橘", "https://a.example"),
    )
    with pytest.raises(BadInput, match="miniprogram"):
        links([{"msgtype": "miniprogram", "miniprogram": {}}])
