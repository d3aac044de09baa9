"""Acquisition links through the connector and a real sandbox: made, followed, counted, ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from qunflow.connectors.wecom.acquisition import AcquisitionLink, FirstChat, LinkCustomer, LinkFigures
from qunflow.connectors.wecom.client import WeCom
from qunflow.errors import BadInput, ChannelUnavailable
from qunflow.sandbox.options import Limits
from tests.integration.connected import code_of, connected, now
from tests.integration.sandbox_anywhere import ACQUISITION, Anywhere, anywhere
from tests.integration.sandbox_caller import HELPER, OTHER, OWNER


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with staff and empty groups."""
    with anywhere() as found:
        yield found


@pytest.fixture
def wecom(caller: Anywhere) -> Iterator[WeCom]:
    """A connector of it."""
    with connected(caller) as made:
        yield made


def a_person(caller: Anywhere) -> str:
    """Somebody nobody knows yet."""
    return str(caller.act("add_customer")["external_userid"])


def test_a_link_is_made_read_changed_and_ended(wecom: WeCom) -> None:
    """What was made can be read, what was changed shows, what was ended is gone."""
    made = wecom.acquisition.create("海报", [HELPER, OWNER], departments=[4])
    assert (made.name, made.members, made.departments) == ("海报", (HELPER, OWNER), (4,))
    assert wecom.acquisition.get(made.link_id) == made
    wecom.acquisition.update(made.link_id, name="电梯", members=[OTHER])
    assert wecom.acquisition.get(made.link_id) == AcquisitionLink(made.link_id, "电梯", made.url, (OTHER,), ())
    second = wecom.acquisition.create("展位", [HELPER])
    assert wecom.acquisition.all() == [made.link_id, second.link_id]
    wecom.acquisition.delete(made.link_id)
    assert wecom.acquisition.all() == [second.link_id]
    assert code_of(lambda: wecom.acquisition.get(made.link_id)) == 40058


def test_who_came_through_a_link_is_told_with_channel_and_quota(caller: Anywhere, wecom: WeCom) -> None:
    """From the click over the first words to yesterday's figures."""
    link, who = wecom.acquisition.create("海报", [HELPER]), a_person(caller)
    before = wecom.acquisition.quota()
    caller.act("follow_link", url=link.address("楼道 a&b"), external_userid=who)
    assert wecom.acquisition.customers(link.link_id) == [LinkCustomer(who, HELPER, False, "楼道 a&b")]
    keys = [caller.act("say_privately", userid=HELPER, external_userid=who, text="在吗")["chat_key"] for _ in range(2)]
    assert wecom.acquisition.first_chat(keys[1]) == FirstChat(HELPER, who, 2, link.link_id, "楼道 a&b")
    assert wecom.acquisition.customers(link.link_id)[0].wrote is True
    after = wecom.acquisition.quota()
    assert (after.used, after.left) == (before.used + 1, before.left - 1)
    assert [left for end, left in after.lots if end > now(caller)] == [after.left]
    day = (now(caller) + timedelta(hours=8)).date()
    assert wecom.acquisition.figures(link.link_id, day, day) == LinkFigures(1, 1)
    assert wecom.acquisition.figures(link.link_id, day - timedelta(days=9), day - timedelta(days=1)).clicks == 0


def test_a_link_too_many_an_unknown_member_and_an_old_key_are_refused() -> None:
    """Each with the platform's own code."""
    with anywhere(Limits(acquisition_links=1)) as caller, connected(caller) as wecom:
        assert code_of(lambda: wecom.acquisition.create("海报", ["nobody"])) == 60111
        wecom.acquisition.create("海报", [HELPER])
        assert code_of(lambda: wecom.acquisition.create("电梯", [HELPER])) == 41095
        assert code_of(lambda: wecom.acquisition.first_chat("none")) == 40058
        assert code_of(lambda: wecom.acquisition.delete("none")) == 40058
        assert code_of(lambda: wecom.acquisition.update("none", name="a")) == 40058


def test_pages_of_links_that_do_not_end_are_noticed(caller: Anywhere, wecom: WeCom) -> None:
    """A list of ids longer than a page is read to its end, each once, and ids that are no texts are not believed."""
    made = [wecom.acquisition.create(f"海报{number}", [HELPER]).link_id for number in range(101)]
    assert wecom.acquisition.all() == made
    fault = {"path": f"{ACQUISITION}/list_link", "mode": "html"}
    assert caller.http.post("/_sandbox/faults", json=[fault]).status_code == 200
    with pytest.raises(ChannelUnavailable, match="unreadable"):
        wecom.acquisition.all()


@pytest.mark.parametrize("name", ["", "长" * 31], ids=["none", "long"])
def test_a_name_the_platform_would_refuse_is_not_sent(caller: Anywhere, wecom: WeCom, name: str) -> None:
    """Nor a link to nobody, to too many, or a channel that would be cut."""
    before = len(caller.log())
    with pytest.raises(BadInput):
        wecom.acquisition.create(name, [HELPER])
    for members in ([], [HELPER] * 101):
        with pytest.raises(BadInput):
            wecom.acquisition.create("海报", members)
    with pytest.raises(BadInput):
        AcquisitionLink("l", "海报", "https://x", (), ()).address("长" * 22)
    with pytest.raises(BadInput):
        wecom.acquisition.update("l")
    with pytest.raises(BadInput):
        wecom.acquisition.figures("l", now(caller).date(), now(caller).date() + timedelta(days=30))
    assert len(caller.log()) == before
