"""Callbacks are understood, and hostile ones are refused before they cost anything."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.acquisition.callbacks import (
    ContactChange,
    ContactEvent,
    GroupDissolved,
    MembersMoved,
    OtherEvent,
    understood,
)
from qunflow.errors import BadInput

AT = datetime.fromtimestamp(1763700001, UTC)


def xml(event: str, inner: str) -> bytes:
    head = "<ToUserName><![CDATA[wwSBX]]></ToUserName><CreateTime>1763700001</CreateTime><MsgType>event</MsgType>"
    return f"<xml>{head}<Event><![CDATA[{event}]]></Event>{inner}</xml>".encode()


def contact(change: str, more: str = "") -> bytes:
    ids = "<UserID>helper</UserID><ExternalUserID>wm1</ExternalUserID>"
    return xml("change_external_contact", f"<ChangeType>{change}</ChangeType>{ids}{more}")


def chat(update: str, inner: str) -> bytes:
    head = f"<ChatId>wr1</ChatId><ChangeType>update</ChangeType><UpdateDetail>{update}</UpdateDetail>"
    return xml("change_external_chat", head + inner)


def test_a_new_contact_brings_channel_and_welcome_code() -> None:
    """What is needed to greet a newcomer is read from the event."""
    found = understood(contact("add_external_contact", "<State>poster-a</State><WelcomeCode>C0DE</WelcomeCode>"))

    assert found == ContactEvent(ContactChange.ADDED, "helper", "wm1", "poster-a", "C0DE", AT)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("add_half_external_contact", ContactChange.ADDED),
        ("del_external_contact", ContactChange.DELETED_BY_STAFF),
        ("del_follow_user", ContactChange.DELETED_BY_CONTACT),
    ],
)
def test_each_contact_change_has_its_meaning(change: str, expected: ContactChange) -> None:
    """Who ended the contact stays visible, because it is a churn signal only one way round."""
    found = understood(contact(change))

    assert isinstance(found, ContactEvent)
    assert found.change is expected


@pytest.mark.parametrize(
    "listed", ["<Item><![CDATA[wm1]]></Item><Item>wm2</Item>", "<![CDATA[wm1,wm2]]>"], ids=["items", "comma list"]
)
def test_both_shapes_of_the_member_list_are_read(listed: str) -> None:
    """The list of people who left is the same in the old and in the new delivery."""
    found = understood(chat("del_member", f"<QuitScene>0</QuitScene><MemChangeList>{listed}</MemChangeList>"))

    assert found == MembersMoved("wr1", ("wm1", "wm2"), AT, joined=False)


def test_a_join_tells_whether_a_code_was_scanned() -> None:
    """JoinScene 3 of the callback is a scan; anything else is a pull."""
    inner = "<JoinScene>{}</JoinScene><MemChangeList><Item>wm1</Item></MemChangeList>"

    assert understood(chat("add_member", inner.format(3))) == MembersMoved("wr1", ("wm1",), AT, True, True)
    assert understood(chat("add_member", inner.format(0))) == MembersMoved("wr1", ("wm1",), AT, True, False)


def test_a_dissolved_group_and_unknown_events_are_told_apart() -> None:
    """An event nobody needs is named, not an error."""
    gone = xml("change_external_chat", "<ChatId>wr1</ChatId><ChangeType>dismiss</ChangeType>")

    assert understood(gone) == GroupDissolved("wr1", AT)
    assert understood(xml("change_external_tag", "<ChangeType>create</ChangeType>")) == OtherEvent(
        "change_external_tag/create"
    )


@pytest.mark.parametrize(
    "hostile",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><xml>&a;</xml>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml/>',
        b"<a>" * 2000 + b"</a>" * 2000,
        b"<xml>" + b"x" * 70_000 + b"</xml>",
        b"<xml>",
        b"not xml",
        b"",
        contact("add_external_contact").replace(b"<UserID>helper</UserID>", b""),
        contact("add_external_contact").replace(b"1763700001", b"soon"),
        contact("add_external_contact").replace(b"1763700001", b"9" * 30),
        contact("add_external_contact").replace(b"1763700001", b"253402300799"),
        contact("add_external_contact").replace(b"1763700001", b"-62135596800"),
    ],
)
def test_hostile_or_broken_callbacks_are_refused(hostile: bytes) -> None:
    """Entities, depth, size and missing facts all end in one typed error."""
    with pytest.raises(BadInput):
        understood(hostile)


@given(st.binary(max_size=300))
def test_any_bytes_are_understood_or_refused(body: bytes) -> None:
    """Garbage never raises anything but BadInput."""
    try:
        understood(body)
    except BadInput:
        return
