"""Products of the album and sensitive-word rules through the connector and a real sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.sensitive_words import Rule
from qunflow.errors import BadInput
from tests.integration.connected import code_of, connected, now
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import HELPER, OTHER, OWNER, PICTURE


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


def test_a_product_is_put_in_read_changed_and_taken_out(caller: Anywhere, wecom: WeCom) -> None:
    """What was put in can be read and is listed; what was taken out answers that it was."""
    picture = wecom.media.upload_attachment("album", "image", "a.png", PICTURE)
    made = wecom.albums.add("砂糖橘五斤", 2_990, [picture], code="C001")
    product = wecom.albums.get(made)
    told = (product.description, product.price_fen, product.code, product.pictures)
    assert told == ("砂糖橘五斤", 2_990, "C001", (picture,))
    assert product.created_at == now(caller)
    wecom.albums.update(made, "砂糖橘十斤", 4_990, [picture, picture])
    assert (wecom.albums.get(made).price_fen, len(wecom.albums.get(made).pictures)) == (4_990, 2)
    other = wecom.albums.add("橙子", 0, [picture])
    assert [one.product_id for one in wecom.albums.all()] == [made, other]
    wecom.albums.delete(made)
    assert [one.product_id for one in wecom.albums.all()] == [other]
    assert code_of(lambda: wecom.albums.get(made)) == 41074
    assert code_of(lambda: wecom.albums.delete("none")) == 41075


def test_a_picture_of_another_use_is_refused_for_a_product(wecom: WeCom) -> None:
    """Pictures of messages are no pictures of products."""
    picture = wecom.media.upload("image", "a.png", PICTURE)
    assert code_of(lambda: wecom.albums.add("橘子", 1, [picture])) == 40007


def test_a_rule_is_made_read_changed_and_ended(caller: Anywhere, wecom: WeCom) -> None:
    """Its meanings survive the two ways they are written, and a member it is for cannot write its words."""
    made = wecom.sensitive_words.add("不许返现", ["返现", "刷单"], [HELPER], meanings=["phone", "red_packet"])
    rule = Rule(made, "不许返现", ("返现", "刷单"), ("phone", "red_packet"), True, (HELPER,), ())
    assert wecom.sensitive_words.get(made) == rule
    who = caller.friend()
    said = caller.act("say_privately", userid=HELPER, external_userid=who, text="给你返现", by_member=True)
    assert said["intercepted"] == 1
    wecom.sensitive_words.update(made, "不许刷单", ["刷单"], meanings=["email"])
    wecom.sensitive_words.extend(made, [OWNER, OTHER], [HELPER])
    assert wecom.sensitive_words.get(made) == Rule(made, "不许刷单", ("刷单",), ("email",), True, (OWNER, OTHER), ())
    second = wecom.sensitive_words.add("提醒", ["加微信"], [], departments=[3], blocks=False)
    assert wecom.sensitive_words.all() == {made: "不许刷单", second: "提醒"}
    assert (wecom.sensitive_words.get(second).blocks, wecom.sensitive_words.get(second).departments) == (False, (3,))
    wecom.sensitive_words.delete(made)
    assert wecom.sensitive_words.all() == {second: "提醒"}
    assert code_of(lambda: wecom.sensitive_words.get(made)) == 41071
    assert code_of(lambda: wecom.sensitive_words.get("none")) == 41070


def test_a_taken_name_and_an_empty_range_of_a_rule_are_refused(wecom: WeCom) -> None:
    """Each with the platform's own code."""
    made = wecom.sensitive_words.add("不许返现", ["返现"], [HELPER])
    assert code_of(lambda: wecom.sensitive_words.add("不许返现", ["刷单"], [HELPER])) == 41077
    assert code_of(lambda: wecom.sensitive_words.extend(made, remove=[HELPER])) == 40063


WRONG: list[Callable[[WeCom], object]] = [
    lambda wecom: wecom.albums.add("", 1, ["m"]),
    lambda wecom: wecom.albums.add("长" * 301, 1, ["m"]),
    lambda wecom: wecom.albums.add("橘子", -1, ["m"]),
    lambda wecom: wecom.albums.add("橘子", 5_000_001, ["m"]),
    lambda wecom: wecom.albums.add("橘子", 1, []),
    lambda wecom: wecom.albums.add("橘子", 1, ["m"] * 10),
    lambda wecom: wecom.albums.update("p", "橘子", 1, ["m"], code="橘"),
    lambda wecom: wecom.sensitive_words.add("", ["返现"], [HELPER]),
    lambda wecom: wecom.sensitive_words.add("长" * 21, ["返现"], [HELPER]),
    lambda wecom: wecom.sensitive_words.add("规则", [], [HELPER]),
    lambda wecom: wecom.sensitive_words.add("规则", ["a"] * 301, [HELPER]),
    lambda wecom: wecom.sensitive_words.add("规则", ["长" * 33], [HELPER]),
    lambda wecom: wecom.sensitive_words.add("规则", [""], [HELPER]),
    lambda wecom: wecom.sensitive_words.add("规则", ["返现"], []),
    lambda wecom: wecom.sensitive_words.extend("r"),
]


@pytest.mark.parametrize("call", WRONG, ids=range(len(WRONG)))
def test_what_the_platform_would_refuse_of_the_shelf_is_not_sent(
    caller: Anywhere, wecom: WeCom, call: Callable[[WeCom], object]
) -> None:
    """Too long, too many, empty: known before anything leaves."""
    before = len(caller.log())
    with pytest.raises(BadInput):
        call(wecom)
    assert len(caller.log()) == before
