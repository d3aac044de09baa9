"""A link in a message to one person says who follows it, to us alone; what several people get is one text for all."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from qunflow.connectors.wecom.limits import MESSAGE_BYTES
from qunflow.delivery.claims import fingerprint
from qunflow.delivery.model import Content
from qunflow.delivery.personal import GOOD_FOR, Said, mentions_pages, opened, personal, token_of
from qunflow.delivery.ports import Ports
from qunflow.delivery.sender import drain
from qunflow.delivery.welcome import answer_welcomes
from qunflow.store.sealing import derive_keys
from qunflow.store.tables import calls, contents
from qunflow.store.vault import Vault
from tests.unit.delivery.platform_fake import NOON, FakePlatform, a_plan, add_groups, put
from tests.unit.delivery.test_welcome import arrive

WEB = "https://q.example.com"
WHO = "wmSecretLin0001"


class Sealer(Vault):
    """A vault without a store: sealing needs none."""

    def __init__(self) -> None:
        self._keys = derive_keys(bytes(32), os.urandom)


@pytest.fixture
def public(ports: Ports) -> Ports:
    """Ports of a house whose pages others can reach."""
    return replace(ports, web_url=WEB)


def in_link(ports: Ports, text: str) -> str:
    """Whom the one link of a text says it is for."""
    query = parse_qs(urlsplit(text[text.index("http") :].split("，")[0]).query)
    return opened(ports.vault, query.get("p", [""])[0], NOON)


def privately(ports: Ports, text: str, *who: str) -> None:
    """Plan one private message to some people."""
    with ports.store.writing() as conn:
        persons = ports.vault.persons_for(conn, "external_userid", who, NOON)
    private: dict[str, Any] = {"way": "private_task", "target_kind": "person", "sender_userid": "helper_xm"}
    put(ports.store, *(replace(a_plan(person, text), **private) for person in persons.values()))


def test_a_welcome_carries_a_link_that_says_who_follows_it(public: Ports, platform: FakePlatform) -> None:
    """The words stay as they were written and approved; only what leaves knows the person."""
    arrive(public, who=WHO)
    words = f"从这儿进群：{WEB}/g/n.poster-a，等你"
    assert answer_welcomes(public, lambda *_: Content(words), now=NOON + timedelta(seconds=5)).sent == 1
    (body,) = platform.sent("send_welcome_msg")
    said = body["text"]["content"]
    assert in_link(public, said) == WHO
    assert said.startswith(f"从这儿进群：{WEB}/g/n.poster-a?p=") and said.endswith("，等你")
    assert WHO not in said
    with public.store.reading() as conn:
        assert conn.execute(select(contents.c.text)).scalar_one() == words


def test_a_private_message_to_one_is_found_again_by_what_was_sent(public: Ports, platform: FakePlatform) -> None:
    """The call remembers the text with the token, so that a lost answer is recognised in the platform's list."""
    privately(public, f"还留着：{WEB}/s/abcdefghij，来看", WHO)
    assert drain(public, now=NOON).sent == 1
    said = platform.sent("add_msg_template")[0]["text"]["content"]
    assert in_link(public, said) == WHO
    with public.store.reading() as conn:
        assert conn.execute(select(calls.c.fingerprint)).scalar_one() == fingerprint(said)


def test_what_several_people_get_is_one_text_without_a_name(public: Ports, platform: FakePlatform) -> None:
    """A private task for two and a mass task into a group leave as they were written."""
    text = f"今晚见：{WEB}/c/abcdef，来看"
    privately(public, text, WHO, "wmOther")
    (group,) = add_groups(public.store, 1)
    put(public.store, a_plan(group, text))
    assert drain(public, now=NOON).sent == 3
    assert [body["text"]["content"] for body in platform.sent("add_msg_template")] == [text] * 2


def test_nothing_is_added_while_nobody_else_can_reach_our_pages(ports: Ports, platform: FakePlatform) -> None:
    """At an address of this machine simulated people say who they are themselves."""
    text = f"来看：{ports.web_url}/s/abcdefghij"
    privately(ports, text, WHO)
    drain(ports, now=NOON)
    assert platform.sent("add_msg_template")[0]["text"]["content"] == text


@pytest.mark.parametrize(
    ("link", "has_token"),
    [
        (f"{WEB}/s/abcdefghij", True),
        (f"{WEB}/c/abcdef", True),
        (f"{WEB}/g/n.poster-a?from=a", True),
        (f"{WEB.upper()}/s/abcdefghij", True),
        (f"{WEB}/hand/abc", False),
        (f"{WEB}/today", False),
        (f"{WEB}.evil.example/s/abcdefghij", False),
        (f"https://q.example.com@evil.example/s/{'a' * 10}", False),
        ("https://shop.example.com/s/abcdefghij", False),
        ("https://shop.example.com/?to=https://q.example.com/s/abcdefghij", False),
        (f"{WEB}/s/abcdefghij#end", False),
    ],
)
def test_only_our_own_pages_get_the_token(link: str, has_token: bool) -> None:
    """Nobody else is ever told who somebody is; in a card as in the text."""
    card = {"msgtype": "link", "link": {"title": "群", "url": link}}
    said = Said(f"看（{link}），好。", (card, {"msgtype": "image", "image": {"media_id": "m"}}))
    found = personal(said, "tok", WEB)
    sign = "&" if "?" in link else "?"
    expected = f"{link}{sign}p=tok" if has_token else link
    assert found.text == f"看（{expected}），好。"
    assert found.attachments[0]["link"] == {"title": "群", "url": expected}
    assert found.attachments[1] == said.attachments[1]
    assert mentions_pages(said, WEB) is has_token


def test_a_text_that_would_grow_too_long_stays_as_it_is() -> None:
    """A message that arrives is worth more than knowing who follows its link."""
    link = f"{WEB}/s/abcdefghij"
    full = Said(link + " " + "好" * ((MESSAGE_BYTES - len(link)) // 3 - 1), ())
    assert personal(full, "t" * 100, WEB) == full


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7), age_s=st.integers(0, int(GOOD_FOR.total_seconds()) - 1))
def test_a_token_opens_unchanged_only(place: int, bit: int, age_s: int) -> None:
    """Any flipped bit makes it nobody's; unchanged it names the person for half a year, and not a second longer."""
    vault = Sealer()
    token = token_of(vault, WHO, NOON)
    raw = bytearray(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    raw[place % len(raw)] ^= 1 << bit
    forged = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    assert opened(vault, forged, NOON) == ""
    assert opened(vault, token, NOON + timedelta(seconds=age_s)) == WHO
    assert opened(vault, token, NOON + GOOD_FOR) == ""
    assert WHO.encode() not in raw and WHO not in token
