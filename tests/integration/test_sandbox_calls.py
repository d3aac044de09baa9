"""The platform calls of the sandbox over real HTTP: answers, refusals and their codes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from qunflow.sandbox.options import Limits, Options
from qunflow.sandbox.running import running

EC = "externalcontact"
DOCUMENTED = Limits()
CORP, SECRET = "wwtest", "secret"


class Api:
    """A small client of its own, written apart from the product's connector."""

    def __init__(self, base: str) -> None:
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=10)
        self.token = ""

    def renew(self) -> str:
        """Ask for the token."""
        answer = self.http.get("/cgi-bin/gettoken", params={"corpid": CORP, "corpsecret": SECRET}).json()
        self.token = answer["access_token"]
        return self.token

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        """POST a call; the body as it came."""
        found: dict[str, Any] = self.http.post(
            f"/cgi-bin/{path}", params={"access_token": self.token}, json=body
        ).json()
        return found

    def code(self, path: str, **body: Any) -> int:
        """The errcode of a call."""
        return int(self.call(path, **body)["errcode"])

    def act(self, act: str, **about: Any) -> dict[str, Any]:
        """Let somebody do something in a client."""
        answer = self.http.post("/_sandbox/act", json={"act": act, **about})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(self, seconds: int) -> None:
        """Let simulated time pass."""
        self.http.post("/_sandbox/clock", json={"advance_s": seconds}).raise_for_status()

    def world(self) -> dict[str, Any]:
        """The outline."""
        found: dict[str, Any] = self.http.get("/_sandbox/world").json()
        return found

    def chat(self, place: int = 0) -> dict[str, Any]:
        """One of the groups."""
        found: dict[str, Any] = self.world()["groups"][place]
        return found

    def friend(self, **about: Any) -> dict[str, Any]:
        """A new friend of the helper account."""
        return self.act("add_contact", **about)


def api_of(limits: Limits = DOCUMENTED) -> Iterator[Api]:
    """A client of a sandbox with staff and empty groups."""
    with running(Options(CORP, SECRET, populated=False, limits=limits)) as base:
        api = Api(base)
        api.renew()
        yield api
        api.http.close()


@pytest.fixture
def api() -> Iterator[Api]:
    """A sandbox with the documented limits."""
    yield from api_of()


def texts(content: str = "早") -> dict[str, Any]:
    """A text part."""
    return {"content": content}


def test_errors_are_http_200_with_headers_and_a_hint(api: Api) -> None:
    """The code stands in the body and in a header; the text carries a hint nobody may parse."""
    answer = api.http.post(f"/cgi-bin/{EC}/groupchat/get", params={"access_token": api.token}, json={"chat_id": "no"})
    assert answer.status_code == 200
    assert answer.json()["errcode"] == 40050
    assert answer.headers["Error-Code"] == "40050"
    assert answer.headers["Error-Msg"].startswith("invalid chat_id")
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert ", hint: [" in answer.json()["errmsg"]
    assert answer.json()["errmsg"].endswith("devtool/query?e=40050")


def test_an_unknown_path_is_404(api: Api) -> None:
    """Calls that are not served do not pretend."""
    assert api.http.post("/cgi-bin/externalcontact/create_group_chat", json={}).status_code == 404
    assert api.http.get("/").status_code == 404


@pytest.mark.covers("gettoken", "refusal")
@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"corpsecret": SECRET}, 41002),
        ({"corpid": CORP}, 41004),
        ({"corpid": "other", "corpsecret": SECRET}, 40013),
        ({"corpid": CORP, "corpsecret": "wrong"}, 40001),
    ],
)
def test_a_wrong_credential_is_refused(api: Api, given: dict[str, str], code: int) -> None:
    """Each missing or wrong part has its own code."""
    assert api.http.get("/cgi-bin/gettoken", params=given).json()["errcode"] == code


@pytest.mark.covers("gettoken", "success")
@pytest.mark.covers("gettoken", "read_back")
def test_a_token_is_the_same_until_it_expires_after_7200_s(api: Api) -> None:
    """Asking again changes nothing; on the sandbox clock it dies after two hours and a new one works."""
    first = api.token
    assert api.renew() == first
    api.wait(7_199)
    assert api.code(f"{EC}/groupchat/list", limit=10) == 0
    api.wait(1)
    assert api.code(f"{EC}/groupchat/list", limit=10) == 42001
    assert api.renew() != first
    assert api.code(f"{EC}/groupchat/list", limit=10) == 0


def test_a_missing_unknown_or_withdrawn_token_is_refused(api: Api) -> None:
    """41001, 40014, and 40014 again after a withdrawal; the next token works."""
    assert api.http.post(f"/cgi-bin/{EC}/groupchat/list", json={"limit": 1}).json()["errcode"] == 41001
    good, api.token = api.token, "nonsense"
    assert api.code(f"{EC}/groupchat/list", limit=1) == 40014
    api.token = good
    api.act("revoke_token")
    assert api.code(f"{EC}/groupchat/list", limit=1) == 40014
    api.renew()
    api.act("expire_token")
    assert api.code(f"{EC}/groupchat/list", limit=1) == 42001
    api.renew()
    assert api.code(f"{EC}/groupchat/list", limit=1) == 0


def test_a_body_is_json_whatever_its_content_type(api: Api) -> None:
    """No Content-Type is fine; empty and broken bodies are 40058."""
    url, token = f"/cgi-bin/{EC}/groupchat/list", {"access_token": api.token}
    assert api.http.post(url, params=token, content=b'{"limit": 5}').json()["errcode"] == 0
    for broken in (b"", b"{", b"[1]", b"\xff"):
        assert api.http.post(url, params=token, content=broken).json()["errcode"] == 40058


@pytest.mark.covers("externalcontact/groupchat/list", "success")
@pytest.mark.covers("externalcontact/groupchat/list", "refusal")
def test_groups_come_in_pages_and_only_with_own_cursors(api: Api) -> None:
    """Two pages hold all groups once; an invented cursor is 50100, a limit of 0 is 40058."""
    first = api.call(f"{EC}/groupchat/list", limit=2)
    second = api.call(f"{EC}/groupchat/list", limit=2, cursor=first["next_cursor"])
    ids = [row["chat_id"] for row in first["group_chat_list"] + second["group_chat_list"]]
    assert len(ids) == len(set(ids)) == 3
    assert second["next_cursor"] == ""
    assert api.code(f"{EC}/groupchat/list", limit=2, cursor="cGFnZTp4") == 50100
    assert api.code(f"{EC}/groupchat/list", limit=2, cursor="???") == 50100
    assert api.code(f"{EC}/groupchat/list", limit=0) == 40058
    mine = api.call(f"{EC}/groupchat/list", limit=10, owner_filter={"userid_list": ["owner_he"]})
    assert [row["chat_id"] for row in mine["group_chat_list"]] == [api.chat(1)["chat_id"]]


@pytest.mark.covers("externalcontact/groupchat/get", "success")
@pytest.mark.covers("externalcontact/groupchat/get", "read_back")
@pytest.mark.covers("externalcontact/groupchat/get", "refusal")
def test_a_group_shows_who_is_in_it_and_how_they_came(api: Api) -> None:
    """Scene 3 with the code's state for scanning, 1 for being pulled in; names only when asked for."""
    chat = api.chat()["chat_id"]
    config = api.call(f"{EC}/groupchat/add_join_way", scene=2, chat_id_list=[chat], state="poster-a")["config_id"]
    scanner, pulled = api.friend(name="小林")["external_userid"], api.friend(name="小何")["external_userid"]
    before = api.call(f"{EC}/groupchat/get", chat_id=chat)["group_chat"]["member_version"]
    assert api.act("scan", config_id=config, external_userid=scanner)["chat_id"] == chat
    api.act("pull_in", chat_id=chat, external_userid=pulled)
    group = api.call(f"{EC}/groupchat/get", chat_id=chat, need_name=1)["group_chat"]
    people = {member["userid"]: member for member in group["member_list"]}
    assert (people[scanner]["join_scene"], people[scanner]["state"], people[scanner]["name"]) == (3, "poster-a", "小林")
    assert (people[pulled]["join_scene"], people[pulled]["type"]) == (1, 2)
    assert people["owner_zhou"]["type"] == 1
    assert group["member_version"] != before
    nameless = api.call(f"{EC}/groupchat/get", chat_id=chat)["group_chat"]["member_list"]
    assert all("name" not in member for member in nameless)
    api.act("leave", chat_id=chat, external_userid=scanner)
    assert scanner not in [
        m["userid"] for m in api.call(f"{EC}/groupchat/get", chat_id=chat)["group_chat"]["member_list"]
    ]
    api.act("dismiss", chat_id=chat)
    assert api.code(f"{EC}/groupchat/get", chat_id=chat) == 49008


@pytest.mark.covers("externalcontact/batch/get_by_user", "success")
@pytest.mark.covers("externalcontact/batch/get_by_user", "read_back")
@pytest.mark.covers("externalcontact/batch/get_by_user", "refusal")
@pytest.mark.covers("externalcontact/get", "read_back")
@pytest.mark.covers("externalcontact/get", "refusal")
@pytest.mark.covers("externalcontact/list", "success")
@pytest.mark.covers("externalcontact/list", "read_back")
@pytest.mark.covers("externalcontact/get_follow_user_list", "success")
def test_customers_are_listed_per_member(api: Api) -> None:
    """Pages of batch/get_by_user hold everybody once with channel and time; a stranger is 40096, an ended one 84061."""
    made = [api.friend(state="store-b", name=f"客{place}")["external_userid"] for place in range(3)]
    assert api.call(f"{EC}/get_follow_user_list")["follow_user"][0] == "helper_xm"
    assert (
        api.http.get(f"/cgi-bin/{EC}/list", params={"access_token": api.token, "userid": "helper_xm"}).json()[
            "external_userid"
        ]
        == made
    )
    first = api.call(f"{EC}/batch/get_by_user", userid_list=["helper_xm"], limit=2)
    rest = api.call(f"{EC}/batch/get_by_user", userid_list=["helper_xm"], limit=2, cursor=first["next_cursor"])
    rows = first["external_contact_list"] + rest["external_contact_list"]
    assert [row["external_contact"]["external_userid"] for row in rows] == made
    assert {row["follow_info"]["state"] for row in rows} == {"store-b"}
    api.act("delete_contact", external_userid=made[0])
    assert api.code(f"{EC}/get", external_userid=made[0]) == 84061
    assert api.code(f"{EC}/get", external_userid="wmNobody") == 40096
    assert api.call(f"{EC}/get", external_userid=made[1])["follow_user"][0]["userid"] == "helper_xm"
    assert api.code(f"{EC}/batch/get_by_user", userid_list=["nobody"]) == 60111
    assert api.code(f"{EC}/batch/get_by_user", userid_list=["helper_xm"] * 101) == 40058
    assert api.code(f"{EC}/list", userid="owner_he") == 84061


@pytest.mark.covers("externalcontact/groupchat/get_join_way", "read_back")
def test_a_live_code_fills_groups_in_turn_and_opens_the_next() -> None:
    """Two scanners fill the first group, two the second, the fifth gets a new group named by base and number."""
    for api in api_of(Limits(qr_members=4)):
        chats = [api.chat(0)["chat_id"], api.chat(1)["chat_id"]]
        config = api.call(
            f"{EC}/groupchat/add_join_way", scene=2, chat_id_list=chats, room_base_name="打卡群", room_base_id=10
        )["config_id"]
        went = [
            api.act("scan", config_id=config, external_userid=api.friend()["external_userid"])["chat_id"]
            for _ in range(5)
        ]
        assert went[:4] == [chats[0], chats[0], chats[1], chats[1]]
        way = api.call(f"{EC}/groupchat/get_join_way", config_id=config)["join_way"]
        assert way["chat_id_list"] == [*chats, went[4]]
        assert way["room_base_id"] == 11
        group = api.call(f"{EC}/groupchat/get", chat_id=went[4])["group_chat"]
        assert (group["name"], group["owner"]) == ("打卡群10", "owner_he")


@pytest.mark.covers("externalcontact/groupchat/add_join_way", "success")
@pytest.mark.covers("externalcontact/groupchat/add_join_way", "read_back")
@pytest.mark.covers("externalcontact/groupchat/add_join_way", "refusal")
@pytest.mark.covers("externalcontact/groupchat/get_join_way", "success")
@pytest.mark.covers("externalcontact/groupchat/get_join_way", "refusal")
@pytest.mark.covers("externalcontact/groupchat/update_join_way", "success")
@pytest.mark.covers("externalcontact/groupchat/update_join_way", "read_back")
@pytest.mark.covers("externalcontact/groupchat/del_join_way", "success")
@pytest.mark.covers("externalcontact/groupchat/del_join_way", "read_back")
def test_join_ways_keep_their_rules(api: Api) -> None:
    """At most five groups, a long remark is cut, an update overwrites everything, a deleted code is gone."""
    chat = api.chat()["chat_id"]
    answer = api.call(f"{EC}/groupchat/add_join_way", scene=2, chat_id_list=[chat], remark="长" * 40, state="a")
    assert "qr_code" not in answer
    way = api.call(f"{EC}/groupchat/get_join_way", config_id=answer["config_id"])["join_way"]
    assert way["remark"] == "长" * 30
    assert way["qr_code"].startswith("https://")
    assert api.code(f"{EC}/groupchat/update_join_way", config_id=answer["config_id"], scene=2, chat_id_list=[chat]) == 0
    assert api.call(f"{EC}/groupchat/get_join_way", config_id=answer["config_id"])["join_way"]["state"] == ""
    assert api.code(f"{EC}/groupchat/add_join_way", scene=2, chat_id_list=[chat] * 6) == 41091
    assert api.code(f"{EC}/groupchat/add_join_way", scene=2, chat_id_list=[]) == 40063
    assert api.code(f"{EC}/groupchat/add_join_way", scene=2, chat_id_list=["wrNo"]) == 40050
    assert api.code(f"{EC}/groupchat/add_join_way", scene=2, chat_id_list=[chat], state="长" * 31) == 40058
    assert api.code(f"{EC}/groupchat/get_join_way") == 41043
    assert api.code(f"{EC}/groupchat/del_join_way", config_id=answer["config_id"]) == 0
    assert api.code(f"{EC}/groupchat/get_join_way", config_id=answer["config_id"]) == 41044


@pytest.mark.covers("externalcontact/add_contact_way", "success")
@pytest.mark.covers("externalcontact/add_contact_way", "read_back")
@pytest.mark.covers("externalcontact/add_contact_way", "refusal")
@pytest.mark.covers("externalcontact/get_contact_way", "success")
def test_contact_ways_refuse_what_is_documented(api: Api) -> None:
    """Type, scene, users and remark each have their code; a good one comes back whole."""
    way = {"type": 1, "scene": 2, "user": ["helper_xm"], "state": "poster-a"}
    made = api.call(f"{EC}/add_contact_way", **way)
    assert made["qr_code"].startswith("https://")
    assert api.call(f"{EC}/get_contact_way", config_id=made["config_id"])["contact_way"]["state"] == "poster-a"
    cases = [({"type": 0}, 41039), ({"scene": 9}, 41040), ({"type": None}, 41037), ({"scene": None}, 41038)]
    cases += [
        ({"user": ["helper_xm", "owner_he"]}, 40058),
        ({"user": ["x"] * 101}, 41041),
        ({"remark": "长" * 31}, 40058),
    ]
    for change, code in cases:
        assert api.code(f"{EC}/add_contact_way", **{**way, **change}) == code


@pytest.mark.covers("externalcontact/send_welcome_msg", "success")
@pytest.mark.covers("externalcontact/send_welcome_msg", "refusal")
def test_a_welcome_is_sent_once_within_20_s(api: Api) -> None:
    """Unknown and old codes are 41050, a used one 41051, none 41049."""
    code = api.friend()["welcome_code"]
    api.wait(20)
    assert api.code(f"{EC}/send_welcome_msg", welcome_code=code, text=texts()) == 0
    assert api.code(f"{EC}/send_welcome_msg", welcome_code=code, text=texts()) == 41051
    late = api.friend()["welcome_code"]
    api.wait(21)
    assert api.code(f"{EC}/send_welcome_msg", welcome_code=late, text=texts()) == 41050
    assert api.code(f"{EC}/send_welcome_msg", welcome_code="x", text=texts()) == 41050
    assert api.code(f"{EC}/send_welcome_msg", text=texts()) == 41049
    assert api.friend(console_welcome=True)["welcome_code"] == ""


def test_message_parts_are_measured_in_bytes(api: Api) -> None:
    """4,000 bytes are 1,333 Chinese characters; attachments are counted and their kinds and lengths checked."""

    def code(**parts: Any) -> int:
        return api.code(f"{EC}/send_welcome_msg", welcome_code=api.friend()["welcome_code"], **parts)

    link = {"title": "题", "url": "https://shop.example.com"}
    assert code(text=texts("长" * 1_333)) == 0
    assert code(text=texts("长" * 1_334)) == 40058
    assert code(text=texts(""), attachments=[]) == 40063
    assert code(attachments=[{"msgtype": "link", "link": link}] * 9) == 0
    assert code(attachments=[{"msgtype": "link", "link": link}] * 10) == 41064
    assert code(attachments=[{"msgtype": "voice", "voice": {}}]) == 41065
    assert code(attachments=[{"msgtype": "link", "link": {**link, "title": "长" * 43}}]) == 40058
    assert code(attachments=[{"msgtype": "link", "link": {**link, "url": "shop.example.com"}}]) == 45034
    assert code(attachments=[{"msgtype": "image", "image": {"media_id": "no"}}]) == 40007


@pytest.mark.covers("media/upload", "success")
@pytest.mark.covers("media/upload", "read_back")
@pytest.mark.covers("media/upload", "refusal")
def test_files_live_three_days_and_have_a_kind(api: Api) -> None:
    """An image id is no video, and after three days it is nothing."""

    def upload(content: bytes, kind: str = "image") -> dict[str, Any]:
        files = {"anything": ("a.png", content, "image/png")}
        found: dict[str, Any] = api.http.post(
            "/cgi-bin/media/upload", params={"access_token": api.token, "type": kind}, files=files
        ).json()
        return found

    def code(kind: str, media_id: str) -> int:
        welcome = api.friend()["welcome_code"]
        part = [{"msgtype": kind, kind: {"media_id": media_id}}]
        return api.code(f"{EC}/send_welcome_msg", welcome_code=welcome, attachments=part)

    made = upload(b"\x89PNG\r\n\r\n--more bytes")
    assert isinstance(made["created_at"], str)
    assert code("image", made["media_id"]) == 0
    assert code("video", made["media_id"]) == 40007
    assert upload(b"1234")["errcode"] == 40006
    assert upload(b"")["errcode"] == 44001
    assert upload(b"123456", kind="paper")["errcode"] == 40004
    assert upload(b"x" * 10_000_001)["errcode"] == 45001
    api.wait(3 * 86_400)
    api.renew()
    assert code("image", made["media_id"]) == 40007


@pytest.mark.covers("message/send", "success")
@pytest.mark.covers("message/send", "refusal")
def test_app_messages_tell_who_cannot_be_reached(api: Api) -> None:
    """Partly wrong recipients are errcode 0 with the wrong ones named; nobody at all has its codes."""
    card = {"title": "待办", "description": "一条", "url": "http://127.0.0.1:9/hand/x"}
    good = {"touser": "owner_he|nobody", "agentid": 1_000_002, "msgtype": "textcard", "textcard": card}
    answer = api.call("message/send", **good)
    assert (answer["errcode"], answer["invaliduser"]) == (0, "nobody")
    cases: list[tuple[dict[str, Any], int]] = [({"touser": "nobody"}, 81013), ({"touser": ""}, 82001)]
    cases += [({"agentid": 5}, 301002), ({"agentid": None}, 41011), ({"msgtype": "song"}, 40008)]
    cases += [({"textcard": {**card, "url": "x"}}, 45034), ({"msgtype": "text", "text": texts("长" * 683)}, 45002)]
    for change, code in cases:
        assert api.code("message/send", **{**good, **change}) == code


def test_a_repeated_app_message_is_not_sent_twice_when_asked(api: Api) -> None:
    """Within the interval the same message gives the first msgid and no second line in the log."""
    message = {
        "touser": "owner_he",
        "agentid": 1_000_002,
        "msgtype": "text",
        "text": texts(),
        "enable_duplicate_check": 1,
    }
    first, second = api.call("message/send", **message), api.call("message/send", **message)
    assert first["msgid"] == second["msgid"]
    assert len(api.http.get("/_sandbox/log").text.splitlines()) == 1
    api.wait(1_801)
    assert api.call("message/send", **message)["msgid"] != first["msgid"]


@pytest.mark.covers("externalcontact/groupchat/statistic", "success")
@pytest.mark.covers("externalcontact/groupchat/statistic", "read_back")
@pytest.mark.covers("externalcontact/groupchat/statistic", "refusal")
@pytest.mark.covers("externalcontact/groupchat/statistic_group_by_day", "success")
@pytest.mark.covers("externalcontact/groupchat/statistic_group_by_day", "read_back")
def test_statistics_are_for_yesterday_and_before(api: Api) -> None:
    """Today is refused; yesterday counts joins and speech per owner and per day."""
    chat, who = api.chat()["chat_id"], api.friend()["external_userid"]
    api.act("pull_in", chat_id=chat, external_userid=who)
    today = _unix(api)
    owners = {"userid_list": ["owner_zhou"]}
    assert api.code(f"{EC}/groupchat/statistic", day_begin_time=today, owner_filter=owners) == 40058
    api.wait(86_400)
    api.renew()
    by_owner = api.call(f"{EC}/groupchat/statistic", day_begin_time=today, owner_filter=owners)
    assert by_owner["items"][0]["data"]["new_member_cnt"] == 1
    by_day = api.call(f"{EC}/groupchat/statistic_group_by_day", day_begin_time=today, owner_filter=owners)
    assert [item["data"]["new_member_cnt"] for item in by_day["items"]] == [1]
    assert api.code(f"{EC}/groupchat/statistic", day_begin_time=today) == 40058


@pytest.mark.covers("user/list_id", "success")
@pytest.mark.covers("user/list_id", "read_back")
@pytest.mark.covers("user/get", "success")
@pytest.mark.covers("user/get", "refusal")
def test_members_are_listed(api: Api) -> None:
    """Ids of the staff, one by one or in pages; an unknown one is 60111."""
    first = api.call("user/list_id", limit=4)
    rest = api.call("user/list_id", limit=4, cursor=first["next_cursor"])
    assert len(first["dept_user"] + rest["dept_user"]) == len(api.world()["staff"])
    url, token = "/cgi-bin/user/get", {"access_token": api.token}
    assert api.http.get(url, params={**token, "userid": "owner_he"}).json()["userid"] == "owner_he"
    assert api.http.get(url, params={**token, "userid": "nobody"}).json()["errcode"] == 60111


def test_too_many_calls_are_refused() -> None:
    """45009 over the minute limit, until a simulated minute has passed."""
    for api in api_of(Limits(calls_per_min=2)):
        codes = [api.code(f"{EC}/groupchat/list", limit=1) for _ in range(3)]
        assert codes == [0, 0, 45009]
        api.wait(60)
        assert api.code(f"{EC}/groupchat/list", limit=1) == 0


def _unix(api: Api) -> int:
    return int(datetime.fromisoformat(api.http.get("/_sandbox/clock").json()["now"]).timestamp())
