"""The simulated people against a stand-in of the product: they meet what was delivered and answer over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import uvicorn

from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.sandbox.options import Callback, Hooks, Options
from qunflow.sandbox.running import _listen, running

TOKEN, KEY, HOOK_SECRET = "cbtoken", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "hooks"
OFFER = "砂糖橘5斤装,29.9 元一份(平时 39.9 元),备货 120 份,今天 14:00 截止。从这里下单:{web}/s/offer{n} 坏果包赔。"
TEASER = "中午的主角先露个脸:砂糖橘5斤装。早上到的货,皮薄,甜里带一点酸。想要的扣 1,我看看要不要多锁一点货。"


class Product:
    """A stand-in of Qunflow's web: takes callbacks, hooks, taps, check-ins and cards, and remembers them."""

    def __init__(self) -> None:
        self.events: list[dict[str, str]] = []
        self.forms: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.clicks: list[tuple[str, str]] = []
        self.check_ins: list[str] = []
        self.cards: dict[str, dict[str, Any]] = {}
        self.done: list[tuple[str, int]] = []
        self.down = False
        self._listening = _listen(0)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(self, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the server."""
        self._server.should_exit = True
        self._thread.join()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive()).get("more_body", False) or message.get("body"):
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        status, extra, answer = self._answer(scope, headers, body) if not self.down else (503, [], b"")
        extra = [*extra, (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": extra})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, scope: Any, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        _, first, *rest = scope["path"].split("/")
        if first == "wecom":
            self._take_callback(parse_qs(scope["query_string"].decode()), body)
        elif first == "hooks":
            mark = hmac.new(HOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
            assert headers["x-qunflow-signature"] == f"sha256={mark}"
            (self.forms if rest[0] == "forms" else self.orders).append(json.loads(body))
        elif first == "s":
            self.clicks.append((rest[0], headers["cookie"].removeprefix("qf_actor=")))
            return 302, [(b"location", b"https://shop.example.com/orange")], b""
        elif first == "c":
            self.check_ins.append(headers["cookie"].removeprefix("qf_actor="))
        elif first == "hand" and rest[1:] == ["done"]:
            self.done.append((rest[0], json.loads(body)["reply_count"]))
        elif first == "hand":
            return 200, [(b"content-type", b"application/json")], json.dumps(self.cards[rest[0]]).encode()
        return 200, [], b""

    def _take_callback(self, query: dict[str, list[str]], body: bytes) -> None:
        sealed = ElementTree.fromstring(body).findtext("Encrypt") or ""
        crypto = CallbackCrypto(TOKEN, KEY, "wwtest")
        mark, at, nonce = (query[name][0] for name in ("msg_signature", "timestamp", "nonce"))
        event = ElementTree.fromstring(crypto.open(mark, at, nonce, sealed))
        self.events.append({part.tag: part.text or "".join(item.text or "" for item in part) for part in event})


class Town:
    """A sandbox with its people and the product's stand-in."""

    def __init__(self, base: str, product: Product) -> None:
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=60)
        self.product = product
        self.world = self.http.get("/_sandbox/world").json()
        self.start = datetime.fromisoformat(self.world["now"])
        self._cards = 0

    def to(self, day: int, hour: float) -> None:
        """Live until a local hour of a day, the first being 0."""
        goal = self.start + timedelta(days=day, hours=hour)
        self.http.post("/_sandbox/clock", json={"advance_to": goal.isoformat()}).raise_for_status()

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        """A platform call that must be taken."""
        credentials = {"corpid": "wwtest", "corpsecret": "secret"}
        token = self.http.get("/cgi-bin/gettoken", params=credentials).json()["access_token"]
        found: dict[str, Any] = self.http.post(f"/cgi-bin/{path}", params={"access_token": token}, json=body).json()
        assert found["errcode"] == 0, found
        return found

    def push(self, place: int, text: str) -> str:
        """A mass task to one group; its msgid."""
        group = self.world["groups"][place]
        made = self.call(
            "externalcontact/add_msg_template",
            chat_type="group",
            sender=group["owner"],
            chat_id_list=[group["chat_id"]],
            text={"content": text},
        )
        return str(made["msgid"])

    def post(self, place: int, text: str) -> None:
        """A message that is in a group at once."""
        about = {"act": "post", "chat_id": self.world["groups"][place]["chat_id"], "text": text}
        self.http.post("/_sandbox/act", json=about).raise_for_status()

    def card(self, place: int, text: str, due: float, until: float, day: int = 0) -> str:
        """A hand-send card to a group's admin; its name."""
        self._cards += 1
        name, group = f"card{self._cards}", self.world["groups"][place]
        due_at, not_after = (self.start + timedelta(days=day, hours=hour) for hour in (due, until))
        self.product.cards[name] = {
            "text": text, "attachments": [], "group": group["name"], "chat_id": group["chat_id"],
            "due_at": due_at.isoformat(), "not_after": not_after.isoformat(), "state": "waiting",
        }  # fmt: skip
        part = {"title": "待发", "description": "一条", "url": f"{self.product.url}/hand/{name}"}
        self.call("message/send", touser=group["admin"], agentid=1_000_002, msgtype="textcard", textcard=part)
        return name

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """What the people did since the start of the live days."""
        found = self.http.get("/_sandbox/truth").json()["events"]
        return [event for event in found if event["at"] >= self.world["now"] and (not kinds or event["kind"] in kinds)]


def town_of(seed: int = 1) -> Iterator[Town]:
    """A town with 60 days of past."""
    product = Product()
    callback = Callback(f"{product.url}/wecom/callback", TOKEN, KEY)
    options = Options("wwtest", "secret", seed=seed, callback=callback, hooks=Hooks(product.url, HOOK_SECRET))
    with running(options) as base:
        town = Town(base, product)
        yield town
        town.http.close()
    product.stop()


@pytest.fixture
def town() -> Iterator[Town]:
    """A town of seed 1."""
    yield from town_of()


def test_newcomers_fill_the_form_add_the_helper_and_can_be_welcomed(town: Town) -> None:
    """Form and callback arrive during the step; a welcome right after it is in time, and its code lets them join."""
    chats = [group["chat_id"] for group in town.world["groups"][:2]]
    config = town.call("externalcontact/groupchat/add_join_way", scene=2, chat_id_list=chats, state="qr")["config_id"]
    code = town.call("externalcontact/groupchat/get_join_way", config_id=config)["join_way"]["qr_code"]
    greeted = []
    for hour in range(7, 23):
        town.to(0, hour)
        for event in town.product.events[len(greeted) :]:
            greeted.append(event["ChangeType"])
            if event["ChangeType"] == "add_external_contact":
                text = {
                    "content": f"你好呀,我是小满。先送你一张 3 元券,进群就能领。群里每天中午一场秒杀,扫码进群:{code}"
                }
                town.call("externalcontact/send_welcome_msg", welcome_code=event["WelcomeCode"], text=text)
    town.to(1, 12)
    added = [event for event in town.product.events if event["ChangeType"] == "add_external_contact"]
    joined = [event for event in town.product.events if event.get("UpdateDetail") == "add_member"]
    channels = {channel["key"] for channel in town.world["channels"]}
    assert len(added) >= 2
    assert {event["State"] for event in added} <= channels
    assert {form["entry"]["x_field_1"] for form in town.product.forms} <= channels
    assert {event["JoinScene"] for event in joined} >= {"3"}
    assert {event["MemChangeList"] for event in joined if event["JoinScene"] == "3"} <= {
        e["ExternalUserID"] for e in added
    }
    serials = [form["entry"]["serial_number"] for form in town.product.forms]
    assert serials == list(range(serials[0], serials[0] + len(serials)))


def test_member_versions_are_chained(town: Town) -> None:
    """Each member event starts from the version the one before it in that group ended with."""
    town.to(4, 0)
    last: dict[str, str] = {}
    changes = [event for event in town.product.events if "CurMemVer" in event]
    assert len(changes) > 5
    for event in changes:
        assert last.get(event["ChatId"], event["LastMemVer"]) == event["LastMemVer"]
        last[event["ChatId"]] = event["CurMemVer"]


def test_people_read_tap_and_buy_what_was_delivered(town: Town) -> None:
    """Nothing happens before the owner confirms; then clicks are real and orders name the link and the price."""
    town.to(0, 11.5)
    town.push(0, OFFER.format(web=town.product.url, n=1))
    assert town.product.clicks == []
    for day in range(3):
        town.to(day, 16)
        town.push(0, OFFER.format(web=town.product.url, n=2 + day))
    town.to(4, 0)
    people = {person["external_userid"] for person in town.http.get("/_sandbox/truth").json()["people"]}
    assert len(town.product.clicks) > 8
    assert {who for _, who in town.product.clicks} <= people
    assert len(town.events("click")) == len(town.product.clicks)
    paid = [order for order in town.product.orders if order["status"] == "paid"]
    assert paid
    assert {order["amount_fen"] for order in paid} <= {2_990, 5_980}
    assert {order["link_code"] for order in paid} <= {code for code, _ in town.product.clicks}
    assert all(bool(order.get("phone")) != bool(order.get("external_userid")) for order in paid)
    assert len({order["order_no"] for order in paid}) == len(paid)


def test_a_task_that_is_not_confirmed_sells_nothing(town: Town) -> None:
    """A cancelled task reaches nobody."""
    town.to(0, 11.5)
    msgid = town.push(0, OFFER.format(web=town.product.url, n=1))
    town.http.post("/_sandbox/clock", json={"advance_s": 2}).raise_for_status()
    town.call("externalcontact/cancel_groupmsg_send", msgid=msgid)
    town.to(1, 0)
    assert town.product.clicks == []
    assert town.product.orders == []


def test_admins_post_cards_and_count_replies(town: Town) -> None:
    """A card is posted at its time and tapped 已发; the replies are counted minutes later; too late is left alone."""
    town.to(0, 9.9)
    names = [town.card(0, f"{TEASER}第{n}批", 10, 11) for n in range(6)]
    late = town.card(0, TEASER, 8, 9)
    town.to(0, 9.99)
    assert town.product.done == []
    town.to(0, 12)
    tapped = Counter(name for name, _ in town.product.done)
    assert len(tapped) >= 4
    assert late not in tapped
    assert set(tapped) <= set(names)
    assert {count for name, count in town.product.done if tapped[name] == 1} <= {0}
    replies = town.events("reply")
    assert replies
    assert max(count for _, count in town.product.done) > 0
    assert sum(max(count for name, count in town.product.done if name == card) for card in tapped) <= len(replies)


def test_check_ins_go_on_for_a_week_and_end_with_the_page(town: Town) -> None:
    """Those who read of the page come back on later days, once a day each."""
    town.to(0, 8.6)
    town.post(0, f"打卡周开始了,来报个到,两秒钟的事:{town.product.url}/c/week1")
    town.to(10, 0)
    days = Counter(event["at"][:10] for event in town.events("checkin"))
    assert 5 <= len(days) <= 8
    each = Counter((event["at"][:10], event["external_userid"]) for event in town.events("checkin"))
    assert max(each.values()) == 1
    assert len(town.product.check_ins) == len(town.events("checkin"))


def sold(seed: int, warm_up: bool) -> int:
    """Orders of an offer, with a warm-up the day before or without."""
    for town in town_of(seed):
        town.to(0, 19.5)
        if warm_up:
            town.post(0, TEASER)
            town.post(1, TEASER)
        town.to(1, 12)
        town.post(0, OFFER.format(web=town.product.url, n=1))
        town.post(1, OFFER.format(web=town.product.url, n=2))
        town.to(2, 0)
        return sum(order["status"] == "paid" for order in town.product.orders)
    raise AssertionError("no town")


def test_a_good_warm_up_sells_more() -> None:
    """Over four seeds an offer with a warm-up the evening before sells at least half as much again as a bare one."""
    seeds = range(1, 5)
    assert sum(sold(seed, True) for seed in seeds) > 1.5 * sum(sold(seed, False) for seed in seeds) > 0


def left_and_talked(care: str) -> tuple[int, int]:
    """Leavers in 12 days and speakers of the last 3, of groups that hear nothing, enough, or far too much."""
    for town in town_of(2):
        for day in range(12):
            for nth in range({"none": 0, "good": 4, "noise": 25}[care]):
                town.to(day, 9 + nth * 0.5)
                for place in range(3):
                    town.post(place, f"{TEASER}第{day}天第{nth}条")
        town.to(12, 0.1)
        last = (town.start + timedelta(days=9)).isoformat()
        spoke = {event["external_userid"] for event in town.events("message") if event["at"] >= last}
        return len(town.events("leave")), len(spoke)
    raise AssertionError("no town")


def test_silence_kills_a_group_and_noise_empties_it() -> None:
    """Uncared-for groups fall silent; flooded ones lose many times the people of well-kept ones."""
    none, good, noise = (left_and_talked(care) for care in ("none", "good", "noise"))
    assert none[1] < 0.4 * good[1]
    assert noise[0] > 4 * good[0]
    assert none[0] > good[0]


def test_the_same_calls_give_the_same_life() -> None:
    """Two towns of one seed hear the same events and orders; another seed lives otherwise."""
    lives = []
    for seed in (6, 6, 7):
        for town in town_of(seed):
            town.to(0, 12)
            town.post(0, OFFER.format(web="http://127.0.0.1:9", n=1))
            town.to(3, 0)
            lives.append((town.product.events, town.product.forms, town.events()))
    assert lives[0] == lives[1]
    assert lives[0] != lives[2]


def test_callbacks_are_retried_doubled_and_dropped_as_told(town: Town) -> None:
    """A product that is down loses them after three retries; faults named callback double or drop one."""
    chat = town.world["groups"][0]["chat_id"]

    def enter() -> None:
        who = town.http.post("/_sandbox/act", json={"act": "add_customer"}).json()["external_userid"]
        about = {"act": "pull_in", "chat_id": chat, "external_userid": who}
        town.http.post("/_sandbox/act", json=about).raise_for_status()

    enter()
    town.http.post("/_sandbox/faults", json=[{"path": "callback", "mode": "duplicate", "times": 1}]).raise_for_status()
    enter()
    assert len(town.product.events) == 3
    assert town.product.events[1] == town.product.events[2]
    town.http.post("/_sandbox/faults", json=[{"path": "callback", "mode": "dropped", "times": 1}]).raise_for_status()
    enter()
    town.product.down = True
    enter()
    town.product.down = False
    assert len(town.product.events) == 3
    assert town.http.get("/_sandbox/truth").json()["unreached"] == 4


def test_calls_raise_no_callbacks(town: Town) -> None:
    """What the product does by itself is never told back to it."""
    config = town.call(
        "externalcontact/groupchat/add_join_way", scene=2, chat_id_list=[town.world["groups"][0]["chat_id"]]
    )["config_id"]
    town.call("externalcontact/groupchat/del_join_way", config_id=config)
    town.push(0, "早")
    assert town.product.events == []
