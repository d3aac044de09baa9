"""How a message is read: links, questions, prices, appeal."""

from __future__ import annotations

from qunflow.sandbox.world.content import features_of

OFFER = "砂糖橘 5 斤装,29.9 元一份(平时 39.9 元),备货 120 份。从这里下单:http://127.0.0.1:8790/s/Ab12Cd34Ef"


def test_an_offer_is_known_by_its_short_link_and_first_price() -> None:
    """The link is taken without the punctuation around it, the first price counts, a coupon's value is no price."""
    features = features_of(f"送你一张 3 元券。{OFFER},坏果包赔。", [])
    assert features.offers == ("http://127.0.0.1:8790/s/Ab12Cd34Ef",)
    assert features.price_fen == 2_990
    assert not features.check_ins


def test_links_in_attachments_count() -> None:
    """A link card is as good as a link in the text."""
    card = {"msgtype": "link", "link": {"title": "报到", "url": "http://127.0.0.1:8790/c/week1"}}
    assert features_of("来报到", [card]).check_ins == ("http://127.0.0.1:8790/c/week1",)


def test_a_question_asks_and_a_teaser_does_not() -> None:
    """扣 1, 接龙 and question marks ask for an answer."""
    assert features_of("想要的扣 1,我看看要不要多锁一点货。", []).asks
    assert features_of("你家冰箱里放得最久的是什么?", []).asks
    assert not features_of("今天就到这儿,晚安。", []).asks


def test_shouting_bare_links_and_walls_of_text_appeal_less() -> None:
    """A concrete short offer reads better than a bare link, shouting or a thousand characters."""
    good = features_of(OFFER, []).appeal
    assert good > features_of("http://127.0.0.1:8790/s/Ab12Cd34Ef", []).appeal
    assert good > features_of(f"快快快!!!!{OFFER}", []).appeal
    assert good > features_of(OFFER * 20, []).appeal


def test_messages_about_the_same_goods_share_a_subject() -> None:
    """The name of the goods connects a warm-up to its offer; small talk does not."""
    offer = features_of(OFFER, []).subjects
    assert offer & features_of("中午的主角先露个脸:砂糖橘。想要的扣 1", []).subjects
    assert not offer & features_of("你家冰箱里放得最久的是哪样", []).subjects
