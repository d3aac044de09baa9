"""Rules that are easily forgotten, and settings for what no page of the platform says for certain."""

from __future__ import annotations

import ast
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from qunflow.connectors.wecom.crypto import CallbackCrypto
from qunflow.sandbox import areas, outside
from qunflow.sandbox.options import Callback, Limits
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import AES_KEY, CORP, HELPER, OTHER, OWNER, TOKEN, hearing

EC = "externalcontact"
DAY_S = 86_400
COMPANY = {"corp_name": "邻里物业"}
LINE = {"content": "你好"}


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox with the documented limits."""
    with anywhere() as found:
        yield found


def welcomed(caller: Anywhere, code: str) -> int:
    """The errcode of a welcome."""
    return caller.refused(f"{EC}/send_welcome_msg", welcome_code=code, text=LINE)


@pytest.mark.parametrize("by_member", [False, True])
def test_a_welcome_comes_too_late_once_the_two_are_talking(caller: Anywhere, by_member: bool) -> None:
    """41051, whoever said the first word; words with somebody else do not count."""
    new = caller.act("add_contact")
    other = caller.friend(userid=OWNER)
    caller.act("say_privately", userid=OWNER, external_userid=other, text="在吗")
    caller.act("say_privately", userid=HELPER, external_userid=new["external_userid"], text="在", by_member=by_member)
    assert welcomed(caller, new["welcome_code"]) == 41051
    assert welcomed(caller, caller.act("add_contact")["welcome_code"]) == 0


def test_customers_who_use_wecom_bring_no_welcome_code(caller: Anywhere) -> None:
    """Neither by adding a member nor by scanning a code, half or whole; a WeChat user brings one."""
    way = caller.post(f"{EC}/add_contact_way", type=1, scene=2, user=[HELPER])["config_id"]

    def partner() -> str:
        return str(caller.act("add_customer", name="合作方", company=COMPANY)["external_userid"])

    assert caller.act("add_contact", external_userid=partner())["welcome_code"] == ""
    for half in (False, True):
        scanned = caller.act("scan_contact_way", config_id=way, external_userid=partner(), half=half)
        assert scanned["welcome_code"] == ""
    assert caller.act("scan_contact_way", config_id=way)["welcome_code"]


def test_nobody_becomes_the_friend_of_a_friend(caller: Anywhere) -> None:
    """Adding twice, or adding nobody, makes no second welcome code."""
    who = caller.friend()
    assert caller.try_act("add_contact", external_userid=who).status_code == 400
    assert caller.try_act("add_contact", external_userid="wmNobody").status_code == 400


def test_pictures_by_address_are_those_of_uploadimg(caller: Anywhere) -> None:
    """Any other address is 40007, however real it looks."""
    code = caller.act("add_contact")["welcome_code"]

    def part(url: str) -> list[dict[str, Any]]:
        return [{"msgtype": "image", "image": {"pic_url": url}}]

    for wrong in ("https://wework.qpic.cn/wwpic3az/x/0", "https://shop.example.com/a.png", ""):
        assert caller.refused(f"{EC}/send_welcome_msg", welcome_code=code, attachments=part(wrong)) == 40007
    assert caller.refused(f"{EC}/send_welcome_msg", welcome_code=code, attachments=part(caller.upload_picture())) == 0


def test_union_ids_are_shown_for_wechat_users_of_a_bound_corp_only(caller: Anywhere) -> None:
    """A partner has none, and without a WeChat developer account nobody has one, alone or in a group."""
    assert _union_ids(caller) == (True, False)
    with anywhere(Limits(unionids=0)) as unbound:
        assert _union_ids(unbound) == (False, False)


def _union_ids(caller: Anywhere) -> tuple[bool, bool]:
    """Whether a WeChat user and a partner have a union id, the same in every call."""
    chat, neighbour = caller.chat(), caller.friend()
    partner = caller.act("add_customer", name="合作方", company=COMPANY)["external_userid"]
    caller.act("add_contact", external_userid=partner)
    for who in (neighbour, partner):
        caller.act("pull_in", chat_id=chat, external_userid=who)
    members = caller.post(f"{EC}/groupchat/get", chat_id=chat)["group_chat"]["member_list"]
    seats = {one["userid"]: one for one in members}
    rows = caller.post(f"{EC}/batch/get_by_user", userid_list=[HELPER])["external_contact_list"]
    batch = {row["external_contact"]["external_userid"]: row["external_contact"] for row in rows}
    found = []
    for who in (neighbour, partner):
        single = caller.get(f"{EC}/get", external_userid=who)["external_contact"]
        shown = {"unionid" in one for one in (single, seats[who], batch[who])}
        assert len(shown) == 1
        found.append(shown.pop())
    return found[0], found[1]


def test_an_app_that_sees_very_many_has_to_name_owners() -> None:
    """81017 without owner_filter; with it, and in a smaller corp, the groups come."""
    with anywhere(Limits(unfiltered_members=2)) as caller:
        assert caller.refused(f"{EC}/groupchat/list", limit=10) == 81017
        assert caller.refused(f"{EC}/groupchat/list", limit=10, owner_filter={"userid_list": [OWNER]}) == 0
    with anywhere() as caller:
        assert caller.refused(f"{EC}/groupchat/list", limit=10) == 0


@pytest.mark.parametrize("wrong", [{"status_filter": 4}, {"owner_filter": {"userid_list": ["x"] * 101}}])
def test_group_filters_are_bounded(caller: Anywhere, wrong: dict[str, Any]) -> None:
    """There are four states of an owner, and at most 100 owners."""
    assert caller.refused(f"{EC}/groupchat/list", limit=10, **wrong) == 40058


def test_a_member_without_customers_is_a_refusal_or_an_empty_list() -> None:
    """84061 unless the corp is told to answer an empty list, which no page says."""
    with anywhere() as caller:
        assert caller.get(f"{EC}/list", userid=OTHER)["errcode"] == 84061
    with anywhere(Limits(no_customers=0)) as caller:
        assert caller.get(f"{EC}/list", userid=OTHER)["external_userid"] == []


def test_join_ways_count_with_contact_ways_and_keep_their_mark() -> None:
    """One code too many of either kind is 41045; mark_source is read back and falls to its default on an update."""
    with anywhere(Limits(codes=2)) as caller:
        caller.post(f"{EC}/add_contact_way", type=1, scene=2, user=[HELPER])
        about = {"scene": 2, "chat_id_list": [caller.chat()]}
        way = caller.post(f"{EC}/groupchat/add_join_way", **about, mark_source=False)["config_id"]
        assert caller.refused(f"{EC}/groupchat/add_join_way", **about) == 41045

        def mark() -> object:
            return caller.post(f"{EC}/groupchat/get_join_way", config_id=way)["join_way"]["mark_source"]

        assert mark() is False
        assert caller.refused(f"{EC}/groupchat/update_join_way", config_id=way, **about) == 0
        assert mark() is True


def test_figures_of_yesterday_do_not_know_who_came_or_left_today(caller: Anywhere) -> None:
    """member_total and chat_total stand as at the end of the day, whatever happened since."""
    chat = caller.chat()
    first, second = caller.friend(), caller.friend()
    caller.act("pull_in", chat_id=chat, external_userid=first)
    yesterday = caller.now()
    caller.pass_time(DAY_S)
    about = {"day_begin_time": yesterday, "owner_filter": {"userid_list": [OWNER]}}

    def figures() -> tuple[int, int, int]:
        by_owner = caller.post(f"{EC}/groupchat/statistic", **about)["items"][0]["data"]
        by_day = caller.post(f"{EC}/groupchat/statistic_group_by_day", **about)["items"][0]["data"]
        assert by_owner == by_day
        return by_day["member_total"], by_day["new_member_cnt"], by_day["chat_total"]

    before = figures()
    caller.act("pull_in", chat_id=chat, external_userid=second)
    assert figures() == before
    caller.act("leave", chat_id=chat, external_userid=first)
    assert figures() == before
    caller.act("dismiss", chat_id=chat)
    assert figures() == before
    tomorrow = caller.now()
    caller.pass_time(DAY_S)
    about["day_begin_time"] = tomorrow
    assert figures()[1:] == (1, before[2] - 1)
    both = {**about, "day_begin_time": yesterday, "day_end_time": tomorrow}
    days = caller.post(f"{EC}/groupchat/statistic_group_by_day", **both)["items"]
    assert [day["data"]["new_member_cnt"] for day in days] == [1, 1]


def test_equal_cards_of_other_departments_are_no_repetition(caller: Anywhere) -> None:
    """The duplicate check compares to whom a message goes; the same one again is not sent."""
    card = {"msgtype": "text", "agentid": 1_000_002, "text": {"content": "早"}, "enable_duplicate_check": 1}
    sent = [caller.post("message/send", **card, toparty=party)["msgid"] for party in ("2", "3", "2")]
    assert sent[0] != sent[1]
    assert sent[2] == sent[0]


@pytest.mark.parametrize(("limits", "name"), [(Limits(), OWNER), (Limits(member_names=1), "周启明")])
def test_apps_are_not_told_what_members_are_called(limits: Limits, name: str) -> None:
    """They read the userid where the name would stand, unless the directory is open to them."""
    with anywhere(limits) as caller:
        assert caller.get("user/get", userid=OWNER)["name"] == name
        listed = caller.get("user/simplelist", department_id=1, fetch_child=1)["userlist"]
        assert name in [one["name"] for one in listed]


@pytest.mark.parametrize("gone", [{"act": "activate", "active": False}, {"act": "resign"}])
def test_whoever_is_not_there_confirms_nothing(caller: Anywhere, gone: dict[str, Any]) -> None:
    """A member who left or is logged out has no button to press; the task stays unsent."""
    task = {"chat_type": "group", "sender": OTHER, "chat_id_list": [caller.chat(1)], "text": LINE}
    msgid = caller.post(f"{EC}/add_msg_template", **task)["msgid"]
    caller.wait(2)
    caller.act(**gone, userid=OTHER)
    assert caller.try_act("confirm", msgid=msgid, userid=OTHER).status_code == 400
    assert caller.post(f"{EC}/get_groupmsg_task", msgid=msgid)["task_list"][0]["status"] == 0


def test_escaped_characters_are_refused_where_the_corp_meets_such_calls() -> None:
    r"""A body with \uXXXX is 40033, the same in plain UTF-8 is taken; by default both are."""
    body = {"chat_type": "group", "sender": OWNER, "text": {"content": "早"}}
    path = f"/cgi-bin/{EC}/add_msg_template"
    for limits, escaped in ((Limits(plain_utf8=1), 40033), (Limits(), 0)):
        with anywhere(limits) as caller:
            codes = [
                caller.http.post(path, params={"access_token": caller.token}, content=content).json()["errcode"]
                for content in (json.dumps(body), json.dumps(body, ensure_ascii=False).encode())
            ]
            assert codes == [escaped, 0]


@pytest.mark.parametrize(("limits", "kind"), [(Limits(), int), (Limits(times_as_text=1), str)])
def test_create_times_may_arrive_as_texts(limits: Limits, kind: type) -> None:
    """Some answers hold them so; other numbers stay numbers."""
    with anywhere(limits) as caller:
        who, chat = caller.friend(), caller.chat()
        group = caller.post(f"{EC}/groupchat/get", chat_id=chat)["group_chat"]
        friend = caller.get(f"{EC}/get", external_userid=who)["follow_user"][0]
        assert (type(group["create_time"]), type(friend["createtime"])) == (kind, kind)
        assert type(group["member_list"][0]["join_time"]) is int


def test_a_new_notice_is_told_and_a_new_owner_sits_in_the_group() -> None:
    """change_notice comes as its own update; whoever takes a group over is among its members."""
    with hearing() as (callback, heard), anywhere(callback=callback) as caller:
        chat = caller.chat()
        caller.act("change_notice", chat_id=chat, notice="八点截单")
        caller.act("hand_over", chat_id=chat, owner=OTHER)
        assert [event["UpdateDetail"] for event in heard] == ["change_notice", "change_owner"]
        group = caller.post(f"{EC}/groupchat/get", chat_id=chat)["group_chat"]
        assert (group["notice"], group["owner"]) == ("八点截单", OTHER)
        assert OTHER in [one["userid"] for one in group["member_list"]]


def test_a_cursor_belongs_to_the_question_it_came_with(caller: Anywhere) -> None:
    """Pages may change their size; another call, another filter and a cursor of one's own making are 50100."""
    path, owners = f"{EC}/groupchat/list", {"userid_list": [OWNER, OTHER]}
    cursor = caller.post(path, limit=1, owner_filter=owners)["next_cursor"]
    assert caller.refused(path, limit=1, owner_filter=owners, cursor=cursor) == 0
    assert caller.refused(path, limit=9, owner_filter=owners, cursor=cursor) == 0
    assert caller.refused(path, limit=1, cursor=cursor) == 50100
    assert caller.refused(f"{EC}/contact_list", limit=1, cursor=cursor) == 50100
    for made_up in ("1", "x.y", cursor.partition(".")[0], f"{cursor}0"):
        assert caller.refused(path, limit=1, owner_filter=owners, cursor=made_up) == 50100


def test_no_call_can_raise_a_callback() -> None:
    """Only what people do is told; of the calls' own sources only the hand-over tells, and of what the platform did."""
    telling = set()
    for file in Path(areas.__path__[0]).glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names}
        if names & {"tell", "pushes"} or imported & {"clients", "links", "meeting", "own_sends", "publishing"}:
            telling.add(file.stem)
    assert telling == {"transfer"}


def test_an_answer_that_takes_too_long_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 5 seconds a callback counts as refused and is tried three times more; the test waits a part of it."""
    assert outside.CALLBACK_TIMEOUT_S == 5
    monkeypatch.setattr(outside, "CALLBACK_TIMEOUT_S", 0.05)
    asked, answered = [], threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            answered.wait(2)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        with anywhere(callback=Callback(f"http://127.0.0.1:{server.server_port}/", TOKEN, AES_KEY)) as caller:
            caller.act("add_contact")
        assert len(asked) == 4
        assert len(set(asked)) == 1
    finally:
        answered.set()
        server.shutdown()
        server.server_close()


@contextmanager
def address(answer: str) -> Iterator[str]:
    """A callback address that answers the URL check: with the echo, the echo in quotes, or HTTP 500."""
    crypto = CallbackCrypto(TOKEN, AES_KEY, CORP)

    class Product(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            echo = crypto.open(query["msg_signature"], query["timestamp"], query["nonce"], query["echostr"]).decode()
            self.send_response(500 if answer == "broken" else 200)
            self.end_headers()
            self.wfile.write((f'"{echo}"' if answer == "quoted" else echo).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Product)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/wecom/callback"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "problem"), [("plain", ""), ("quoted", "another text than the echo"), ("broken", "HTTP 500")]
)
def test_a_callback_address_has_to_give_the_echo_back(answer: str, problem: str) -> None:
    """The decrypted text and nothing around it, as when the settings are saved in the console."""
    with address(answer) as url, anywhere(callback=Callback(url, TOKEN, AES_KEY)) as caller:
        checked = caller.act("check_callback")
        assert (checked["accepted"], checked["problem"]) == (not problem, problem)


def test_a_callback_address_that_nobody_serves_is_not_taken(caller: Anywhere) -> None:
    """Without an address, and with one that does not answer."""
    assert caller.act("check_callback")["problem"] == "no callback address is set"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with anywhere(callback=Callback(url, TOKEN, AES_KEY)) as alone:
            assert alone.act("check_callback")["problem"] == "no answer within a second"
