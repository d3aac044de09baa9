"""The page for playing the group owner, and the list of calls, as a browser or a program gets them."""

from __future__ import annotations

import ast
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from qunflow import sandbox
from qunflow.sandbox.areas import TABLE
from qunflow.sandbox.options import Options
from qunflow.sandbox.page.problems import CHINESE
from qunflow.sandbox.running import running

HOSTILE = "<img src=x onerror=\"alert('1')\">"
TABS = ("chat", "tasks", "members", "acts", "log")


class Desk:
    """A sandbox with staff and empty groups, its page and its calls."""

    def __init__(self, base: str) -> None:
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=10)
        self.chat = str(self.http.get("/_sandbox/world").json()["groups"][0]["chat_id"])

    def page(self, **query: str) -> str:
        """The page of an address."""
        return self.http.get("/_sandbox/", params=query).raise_for_status().text

    def act(self, act: str, **about: Any) -> dict[str, Any]:
        """A client's act."""
        found: dict[str, Any] = self.http.post("/_sandbox/act", json={"act": act, **about}).raise_for_status().json()
        return found

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        """A platform call with a fresh token."""
        credentials = {"corpid": "wwtest", "corpsecret": "secret"}
        token = self.http.get("/cgi-bin/gettoken", params=credentials).json()["access_token"]
        found: dict[str, Any] = self.http.post(f"/cgi-bin/{path}", params={"access_token": token}, json=body).json()
        return found

    def member(self, name: str) -> str:
        """Somebody new in the first group."""
        who = str(self.act("add_customer", name=name)["external_userid"])
        self.act("pull_in", chat_id=self.chat, external_userid=who, invitor="owner_zhou")
        return who


class Markup(HTMLParser):
    """The tags and attributes of a page as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A sandbox whose clock moves only when told to."""
    with running(Options("wwtest", "secret", populated=False)) as base:
        desk = Desk(base)
        yield desk
        desk.http.close()


def test_the_chat_shows_who_said_what_and_when(desk: Desk) -> None:
    """Words of members, posts of the staff with their way, attachments, and who came and went."""
    who = desk.member("王阿姨")
    desk.http.post("/_sandbox/clock", json={"advance_s": 9 * 3_600 + 300})
    desk.act("speak", chat_id=desk.chat, userid=who, text="橘子还有吗")
    desk.act("speak", chat_id=desk.chat, userid="owner_zhou", text="还有二十份")
    link = {"msgtype": "link", "link": {"title": "砂糖橘", "url": "https://shop.example.com/orange", "desc": "甜"}}
    body = {"chat_type": "group", "sender": "owner_zhou", "chat_id_list": [desk.chat], "text": {"content": "中午开团"}}
    made = desk.call("externalcontact/add_msg_template", **body, attachments=[link])
    assert "中午开团" not in _region(desk.page(), "lines")
    desk.act("confirm", msgid=made["msgid"], userid="owner_zhou")
    lines = _region(desk.page(), "lines")
    told = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", lines))
    for part in (r"00:00 王阿姨 加入了群聊", r"王阿姨 09:05 橘子还有吗", r"周启明 09:05 现场说 还有二十份"):
        assert re.search(part, told), told
    assert re.search(r"周启明 09:05 群发 中午开团 链接 砂糖橘 甜", told), told
    assert 'href="https://shop.example.com/orange"' in lines
    desk.act("leave", chat_id=desk.chat, external_userid=who)
    assert "王阿姨 退出了群聊" in _region(desk.page(), "lines")


def test_a_waiting_task_stands_with_a_button_until_it_is_confirmed_or_withdrawn(desk: Desk) -> None:
    """Also who is to confirm it, how often that person was reminded, and afterwards what became of it."""
    body = {"chat_type": "group", "sender": "owner_zhou", "chat_id_list": [desk.chat]}
    first = desk.call("externalcontact/add_msg_template", **body, text={"content": "第一条"})["msgid"]
    second = desk.call("externalcontact/add_msg_template", **body, text={"content": "第二条"})["msgid"]
    desk.http.post("/_sandbox/clock", json={"advance_s": 2})
    desk.call("externalcontact/remind_groupmsg_send", msgid=first)
    before = _region(desk.page(), "tasks")
    assert before.count("确认发送") == 2
    assert "已被提醒 1 次" in before
    assert "沙箱在演周启明" in before
    desk.act("habit", userid="owner_zhou", habit="never")
    assert "沙箱在演周启明" not in _region(desk.page(), "tasks")
    desk.act("confirm", msgid=first, userid="owner_zhou")
    desk.call("externalcontact/cancel_groupmsg_send", msgid=second)
    after = _region(desk.page(tab="tasks"), "tasks")
    assert "确认发送" not in after
    assert "已送达 1" in after
    assert "已撤回" in after


def test_a_card_for_the_staff_stands_with_its_link(desk: Desk) -> None:
    """Title, words without their markup, who got it; an address that is no http link is not made one."""
    card = {"title": "16:00 发到 1 群", "description": '<div class="gray">最晚 16:30</div>一点就复制', "btntxt": "打开"}
    for url in ("http://127.0.0.1:8790/hand/abc", "javascript://alert(1)"):
        desk.call(
            "message/send", touser="admin_lin", msgtype="textcard", agentid=1_000_002, textcard={**card, "url": url}
        )
    found = _region(desk.page(tab="tasks"), "tasks")
    assert "林小满" in found
    assert "最晚 16:30\n一点就复制" in found
    assert 'href="http://127.0.0.1:8790/hand/abc"' in found
    assert "javascript:" not in found


def test_members_stand_with_when_and_how_they_joined(desk: Desk) -> None:
    """The staff by their part, customers by who invited them; a name finds somebody among many."""
    desk.member("王阿姨")
    desk.member("李叔")
    found = _region(desk.page(tab="members"), "members")
    for part in ("周启明", "群主", "管理员", "王阿姨", "被邀请·周启明", "1月1日 周四 00:00 入群"):
        assert part in found
    assert "李叔" not in _region(desk.page(tab="members", name="王"), "members")


def test_the_call_log_is_newest_first_and_can_be_narrowed_to_a_path(desk: Desk) -> None:
    """What stands there is the acceptance log."""
    chats = {"chat_type": "group", "sender": "owner_zhou", "chat_id_list": [desk.chat]}
    desk.call("externalcontact/add_msg_template", **chats, text={"content": "甲"})
    desk.call("message/send", touser="admin_lin", msgtype="text", agentid=1_000_002, text={"content": "乙"})
    assert re.findall(r"<summary><b>([^<]+)", desk.page(tab="log")) == [
        "message/send",
        "externalcontact/add_msg_template",
    ]
    assert re.findall(r"<summary><b>([^<]+)", desk.page(tab="log", path="message/")) == ["message/send"]


@pytest.mark.parametrize("tab", TABS)
def test_hostile_names_and_words_stay_words(desk: Desk, tab: str) -> None:
    """Names, texts, group names and addresses of the page itself are escaped on every tab."""
    who = desk.member(HOSTILE)
    desk.act("rename", chat_id=desk.chat, name=f"{HOSTILE}</script>")
    desk.act("speak", chat_id=desk.chat, userid=who, text=f"</script>{HOSTILE} https://x.example/?a='\"><b>")
    desk.act("add_contact", name=HOSTILE, state=HOSTILE[:30])
    body = {"chat_type": "group", "sender": "owner_zhou", "chat_id_list": [desk.chat]}
    desk.call("externalcontact/add_msg_template", **body, text={"content": HOSTILE})
    for found in (
        desk.page(tab=tab, path=HOSTILE, name=HOSTILE, chat=desk.chat),
        desk.page(tab=tab, chat=desk.chat),
        desk.page(tab=f"{tab}{HOSTILE}", chat=HOSTILE),
    ):
        markup = Markup(found)
        assert not markup.tags & {"img", "iframe", "object", "svg"}
        assert not [name for name in markup.attributes if name.startswith("on")]
        assert found.count("</script>") == 1


def test_only_the_pages_own_style_and_script_may_run(desk: Desk) -> None:
    """The policy names them by hash; no attribute carries style or script, nothing is loaded from elsewhere."""
    for tab in TABS:
        answer = desk.http.get("/_sandbox/", params={"tab": tab})
        policy = answer.headers["content-security-policy"]
        for kind in ("style", "script"):
            inside = re.findall(rf"<{kind}>(.*?)</{kind}>", answer.text, re.DOTALL)
            assert len(inside) == 1
            assert f"{kind}-src 'sha256-{b64encode(sha256(inside[0].encode()).digest()).decode()}'" in policy
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert not [name for name in Markup(answer.text).attributes if name in ("style", "src") or name[:2] == "on"]


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}])
def test_a_page_of_the_web_cannot_drive_the_sandbox(desk: Desk, headers: dict[str, str]) -> None:
    """A name that leads here by DNS, and a foreign origin, are refused; the owner's own browser is not."""
    body = {"advance_s": 1}
    assert desk.http.post("/_sandbox/clock", json=body, headers=headers).status_code == 403
    assert desk.http.get("/_sandbox/", headers=headers).status_code == 403
    own = {"origin": str(desk.http.base_url).rstrip("/")}
    assert desk.http.post("/_sandbox/clock", json=body, headers=own).status_code == 200


def test_the_list_of_calls_is_the_routing_table(desk: Desk) -> None:
    """OpenAPI 3.1 with every call, its required fields and limits; the readable list has the same calls."""
    told = desk.http.get("/_sandbox/openapi").json()
    assert told["openapi"] == "3.1.0"
    assert set(told["paths"]) == {f"/cgi-bin/{path}" for path in TABLE}
    made = told["paths"]["/cgi-bin/externalcontact/groupchat/add_join_way"]["post"]
    schema = made["requestBody"]["content"]["application/json"]["schema"]
    assert "chat_id_list" in schema["required"]
    assert schema["properties"]["state"]["maxLength"] == 30
    assert schema["properties"]["chat_id_list"] == {"type": "array", "items": {}, "maxItems": 5}
    assert "get" in told["paths"]["/cgi-bin/gettoken"]
    listed = desk.http.get("/_sandbox/page/endpoints").raise_for_status().text
    assert set(re.findall(r"<code>(/cgi-bin/[^<]+)</code>", listed)) == set(told["paths"])


def test_a_sandbox_without_groups_has_a_page_too(desk: Desk) -> None:
    """Dissolved groups are shown as such; every tab still opens."""
    for group in desk.http.get("/_sandbox/world").json()["groups"]:
        desk.act("dismiss", chat_id=group["chat_id"])
    for tab in TABS:
        assert "已解散" in desk.page(tab=tab)


def _region(page: str, name: str) -> str:
    """The part of a page that is refreshed under a name, up to the next one."""
    start = page.index(f'id="{name}"')
    stop = page.find("data-live", page.index("data-live", start) + 1)
    return page[start : stop if stop > 0 else len(page)]


def test_private_chats_show_the_welcome_mass_messages_and_words(desk: Desk) -> None:
    """As bubbles of the member or the customer, told apart by how they came; nobody else's single chat shows them."""
    new = desk.act("add_contact", name="王阿姨")
    who, pair = new["external_userid"], f"helper_xm/{new['external_userid']}"
    other = desk.act("add_contact", name="李叔")["external_userid"]
    desk.call("externalcontact/send_welcome_msg", welcome_code=new["welcome_code"], text={"content": "欢迎来小满"})
    template = {"sender": "helper_xm", "external_userid": [who], "text": {"content": "砂糖橘到了"}}
    msgid = desk.call("externalcontact/add_msg_template", **template)["msgid"]
    assert "砂糖橘到了" not in chat_of(desk, pair)
    desk.http.post("/_sandbox/clock", json={"advance_s": 5})
    desk.act("confirm", msgid=msgid, userid="helper_xm")
    desk.act("say_privately", userid="helper_xm", external_userid=who, text="给我留五斤")
    shown = chat_of(desk, pair)
    order = [shown.index(text) for text in ("成为好友", "欢迎来小满", "砂糖橘到了", "给我留五斤")]
    assert order == sorted(order)
    assert shown.count('class="line staff"') == 2
    assert shown.count('class="line member"') == 1
    assert '<span class="how">欢迎语</span>' in shown
    assert '<span class="how">群发</span>' in shown
    assert not {"欢迎来小满", "砂糖橘到了", "给我留五斤"} & set(re.findall(r"\w+", chat_of(desk, f"helper_xm/{other}")))
    groups = desk.page().partition("<h2>私聊</h2>")[2].partition("</nav>")[0]
    assert groups.index("王阿姨") < groups.index("李叔")
    assert "给我留五斤" in groups


def chat_of(desk: Desk, pair: str) -> str:
    """The lines of a single chat."""
    return desk.page(**{"with": pair}).partition('id="lines"')[2].partition("<form")[0]


def test_a_private_chat_that_never_was_leads_to_the_group(desk: Desk) -> None:
    """An address somebody made up shows the first group, not an error."""
    assert "小满邻里" in desk.page(**{"with": "nobody/wmNobody"}).partition('id="title"')[2]


def test_the_address_without_its_last_stroke_leads_to_the_page(desk: Desk) -> None:
    """Whoever types it from memory arrives."""
    answer = desk.http.get("/_sandbox")
    assert (answer.status_code, answer.headers["Location"]) == (307, "/_sandbox/")


def test_the_page_says_what_to_do_next(desk: Desk) -> None:
    """Choose whom to play, wait for a program, confirm what waits, let time pass."""

    def step() -> str:
        return desk.page().partition('id="next"')[2].partition("</p>")[0]

    assert "我演周启明" in step()
    desk.act("habit", userid="owner_zhou", habit="never")
    assert "还没有程序" in step()
    task = {"chat_type": "group", "sender": "owner_zhou", "chat_id_list": [desk.chat], "text": {"content": "早"}}
    msgid = desk.call("externalcontact/add_msg_template", **task)["msgid"]
    assert "周启明有 1 条群发等你确认" in step()
    assert "tab=tasks" in step()
    desk.act("confirm", msgid=msgid, userid="owner_zhou")
    assert "+1 小时" in step()
    desk.http.post("/_sandbox/clock", json={"rate": 60, "freeze": False})
    assert "冻结" in step()


def test_a_chat_says_how_many_mass_messages_are_left(desk: Desk) -> None:
    """What the owner sends alone is counted; a customer has a quota of their own."""

    def title(**query: str) -> str:
        return desk.page(**query).partition('id="title"')[2].partition("</div>")[0]

    assert "本月还可群发 31 次" in title()
    desk.act("send_own", userid="owner_zhou", targets=[desk.chat], text="各位早")
    assert "本月还可群发 30 次" in title()
    who = desk.act("add_contact", name="王阿姨")["external_userid"]
    assert "本月还可群发 31 次" in title(**{"with": f"helper_xm/{who}"})


def test_every_problem_of_an_act_has_chinese_words() -> None:
    """Each sentence an act may fail with stands in the page's list, and the list holds no other."""
    found = {sentence for file in Path(sandbox.__path__[0]).rglob("*.py") for sentence in sentences(file)}
    assert found == set(CHINESE)


def sentences(file: Path) -> Iterator[str]:
    """The plain sentences a source file raises `CannotAct` with."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            last = node.args[-1] if node.args else None
            raised = name == "CannotAct" or (name == "_require" and len(node.args) == 2)
            if raised and isinstance(last, ast.Constant) and isinstance(last.value, str):
                yield last.value
