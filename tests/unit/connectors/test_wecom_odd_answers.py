"""Answers that are half right: what was accepted is never taken for refused, and nothing escapes the typed errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from qunflow.connectors.http import AnswerLost
from qunflow.connectors.wecom.client import WeCom
from qunflow.errors import ChannelRefused, ChannelUnavailable, QunflowError

DAY = date(2026, 3, 4)
AT = datetime(2026, 3, 4, tzinfo=UTC)


class Odd:
    """A platform that accepts everything and answers with the fields it is told."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        token = {"access_token": "t", "expires_in": 7200} if request.url.path.endswith("gettoken") else self.fields
        return httpx.Response(200, content=json.dumps({"errcode": 0, "errmsg": "ok", **token}))


@pytest.fixture
def odd() -> Odd:
    """The platform."""
    return Odd()


@pytest.fixture
def wecom(odd: Odd) -> Iterator[WeCom]:
    """A connector over it."""
    made = WeCom("http://127.0.0.1:1", "ww1", "s", 7, transport=httpx.MockTransport(odd), production=False)
    yield made
    made.close()


def template(wecom: WeCom) -> object:
    return wecom.add_msg_template(chat_type="group", sender="zhou", targets=["wr1"], text="早")


ACCEPTED: list[tuple[dict[str, Any], Callable[[WeCom], object]]] = [
    ({"msgid": "m", "fail_list": "wr1"}, template),
    ({"msgid": "", "fail_list": []}, template),
    ({"tag_group": None}, lambda wecom: wecom.tags.add("来源", ["a"])),
    ({"tag_group": {"group_id": 1}}, lambda wecom: wecom.tags.add("来源", ["a"])),
    ({"customer": [1]}, lambda wecom: wecom.transfers.customers("a", "b", ["wm"])),
    ({"customer": [{"external_userid": "wm"}]}, lambda wecom: wecom.transfers.customers("a", "b", ["wm"])),
    ({"failed_chat_list": "wr"}, lambda wecom: wecom.transfers.groups(["wr"], "b")),
    ({"link": []}, lambda wecom: wecom.acquisition.create("a", ["b"])),
    ({"link": {"link_name": "a"}}, lambda wecom: wecom.acquisition.create("a", ["b"])),
    ({}, lambda wecom: wecom.albums.add("a", 1, ["m"])),
    ({}, lambda wecom: wecom.sensitive_words.add("a", ["b"], ["c"])),
    ({}, lambda wecom: wecom.contact_ways.add(["a"], state="b")),
    ({}, lambda wecom: wecom.add_join_way(["wr"], state="b")),
    ({}, lambda wecom: wecom.media.fetch("file", "a", "https://x", "0")),
    ({"media_id": None}, lambda wecom: wecom.media.upload("file", "a", b"123456")),
]


@pytest.mark.parametrize(("fields", "call"), ACCEPTED, ids=range(len(ACCEPTED)))
def test_an_accepted_write_that_cannot_be_read_is_ambiguous(
    wecom: WeCom, odd: Odd, fields: dict[str, Any], call: Callable[[WeCom], object]
) -> None:
    """Whoever takes it for refused would do it twice."""
    odd.fields = fields
    with pytest.raises(AnswerLost):
        call(wecom)


UNREADABLE: list[tuple[dict[str, Any], Callable[[WeCom], object]]] = [
    ({"items": [{"stat_time": 1e30, "data": {}}]}, lambda wecom: wecom.statistics.groups_by_day(["a"], DAY, DAY)),
    ({"items": [{"stat_time": 1 << 60, "data": {}}]}, lambda wecom: wecom.statistics.groups_by_day(["a"], DAY, DAY)),
    ({"group_msg_list": [{"msgid": "m", "create_time": 1 << 60}]}, lambda wecom: wecom.groupmsg_list("group", AT, AT)),
    ({"link_id_list": [{}]}, lambda wecom: wecom.acquisition.all()),
    ({"total": "many", "balance": 1}, lambda wecom: wecom.acquisition.quota()),
    ({"chat_info": 1}, lambda wecom: wecom.acquisition.first_chat("k")),
    ({"product": {"price": None}}, lambda wecom: wecom.albums.get("p")),
    ({"department": [{"id": 1}]}, lambda wecom: wecom.directory.departments()),
    ({"ip_list": "1.2.3.4"}, lambda wecom: wecom.directory.api_addresses()),
    ({}, lambda wecom: wecom.contacts.chat_of("o")),
    ({}, lambda wecom: wecom.media.get("m")),
    ({"status": 3, "detail": {"errcode": 0}}, lambda wecom: wecom.media.fetched("j")),
    ({"status": 3, "result": {"errcode": "x"}}, lambda wecom: wecom.moments.job("j")),
    ({"external_userid": 1}, lambda wecom: wecom.contacts.of("a")),
]


@pytest.mark.parametrize(("fields", "call"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_reading_that_cannot_be_read_is_transient(
    wecom: WeCom, odd: Odd, fields: dict[str, Any], call: Callable[[WeCom], object]
) -> None:
    """A missing or broken part is one of our errors, and it says where."""
    odd.fields = fields
    with pytest.raises(ChannelUnavailable, match="WeCom gave") as raised:
        call(wecom)
    assert not isinstance(raised.value, AnswerLost)


@pytest.mark.parametrize("code", [40058, "40058"], ids=["number", "text"])
def test_the_code_inside_a_job_or_a_row_may_be_a_text(wecom: WeCom, odd: Odd, code: object) -> None:
    """Jobs end in their own refusal, rows keep theirs."""
    odd.fields = {"status": 3, "result": {"errcode": code}, "detail": {"errcode": code}}
    for call in (lambda: wecom.moments.job("j"), lambda: wecom.media.fetched("j")):
        with pytest.raises(ChannelRefused) as raised:
            call()
        assert raised.value.code == 40058
    odd.fields = {"customer": [{"external_userid": "wm", "errcode": code}]}
    assert wecom.transfers.customers("a", "b", ["wm"]) == {"wm": 40058}


def test_a_cursor_that_comes_back_ends_every_kind_of_paging(wecom: WeCom, odd: Odd) -> None:
    """By POST and by GET, objects and ids: an error, not an endless loop."""
    odd.fields = {"next_cursor": "again", "follow_user": [], "link_id_list": [], "product_list": []}
    for call in (lambda: wecom.customer("wm"), wecom.acquisition.all, wecom.albums.all, wecom.contacts.known):
        with pytest.raises(ChannelUnavailable, match="do not end"):
            call()


def test_figures_whose_offset_stands_still_end_too(wecom: WeCom, odd: Odd) -> None:
    """This call counts instead of handing out cursors."""
    odd.fields = {"items": [], "total": 5, "next_offset": 0}
    with pytest.raises(QunflowError, match="do not end"):
        wecom.statistics.groups_by_owner(["a"], DAY, DAY)
