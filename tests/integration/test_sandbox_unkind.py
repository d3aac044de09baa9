"""The platform at its least kind: apps that see little, blocks, lag, races, events late, twice joined or reordered."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest

from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.sandbox.desk import Desk, Request
from qunflow.sandbox.options import App, Callback, Limits, Options
from qunflow.sandbox.platform import Nobody, Platform
from qunflow.sandbox.records import Staff
from qunflow.sandbox.storage import Storage
from qunflow.sandbox.wire import encoded
from tests.integration.sandbox_anywhere import ACQUISITION, Anywhere, anywhere
from tests.integration.sandbox_caller import CORP, DOCUMENTED, HELPER, OTHER, OWNER, SECRET

EC = "externalcontact"
KEY, TOKEN = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "cbtoken"
SMALL, BARRED = App(9, "small", sees=(OTHER,)), App(10, "barred", forbidden=(f"{EC}/",))
APPS = (SMALL, BARRED)


class Product:
    """Takes callbacks and remembers what they say, as XML; answers with ``status``."""

    def __init__(self) -> None:
        self.events: list[ElementTree.Element] = []
        self.asked = 0
        self.status = 200
        product = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self) -> None:
                product.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(product.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/wecom/callback"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path: str, body: bytes) -> None:
        """Open a callback; one that is refused is only counted."""
        self.asked += 1
        if self.status != 200:
            return
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        sealed = ElementTree.fromstring(body).findtext("Encrypt") or ""
        crypto = CallbackCrypto(TOKEN, KEY, CORP)
        plain = crypto.open(query["msg_signature"], query["timestamp"], query["nonce"], sealed)
        self.events.append(ElementTree.fromstring(plain))

    def kinds(self) -> list[str]:
        """What happened, in order of arrival."""
        return [event.findtext("ChangeType") or "" for event in self.events]


@contextmanager
def told(limits: Limits = DOCUMENTED, **options: Any) -> Iterator[tuple[Anywhere, Product]]:
    """A sandbox and the product it tells."""
    product = Product()
    try:
        with anywhere(limits, callback=Callback(product.url, TOKEN, KEY), **options) as caller:
            yield caller, product
    finally:
        product.server.shutdown()
        product.server.server_close()


def faults(caller: Anywhere, *plan: dict[str, Any]) -> None:
    """Put a plan in force."""
    caller.http.post("/_sandbox/faults", json=list(plan)).raise_for_status()


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox of three applications."""
    with anywhere(apps=APPS) as found:
        yield found


def test_each_app_has_a_token_of_its_own(caller: Anywhere) -> None:
    """Three secrets, three tokens; withdrawing the corp's own leaves the others, and an agentid belongs to its app."""
    own = caller.token
    caller.use(SMALL.secret)
    assert caller.token != own
    caller.act("revoke_token")
    text = {"msgtype": "text", "text": {"content": "早"}, "touser": OTHER}
    assert caller.refused("message/send", agentid=9, **text) == 0
    assert caller.refused("message/send", agentid=1_000_002, **text) == 301002
    caller.token = own
    assert caller.refused("user/list_id") == 40014


def test_an_app_sees_only_its_members_groups_and_customers(caller: Anywhere) -> None:
    """Others' members and groups are 60011, others' customers 84061; its own are served."""
    mine, theirs = caller.friend(userid=OTHER), caller.friend(userid=HELPER)
    chats = [caller.chat(1), caller.chat(0)]
    caller.use(SMALL.secret)
    assert [caller.refused(f"{EC}/groupchat/get", chat_id=chat) for chat in chats] == [0, 60011]
    assert [caller.refused(f"{EC}/get", external_userid=who) for who in (mine, theirs)] == [0, 84061]
    assert [caller.refused(f"{EC}/list", userid=userid) for userid in (OTHER, HELPER)] == [0, 60011]
    filters = [{"userid_list": [userid]} for userid in (OTHER, OWNER)]
    codes = [caller.refused(f"{EC}/groupchat/list", limit=9, owner_filter=one) for one in filters]
    assert codes == [0, 60011]
    assert [row["userid"] for row in caller.post("user/list_id")["dept_user"]] == [OTHER]
    hand = {"handover_userid": OTHER, "takeover_userid": HELPER, "external_userid": [mine]}
    assert caller.refused(f"{EC}/transfer_customer", **hand) == 60011


def test_an_app_outside_customer_contact_may_not_call_it(caller: Anywhere) -> None:
    """48002 for every customer-contact call, whatever its body; the directory still answers."""
    caller.use(BARRED.secret)
    assert caller.refused(f"{EC}/get_follow_user_list") == 48002
    assert caller.refused(f"{EC}/add_msg_template") == 48002
    assert caller.refused("user/list_id") == 0


def test_codes_and_links_belong_to_the_app_that_made_them(caller: Anywhere) -> None:
    """Another app neither reads nor deletes them."""
    config = caller.post(f"{EC}/groupchat/add_join_way", scene=2, chat_id_list=[caller.chat(1)])["config_id"]
    link = {"link_name": "门店", "range": {"user_list": [OTHER]}}
    link_id = caller.post(f"{ACQUISITION}/create_link", **link)["link"]["link_id"]
    caller.use(SMALL.secret)
    assert caller.refused(f"{EC}/groupchat/get_join_way", config_id=config) == 41044
    assert caller.refused(f"{EC}/groupchat/del_join_way", config_id=config) == 41044
    assert caller.refused(f"{ACQUISITION}/get", link_id=link_id) == 40058
    assert caller.post(f"{ACQUISITION}/list_link")["link_id_list"] == []
    caller.renew()
    assert caller.refused(f"{EC}/groupchat/get_join_way", config_id=config) == 0


@pytest.mark.covers("gettoken", "read_back")
def test_repeated_wrong_secrets_block_for_an_hour_restart_or_not(tmp_path: Path) -> None:
    """The right secret is refused too until the hour is over; a token held before still works."""
    limits, db = Limits(wrong_secrets_per_hour=2), str(tmp_path / "box.sqlite3")

    def ask(caller: Anywhere, secret: str) -> int:
        query = {"corpid": CORP, "corpsecret": secret}
        return int(caller.http.get("/cgi-bin/gettoken", params=query).json()["errcode"])

    with anywhere(limits, db=db) as caller:
        assert [ask(caller, "wrong") for _ in range(4)] == [40001, 40001, 40001, 45009]
        assert ask(caller, SECRET) == 45009
        assert caller.refused("user/list_id") == 0
    with pytest.raises(KeyError, match="access_token"), anywhere(limits, db=db):
        pass
    with anywhere(Limits(), db=str(tmp_path / "other.sqlite3")) as caller:
        assert ask(caller, SECRET) == 0


def test_the_block_for_wrong_secrets_ends() -> None:
    """After an hour on the sandbox clock the right secret works again."""
    with anywhere(Limits(wrong_secrets_per_hour=1)) as caller:
        for _ in range(3):
            caller.http.get("/cgi-bin/gettoken", params={"corpid": CORP, "corpsecret": "wrong"})
        caller.wait(3_599)
        query = {"corpid": CORP, "corpsecret": SECRET}
        assert caller.http.get("/cgi-bin/gettoken", params=query).json()["errcode"] == 45009
        caller.wait(1)
        assert caller.http.get("/cgi-bin/gettoken", params=query).json()["errcode"] == 0


def test_too_many_calls_at_once_are_45033() -> None:
    """Two may run together, the others are refused at once; another call is not concerned."""
    with anywhere(Limits(parallel_calls=2)) as caller:
        faults(caller, {"path": "user/list_id", "mode": "slow", "seconds": 0.2})
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(caller.refused, "user/list_id") for _ in range(5)]
            other = pool.submit(caller.refused, "getcallbackip")
        assert sorted(one.result() for one in asked) == [0, 0, 45033, 45033, 45033]
        assert other.result() == 0


def test_debugged_calls_are_five_a_minute_all_together(caller: Anywhere) -> None:
    """The sixth with debug=1 is 45009 for a minute, whatever the call; calls without it go on."""
    codes = [caller.get(path, debug=1)["errcode"] for path in ("getcallbackip", "get_api_domain_ip") * 3]
    assert codes == [0] * 5 + [45009]
    assert caller.get("get_api_domain_ip")["errcode"] == 0
    caller.wait(60)
    assert caller.get("getcallbackip", debug=1)["errcode"] == 0


def test_a_group_shows_changes_late_with_the_old_version() -> None:
    """For the lag the newcomer is not there and the one who left is; then both, and the version, are true."""
    with told(Limits(group_lag_s=5)) as (caller, product):
        chat, here, new = caller.chat(), caller.friend(), caller.friend()

        def shown() -> tuple[bool, bool, str]:
            group = caller.post(f"{EC}/groupchat/get", chat_id=chat)["group_chat"]
            people = [member["userid"] for member in group["member_list"]]
            return here in people, new in people, group["member_version"]

        caller.act("pull_in", chat_id=chat, external_userid=here)
        caller.wait(5)
        before = shown()
        assert before[:2] == (True, False)
        caller.wait(10)
        caller.act("pull_in", chat_id=chat, external_userid=new)
        caller.act("leave", chat_id=chat, external_userid=here)
        assert shown() == before
        told_version = product.events[-1].findtext("CurMemVer")
        assert told_version != before[2]
        caller.wait(4)
        assert shown() == before
        caller.wait(1)
        assert shown() == (False, True, told_version)


def test_a_welcome_waits_while_another_app_sends_and_ends_when_it_has() -> None:
    """41096 while the other sends; 41051 after it has, free again after it has failed."""
    with anywhere() as caller:

        def greet(code: str) -> int:
            return caller.refused(f"{EC}/send_welcome_msg", welcome_code=code, text={"content": "你好"})

        taken, failed = (caller.act("add_contact")["welcome_code"] for _ in range(2))
        caller.act("other_app_greets", welcome_code=taken, seconds=3)
        caller.act("other_app_greets", welcome_code=failed, seconds=3, fails=True)
        assert [greet(taken), greet(failed)] == [41096, 41096]
        caller.wait(3)
        assert [greet(taken), greet(failed)] == [41051, 0]
        assert greet(failed) == 41051


def test_the_first_of_two_apps_wins_a_welcome() -> None:
    """The second gets 41096 while the first sends and 41051 afterwards; the first 41051 at once."""
    with anywhere(Limits(welcome_sending_s=2), apps=(App(11, "second"),)) as caller:
        code = caller.act("add_contact")["welcome_code"]

        def greet() -> int:
            return caller.refused(f"{EC}/send_welcome_msg", welcome_code=code, text={"content": "你好"})

        assert [greet(), greet()] == [0, 41051]
        caller.use("second")
        assert greet() == 41096
        caller.wait(2)
        assert greet() == 41051


def test_events_can_come_out_of_order_and_in_the_old_form() -> None:
    """A reordered push comes after the next one, or five seconds late; the old form joins ids by commas."""
    with told() as (caller, product):
        chat = caller.chat()
        faults(caller, {"path": "callback", "mode": "reorder", "times": 1})
        caller.act("rename", chat_id=chat, name="新名")
        assert product.events == []
        who = caller.act("add_customer")["external_userid"]
        caller.act("pull_in", chat_id=chat, external_userid=who)
        assert [event.findtext("UpdateDetail") for event in product.events] == ["add_member", "change_name"]
        items = [item.text for item in product.events[0].iterfind("MemChangeList/Item")]
        assert items == [who]
        faults(caller, {"path": "callback", "mode": "old_form"})
        caller.act("leave", chat_id=chat, external_userid=who)
        assert product.events[-1].findtext("MemChangeList") == who
        faults(caller, {"path": "callback", "mode": "reorder", "times": 1})
        caller.act("rename", chat_id=chat, name="又一个")
        assert len(product.events) == 3
        caller.wait(5)
        assert len(product.events) == 4


def test_a_hook_for_callbacks_is_not_taken_for_a_call() -> None:
    """A plan that reorders a call is refused with a reason."""
    with anywhere() as caller:
        answer = caller.http.post("/_sandbox/faults", json=[{"path": "gettoken", "mode": "reorder"}])
        assert answer.status_code == 400
        assert "callback only" in answer.json()["problem"]


def test_an_event_is_tried_again_every_five_seconds_three_times() -> None:
    """A product that comes back within the retries gets it, late and unchanged; one that does not loses it."""
    with told(Limits(callback_retry_s=5)) as (caller, product):
        product.status = 503
        caller.act("rename", chat_id=caller.chat(), name="新名")
        assert product.asked == 1
        caller.wait(4)
        assert product.asked == 1
        caller.wait(1)
        assert product.asked == 2
        product.status = 200
        caller.wait(5)
        assert product.kinds() == ["update"]
        product.status = 503
        caller.act("rename", chat_id=caller.chat(), name="旧名")
        for _ in range(5):
            caller.wait(5)
        assert product.asked == 3 + 4
        product.status = 200
        caller.wait(60)
        assert product.kinds() == ["update"]


def test_what_the_platform_does_by_itself_is_told() -> None:
    """A transfer tells both sides when it is carried out, and its failure when refused; asking tells nothing."""
    with told() as (caller, product):
        moved, stayed = caller.friend(), caller.friend()
        product.events.clear()
        hand = {"handover_userid": HELPER, "takeover_userid": OTHER, "external_userid": [moved, stayed]}
        caller.post(f"{EC}/transfer_customer", **hand)
        assert product.events == []
        caller.act("refuse_transfer", external_userid=stayed)
        caller.wait(86_400)
        assert product.kinds() == ["transfer_fail", "del_external_contact", "add_external_contact"]
        assert product.events[0].findtext("FailReason") == "customer_refused"
        assert product.events[1].findtext("Source") == "DELETE_BY_TRANSFER"
        assert product.events[2].findtext("UserID") == OTHER


def test_links_tell_requests_chats_balances_and_their_end() -> None:
    """Each event of an acquisition link, in the order of what happened."""
    with told(Limits(acquisition_balance=2, acquisition_low=1)) as (caller, product):
        settings = {"link_name": "海报", "range": {"user_list": [HELPER]}, "skip_verify": False}
        link = caller.post(f"{ACQUISITION}/create_link", **settings)["link"]
        people = [caller.act("add_customer")["external_userid"] for _ in range(3)]
        for who in people:
            caller.act("follow_link", url=link["url"], external_userid=who)
        for _ in range(2):
            caller.act("say_privately", userid=HELPER, external_userid=people[0], text="在吗")
        caller.act("remove_link", link_id=link["link_id"])
        assert product.kinds() == [
            "friend_request",
            "add_external_contact",
            "balance_low",
            "friend_request",
            "add_external_contact",
            "balance_exhausted",
            "link_unavailable",
            "customer_start_chat",
            "message_from_customer",
            "delete_link",
        ]


def test_cards_beyond_30_a_minute_reach_a_member_no_more_without_a_word() -> None:
    """The calls succeed, the member gets 30 of 32, and the next minute they get cards again."""
    got: list[str] = []

    class Reader(Nobody):
        def meet_card(self, userid: str, body: dict[str, Any]) -> None:
            got.append(userid)

    platform = Platform(Options(CORP, SECRET, populated=False), Storage(":memory:"))
    platform.staff.put(Staff(OWNER, "周启明", "owner"))
    platform.public = Reader()
    desk = Desk(platform)
    token = desk.answer(Request("gettoken", {"corpid": CORP, "corpsecret": SECRET}, "", b""))
    query = {"access_token": str(json.loads(token.body)["access_token"])}
    body = encoded({"touser": OWNER, "agentid": 1_000_002, "msgtype": "text", "text": {"content": "早"}})

    def send() -> str:
        return desk.answer(Request("message/send", query, "", body)).headers["Error-Code"]

    assert {send() for _ in range(32)} == {"0"}
    assert len(got) == 30
    platform.set_now(platform.now() + 60)
    assert send() == "0"
    assert len(got) == 31


def test_everything_written_survives_a_restart(tmp_path: Path) -> None:
    """Links, rules, robots, files and transfers are there when the sandbox comes back."""
    db = str(tmp_path / "box.sqlite3")
    with anywhere(db=db) as caller:
        link = caller.post(f"{ACQUISITION}/create_link", link_name="a", range={"user_list": [HELPER]})["link"]
        rule = {"rule_name": "a", "word_list": ["b"], "intercept_type": 1, "applicable_range": {"user_list": [HELPER]}}
        rule_id = caller.post(f"{EC}/add_intercept_rule", **rule)["rule_id"]
        key = caller.act("add_robot")["key"]
        media_id = caller.send_file("media/upload", b"0123456789", type="file")["media_id"]
        who = caller.friend()
        hand = {"handover_userid": HELPER, "takeover_userid": OTHER}
        caller.post(f"{EC}/transfer_customer", **hand, external_userid=[who])
    with anywhere(db=db) as caller:
        assert caller.refused(f"{ACQUISITION}/get", link_id=link["link_id"]) == 0
        assert caller.refused(f"{EC}/get_intercept_rule", rule_id=rule_id) == 0
        text = {"msgtype": "text", "text": {"content": "早"}}
        assert caller.http.post("/cgi-bin/webhook/send", params={"key": key}, json=text).json()["errcode"] == 0
        assert caller.raw("media/get", media_id=media_id).content == b"0123456789"
        caller.pass_time(86_400)
        assert caller.post(f"{EC}/transfer_result", **hand)["customer"][0]["status"] == 1
