"""The connector against answers of every kind: typed errors, one token, no secret told."""

from __future__ import annotations

import gzip
import json
import logging
import pickle
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from qunflow.connectors.http import AnswerLost, redacted
from qunflow.connectors.wecom.answers import AuthRefused
from qunflow.connectors.wecom.client import WeCom
from qunflow.errors import BadInput, ChannelRefused, ChannelUnavailable, ConfigurationError, QunflowError

SECRET = "s3cret-canary"
Reply = httpx.Response | Exception


@dataclass
class Platform:
    """Gives out tokens and then the queued replies of each path."""

    replies: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict(list))
    seen: list[httpx.Request] = field(default_factory=list)
    tokens: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/cgi-bin/")
        self.seen.append(request)
        if self.replies[path]:
            reply = self.replies[path].pop(0)
            if isinstance(reply, Exception):
                raise reply
            return reply
        if path == "gettoken":
            self.tokens += 1
            return ok(access_token=f"token-canary-{self.tokens}", expires_in=7200)
        return ok()

    def count(self, path: str) -> int:
        """How often a path was called."""
        return sum(request.url.path == f"/cgi-bin/{path}" for request in self.seen)


def ok(**fields: Any) -> httpx.Response:
    return httpx.Response(200, json={"errcode": 0, "errmsg": "ok", **fields})


def code(number: int) -> httpx.Response:
    return httpx.Response(200, json={"errcode": number, "errmsg": "x"})


@pytest.fixture
def platform() -> Platform:
    """A platform that says yes."""
    return Platform()


@pytest.fixture
def wecom(platform: Platform) -> Iterator[WeCom]:
    """A connector over it."""
    made = WeCom("http://127.0.0.1:1", "ww1", SECRET, 7, transport=httpx.MockTransport(platform), production=False)
    yield made
    made.close()


def write(wecom: WeCom) -> object:
    return wecom.add_msg_template(chat_type="group", sender="zhou", targets=["wr1"], text="早")


BROKEN: list[Reply] = [
    httpx.Response(502, text="<html>bad gateway</html>"),
    httpx.Response(200, text="<html>maintenance</html>"),
    httpx.Response(200, text='{"errcode":0,"msg'),
    httpx.Response(200, text="[]"),
    httpx.Response(200, text=""),
    httpx.Response(200, json={"errmsg": "ok"}),
    httpx.Response(200, json={"errcode": True}),
    httpx.Response(200, json={"errcode": None}),
    httpx.Response(200, text="[" * 100_000),
    httpx.Response(200, content=b'{"errcode":0,"pad":"' + b"x" * 1_100_000 + b'"}'),
    code(-1),
    httpx.ReadTimeout("slow"),
    httpx.RemoteProtocolError("cut"),
]


@pytest.mark.parametrize("reply", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_answer_is_ambiguous_for_a_write(wecom: WeCom, platform: Platform, reply: Reply) -> None:
    """Nobody knows whether a write with such an answer was carried out."""
    platform.replies["externalcontact/add_msg_template"] = [reply]
    with pytest.raises(AnswerLost):
        write(wecom)
    assert platform.count("externalcontact/add_msg_template") == 1


@pytest.mark.parametrize("reply", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_answer_is_transient_for_a_read(wecom: WeCom, platform: Platform, reply: Reply) -> None:
    """A read can simply be made again."""
    platform.replies["externalcontact/groupchat/get"] = [reply]
    with pytest.raises(ChannelUnavailable) as raised:
        wecom.group("wr1")
    assert not isinstance(raised.value, AnswerLost)


def test_an_answer_without_its_id_is_ambiguous(wecom: WeCom, platform: Platform) -> None:
    """A task accepted without a msgid has to be looked for."""
    platform.replies["externalcontact/add_msg_template"] = [ok(fail_list=[])]
    with pytest.raises(AnswerLost):
        write(wecom)


def test_no_connection_is_known_not_to_have_sent(wecom: WeCom, platform: Platform) -> None:
    """Without a connection nothing was sent, so the write is not ambiguous."""
    platform.replies["externalcontact/add_msg_template"] = [httpx.ConnectError("refused")]
    with pytest.raises(ChannelUnavailable, match="nothing was sent") as raised:
        write(wecom)
    assert not isinstance(raised.value, AnswerLost)


@pytest.mark.parametrize(
    ("number", "error", "says"),
    [
        (6000, ChannelUnavailable, "another change"),
        (45009, ChannelUnavailable, "limit"),
        (45033, ChannelUnavailable, "same time"),
        (41063, ChannelUnavailable, "dispatched"),
        (41096, ChannelUnavailable, "welcome"),
        (41048, ChannelRefused, "can be reached"),
        (41050, ChannelRefused, "20 seconds"),
        (84061, ChannelRefused, "contacts"),
        (99999, ChannelRefused, "look the code up"),
        (60020, ConfigurationError, "企业可信IP"),
        (40001, ConfigurationError, "QUNFLOW_WECOM_SECRET"),
        (40013, ConfigurationError, "QUNFLOW_WECOM_CORP_ID"),
        (48002, ConfigurationError, "可调用接口的应用"),
        (48006, ConfigurationError, "takes rights back"),
        (60031, ConfigurationError, "barred"),
        (60021, ChannelRefused, "visible range"),
        (84074, ChannelRefused, "权限配置"),
        (40007, ChannelRefused, "upload it again"),
    ],
)
def test_each_code_has_its_own_type_and_next_step(
    wecom: WeCom, platform: Platform, number: int, error: type[QunflowError], says: str
) -> None:
    """Codes become later, never, or mend your settings, and survive pickling."""
    platform.replies["externalcontact/add_msg_template"] = [code(number)] * 2
    with pytest.raises(error, match=says) as raised:
        write(wecom)
    assert not isinstance(raised.value, AnswerLost)
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (type(copy), str(copy)) == (type(raised.value), str(raised.value))
    if isinstance(raised.value, ChannelRefused):
        assert copy.code == number


def test_the_wait_a_platform_asks_for_is_told(wecom: WeCom, platform: Platform) -> None:
    """A reached call limit asks for a minute."""
    platform.replies["externalcontact/add_msg_template"] = [code(45009)]
    with pytest.raises(ChannelUnavailable) as raised:
        write(wecom)
    assert raised.value.retry_after_s == 60


def test_codes_that_arrive_as_text_are_understood(wecom: WeCom, platform: Platform) -> None:
    """Some answers carry numbers as strings."""
    platform.replies["externalcontact/add_msg_template"] = [httpx.Response(200, json={"errcode": "0", "msgid": "m1"})]
    assert write(wecom) == ("m1", ())


@pytest.mark.parametrize("number", [40001, 40014, 42001])
def test_a_refused_token_is_renewed_once_and_the_call_repeated(wecom: WeCom, platform: Platform, number: int) -> None:
    """A withdrawn token costs one more token and one more call."""
    platform.replies["externalcontact/add_msg_template"] = [code(number), ok(msgid="m1")]
    assert write(wecom) == ("m1", ())
    assert platform.tokens == 2
    assert platform.seen[-1].url.params["access_token"] == "token-canary-2"


def test_a_token_refused_again_is_not_asked_for_endlessly(wecom: WeCom, platform: Platform) -> None:
    """A platform that keeps refusing is left alone after the second time."""
    platform.replies["externalcontact/add_msg_template"] = [code(40014)] * 9
    with pytest.raises(ChannelUnavailable) as raised:
        write(wecom)
    assert not isinstance(raised.value, AnswerLost)
    assert platform.count("externalcontact/add_msg_template") == 2


def test_a_refusal_of_the_secret_itself_is_not_tried_again(wecom: WeCom, platform: Platform) -> None:
    """Wrong secrets block the address, so 40001 of the token call costs one request."""
    platform.replies["gettoken"] = [code(40001)] * 9
    with pytest.raises(AuthRefused, match="QUNFLOW_WECOM_SECRET") as raised:
        write(wecom)
    assert (raised.value.code, platform.count("gettoken")) == (40001, 1)
    assert platform.count("externalcontact/add_msg_template") == 0


def test_a_secret_that_stopped_working_costs_one_call_and_one_token(wecom: WeCom, platform: Platform) -> None:
    """A call refused with 40001 asks for a token once; when that is refused too, it is the secret."""
    platform.replies["externalcontact/add_msg_template"] = [code(40001)] * 9
    with pytest.raises(AuthRefused):
        write(wecom)
    assert (platform.tokens, platform.count("externalcontact/add_msg_template")) == (2, 2)


def test_a_token_whose_lifetime_is_a_text_is_kept_until_then(wecom: WeCom, platform: Platform) -> None:
    """Some numbers of the platform are texts; the token is not asked for at every call because of that."""
    token = httpx.Response(200, json={"errcode": 0, "access_token": "t", "expires_in": "7200"})
    platform.replies["gettoken"] = [token]
    for _ in range(3):
        wecom.follow_users()
    assert platform.count("gettoken") == 1


def test_a_packed_answer_is_read_and_a_packed_flood_is_not(wecom: WeCom, platform: Platform) -> None:
    """The limit of one megabyte holds for what an answer unpacks to, not for what travels."""

    def packed(padding: int) -> httpx.Response:
        plain = json.dumps({"errcode": 0, "follow_user": ["zhou"], "pad": " " * padding}).encode()
        return httpx.Response(200, content=gzip.compress(plain), headers={"Content-Encoding": "gzip"})

    platform.replies["externalcontact/get_follow_user_list"] = [packed(900_000), packed(1_100_000)]
    assert wecom.follow_users() == ["zhou"]
    with pytest.raises(ChannelUnavailable, match="over 1 MB"):
        wecom.follow_users()


def test_nothing_of_a_connector_shows_its_secret(wecom: WeCom) -> None:
    """Neither the connector nor its areas nor its token, written down, hold secret or token."""
    wecom.follow_users()
    told = "".join(repr(one) for one in (wecom, *vars(wecom).values(), wecom._session._token))
    assert "canary" not in told


def test_many_threads_share_one_token(wecom: WeCom, platform: Platform) -> None:
    """Thirty-two calls at once from eight threads fetch the token a single time, and once more when it is refused."""
    platform.replies["externalcontact/groupchat/get"] = [code(42001)] + [ok(group_chat={"chat_id": "x"})] * 40
    started = threading.Barrier(8)

    def ask(number: int) -> object:
        if number < 8:
            started.wait(timeout=5)
        return wecom.group("x")

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(ask, range(32)))) == 32
    assert platform.tokens == 2


def test_pages_are_followed_to_the_end(wecom: WeCom, platform: Platform) -> None:
    """An empty cursor ends the reading."""
    platform.replies["externalcontact/groupchat/list"] = [
        ok(group_chat_list=[{"chat_id": "a"}], next_cursor="c1"),
        ok(group_chat_list=[{"chat_id": "b"}], next_cursor=""),
    ]
    assert [one["chat_id"] for one in wecom.groups()] == ["a", "b"]


def test_a_cursor_that_comes_back_ends_in_an_error(wecom: WeCom, platform: Platform) -> None:
    """Endless pages are noticed."""
    platform.replies["externalcontact/groupchat/list"] = [ok(group_chat_list=[], next_cursor="c1")] * 5
    with pytest.raises(ChannelUnavailable, match="do not end"):
        wecom.groups()
    assert platform.count("externalcontact/groupchat/list") == 2


@pytest.mark.parametrize("broken", [ok(group_chat_list="no list"), ok(group_chat_list=[1])], ids=["text", "numbers"])
def test_a_list_of_the_wrong_shape_is_an_error(wecom: WeCom, platform: Platform, broken: httpx.Response) -> None:
    """Half-right answers are not taken for empty ones."""
    platform.replies["externalcontact/groupchat/list"] = [broken]
    with pytest.raises(ChannelUnavailable):
        wecom.groups()


def test_a_member_without_customers_has_none(wecom: WeCom, platform: Platform) -> None:
    """84061 is how the platform says that the list is empty."""
    platform.replies["externalcontact/batch/get_by_user"] = [code(84061)]
    assert wecom.customers("zhou") == []


ATTACHMENT = {"msgtype": "link", "link": {"title": "t", "url": "https://x"}}


@pytest.mark.parametrize(
    ("text", "attachments"),
    [
        ("", ()),
        ("橘" * 1_334, ()),
        ("a", (ATTACHMENT,) * 10),
        ("a", ({"msgtype": "link", "link": {"title": "橘" * 43, "url": "https://x"}},)),
        ("a", ({"msgtype": "link", "link": {"title": "t"}},)),
        ("a", ({"msgtype": "text", "text": {}},)),
        ("a", ({"msgtype": "image", "image": {}},)),
    ],
    ids=["empty", "4002 bytes", "ten attachments", "129 bytes", "no url", "no such kind", "no picture"],
)
def test_what_the_platform_would_refuse_is_not_sent(
    wecom: WeCom, platform: Platform, text: str, attachments: tuple[dict[str, Any], ...]
) -> None:
    """Lengths are counted in bytes, before anything leaves."""
    with pytest.raises(BadInput):
        wecom.add_msg_template(chat_type="group", sender="z", targets=["wr1"], text=text, attachments=attachments)
    assert platform.seen == []


def test_the_longest_allowed_message_is_sent_as_plain_utf8(wecom: WeCom, platform: Platform) -> None:
    """3,999 bytes and nine attachments pass, and Chinese is not escaped."""
    platform.replies["externalcontact/add_msg_template"] = [ok(msgid="m")]
    wecom.add_msg_template(
        chat_type="group", sender="z", targets=["wr1"], text="橘" * 1_333, attachments=(ATTACHMENT,) * 9
    )
    assert "橘".encode() in platform.seen[-1].content


@pytest.mark.parametrize("targets", [[], ["wr"] * 2_001], ids=["none", "too many"])
def test_a_task_needs_a_number_of_chats_the_platform_takes(
    wecom: WeCom, platform: Platform, targets: list[str]
) -> None:
    """No chat and more than two thousand are refused here."""
    with pytest.raises(BadInput):
        wecom.add_msg_template(chat_type="group", sender="z", targets=targets, text="a")


def test_staff_messages_carry_the_duplicate_check_and_report_unknown_members(wecom: WeCom, platform: Platform) -> None:
    """A card sent again within four hours is dropped by the platform; an invalid member is a refusal."""
    platform.replies["message/send"] = [ok(msgid="a1"), ok(msgid="a2", invaliduser="lin|zhou")]
    assert wecom.message_send("lin", "text", {"content": "x"}) == "a1"
    body = json.loads(platform.seen[-1].content)
    assert (body["enable_duplicate_check"], body["duplicate_check_interval"], body["agentid"]) == (1, 14_400, 7)
    with pytest.raises(ChannelRefused) as raised:
        wecom.message_send("lin", "text", {"content": "x"})
    assert raised.value.code == 81013


def test_lists_of_tasks_and_results_are_typed(wecom: WeCom, platform: Platform) -> None:
    """Numbers as text, absent creators and the two meanings of status are understood."""
    platform.replies["externalcontact/get_groupmsg_list_v2"] = [
        ok(
            group_msg_list=[
                {"msgid": "m1", "create_time": "1772596800", "text": {"content": "早"}, "attachments": None}
            ]
        )
    ]
    platform.replies["externalcontact/get_groupmsg_task"] = [
        ok(task_list=[{"userid": "zhou", "status": 2}, {"userid": "li", "status": 0}])
    ]
    platform.replies["externalcontact/get_groupmsg_send_result"] = [
        ok(send_list=[{"chat_id": "wr1", "status": 1, "send_time": 1772596801}, {"chat_id": "wr2", "status": 0}])
    ]
    at = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)
    [task] = wecom.groupmsg_list("group", at, at)
    assert (task.created_at, task.text, task.creator, task.attachments) == (at, "早", "", ())
    assert [one.confirmed for one in wecom.groupmsg_task("m1")] == [True, False]
    assert [(one.target, one.status) for one in wecom.groupmsg_send_result("m1", "zhou")] == [("wr1", 1), ("wr2", 0)]


def test_live_codes_are_made_and_read(wecom: WeCom, platform: Platform) -> None:
    """The config id comes from adding, the picture from reading."""
    platform.replies["externalcontact/groupchat/add_join_way"] = [ok(config_id="c1")]
    platform.replies["externalcontact/groupchat/get_join_way"] = [
        ok(join_way={"config_id": "c1", "qr_code": "https://q", "chat_id_list": ["wr1"], "state": "poster-a"})
    ]
    assert wecom.add_join_way(["wr1"], state="poster-a") == "c1"
    assert wecom.get_join_way("c1").url == "https://q"
    with pytest.raises(BadInput):
        wecom.add_join_way(["wr"] * 6, state="x")


def test_a_file_is_uploaded_under_the_name_the_platform_wants(wecom: WeCom, platform: Platform) -> None:
    """The part is called ``media`` and has a file name; an empty file is refused here."""
    platform.replies["media/upload"] = [ok(media_id="mid", created_at="1")]
    assert wecom.upload_media("image", "a.jpg", b"123456") == "mid"
    assert b'name="media"; filename="a.jpg"' in platform.seen[-1].content
    with pytest.raises(BadInput):
        wecom.upload_media("image", "a.jpg", b"")


@pytest.mark.parametrize(
    ("url", "production"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("https://qyapi.weixin.qq.com", False),
        ("http://qyapi.weixin.qq.com", True),
        ("http://127.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_sandbox_and_real_people_are_kept_apart(url: str, production: bool) -> None:
    """Production refuses a sandbox's address, anything else refuses a real one, and nothing goes without TLS."""
    with pytest.raises(ConfigurationError, match="QUNFLOW_WECOM_BASE_URL"):
        WeCom(url, "ww", SECRET, 1, production=production)


ERRORS: list[Callable[[], Reply]] = [
    lambda: code(45009),
    lambda: code(60020),
    lambda: code(41048),
    lambda: httpx.ReadTimeout(f"GET http://x/?access_token=token-canary-1&corpsecret={SECRET}"),
    lambda: httpx.ConnectError(f"http://x/?corpsecret={SECRET}"),
    lambda: httpx.Response(502, text=f"{SECRET} token-canary-1"),
]


@pytest.mark.parametrize("reply", ERRORS, ids=range(len(ERRORS)))
def test_no_secret_is_in_an_error_its_causes_or_a_log(
    wecom: WeCom, platform: Platform, reply: Callable[[], Reply], caplog: pytest.LogCaptureFixture
) -> None:
    """Token and secret travel in addresses, and stop there."""
    caplog.set_level(logging.DEBUG)
    platform.replies["externalcontact/add_msg_template"] = [reply()]
    with pytest.raises(QunflowError) as raised:
        write(wecom)
    told = caplog.text + "".join(str(one) + repr(one) for one in _chain(raised.value))
    assert "canary" not in told
    assert "gettoken?corpid=***" in told


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_redaction_keeps_what_is_harmless() -> None:
    """Only the values of secret parameters go."""
    text = "GET https://h/cgi-bin/x?access_token=abc&type=image errcode=40001 corpsecret=q"
    assert redacted(text) == "GET https://h/cgi-bin/x?access_token=***&type=image errcode=40001 corpsecret=***"
