"""A person plays the group owner: the sandbox's page in a real Chromium, on a phone and on a desktop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from qunflow.sandbox.options import Options
from qunflow.sandbox.running import running
from tests.browser.chromium import Tab, chromium

pytestmark = pytest.mark.needs_chromium

PHONE, DESKTOP = (390, 844), (1280, 800)
CONFIRM = "#tasks button.main"


class Playing:
    """The browser, the sandbox it looks at, and the product's side of that sandbox."""

    def __init__(self, base: str, tab: Tab) -> None:
        self.page, self.tab = f"{base}/_sandbox/", tab
        self._http = httpx.Client(base_url=base, trust_env=False, timeout=10)
        self.chat = str(self._http.get("/_sandbox/world").json()["groups"][0]["chat_id"])
        self.act("habit", userid="owner_zhou", habit="never")

    def act(self, act: str, **about: Any) -> dict[str, Any]:
        """A client's act, not by the page."""
        found: dict[str, Any] = self._http.post("/_sandbox/act", json={"act": act, **about}).raise_for_status().json()
        return found

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        """A platform call with a fresh token."""
        credentials = {"corpid": "wwtest", "corpsecret": "secret"}
        token = self._http.get("/cgi-bin/gettoken", params=credentials).json()["access_token"]
        called = self._http.post(f"/cgi-bin/externalcontact/{path}", params={"access_token": token}, json=body)
        found: dict[str, Any] = called.json()
        return found

    def now(self) -> str:
        """The sandbox clock."""
        return str(self._http.get("/_sandbox/clock").json()["now"])

    def task(self, text: str) -> str:
        """A dispatched mass task for the first group's owner."""
        body = {"chat_type": "group", "sender": "owner_zhou", "chat_id_list": [self.chat], "text": {"content": text}}
        msgid = str(self.call("add_msg_template", **body)["msgid"])
        self._http.post("/_sandbox/clock", json={"advance_s": 2}).raise_for_status()
        return msgid


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """One browser for all of these: starting it costs more than a test."""
    folder: Path = tmp_path_factory.mktemp("chromium") / "profile"
    folder.mkdir()
    with chromium(folder) as tab:
        yield tab


@pytest.fixture
def play(tab: Tab) -> Iterator[Playing]:
    """A sandbox with staff and empty groups, of which a person plays the first owner; nothing may be complained of."""
    tab.complaints.clear()
    with running(Options("wwtest", "secret", populated=False)) as base:
        yield Playing(base, tab)
        tab.open("about:blank#", *DESKTOP)
    assert tab.complaints == []


@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_confirming_a_task_on_the_page_delivers_it(play: Playing, screen: tuple[int, int]) -> None:
    """A task that arrives while the page is open is seen, pressed, appears as a bubble, and is sent for the API."""
    tab = play.tab
    tab.open(f"{play.page}?tab=tasks", *screen)
    assert "没有等着确认的群发" in tab.text("#tasks")
    msgid = play.task("今天中午的砂糖橘，29.9 元")
    tab.wait(f"document.querySelector('{CONFIRM}')")
    assert play.call("get_groupmsg_task", msgid=msgid)["task_list"][0]["status"] == 0
    assert tab.text("#tabs .badge") == "1"
    tab.click(CONFIRM)
    tab.wait(f"!document.querySelector('{CONFIRM}')")
    assert play.call("get_groupmsg_task", msgid=msgid)["task_list"][0]["status"] == 2
    sent = play.call("get_groupmsg_send_result", msgid=msgid, userid="owner_zhou")["send_list"]
    assert [(row["chat_id"], row["status"]) for row in sent] == [(play.chat, 1)]
    if screen == PHONE:
        tab.click("#tabs .to-chat")
    tab.wait("document.querySelector('#lines .staff .bubble')?.checkVisibility()")
    assert tab.text("#lines .staff .bubble") == "今天中午的砂糖橘，29.9 元"
    assert "周启明" in tab.text("#lines .staff .by")


def test_what_is_being_typed_stays_while_the_page_refreshes(play: Playing) -> None:
    """New lines come in around half-written words and a chosen speaker; sending them makes a bubble."""
    tab = play.tab
    who = play.act("add_customer", name="王阿姨")["external_userid"]
    play.act("pull_in", chat_id=play.chat, external_userid=who)
    tab.open(f"{play.page}?chat={play.chat}", *PHONE)
    tab.evaluate(f"document.querySelector('#speaker').value = '{who}'")
    tab.click(".composer textarea")
    tab.type("我想要")
    play.act("speak", chat_id=play.chat, userid="admin_lin", text="今天还有二十份")
    play.act("pull_in", chat_id=play.chat, external_userid=play.act("add_customer", name="李叔")["external_userid"])
    tab.wait("document.querySelector('#lines').innerText.includes('今天还有二十份')")
    tab.wait("[...document.querySelector('#speaker').options].some((one) => one.text === '李叔')")
    assert tab.evaluate("document.activeElement.name") == "text"
    tab.type("两份")
    tab.click(".composer button")
    tab.wait("document.querySelector('#lines').innerText.includes('我想要两份')")
    assert "王阿姨" in tab.text("#lines .member .by")
    assert tab.evaluate("document.querySelector('.composer textarea').value") == ""


def test_half_written_words_are_there_again_after_looking_elsewhere(play: Playing) -> None:
    """A draft belongs to its group and survives leaving the chat."""
    tab = play.tab
    tab.open(f"{play.page}?chat={play.chat}", *PHONE)
    tab.click(".composer textarea")
    tab.type("明天的菜单是")
    tab.click("#tabs .to-log")
    tab.wait("document.querySelector('#log')")
    tab.click("#tabs .to-chat")
    tab.wait("document.querySelector('#lines')?.checkVisibility()")
    assert tab.evaluate("document.querySelector('.composer textarea').value") == "明天的菜单是"


def test_the_clock_moves_by_its_buttons(play: Playing) -> None:
    """An hour on, to eight in the morning, going by itself and stopped again."""
    tab = play.tab
    tab.open(play.page, *PHONE)
    assert tab.text("#clock .now b") == "00:00"
    for words, shown in (("+1 小时", "01:00"), ("到明早 8 点", "08:00")):
        tab.click(_clock_button(tab, words))
        tab.wait(f"document.querySelector('#clock .now b').innerText === '{shown}'")
    assert play.now() == "2026-01-01T00:00:00+00:00"
    tab.click(_clock_button(tab, "继续"))
    tab.wait("document.querySelector('#clock .now b').innerText > '08:00'")
    tab.click(_clock_button(tab, "冻结"))
    tab.wait("document.querySelector('#clock .pace').innerText === '时钟停着'")


def test_people_come_and_go_by_the_forms(play: Playing) -> None:
    """A newcomer scans a live code, is made to leave; a refusal is told in Chinese and nothing changes."""
    tab = play.tab
    play.call("groupchat/add_join_way", scene=2, chat_id_list=[play.chat], state="poster-a", remark="电梯海报")
    tab.open(f"{play.page}?tab=acts", *DESKTOP)
    tab.click("form[data-act=scan] input[name=newcomer]")
    tab.type("新邻居")
    tab.click("form[data-act=scan] button")
    tab.wait("document.querySelector('#lines').innerText.includes('新邻居 加入了群聊')")
    tab.wait("document.querySelector('#leave-who').options.length === 1")
    tab.click("form[data-act=leave] button")
    tab.wait("document.querySelector('#lines').innerText.includes('新邻居 退出了群聊')")
    tab.evaluate(
        f"document.querySelector('#pull-who').add(new Option('nobody', 'wmNobody')); "
        f"document.querySelector('#pull-who').value = 'wmNobody'; {len(play.chat)}"
    )
    tab.click("form[data-act=pull_in] button")
    tab.wait("document.querySelector('#told').innerText.includes('没有这个客户')")
    assert tab.evaluate("document.querySelector('#leave-who').options.length") == 0, "somebody was pulled in after all"
    tab.complaints.clear()


def test_a_hostile_name_is_only_a_name_in_the_browser(play: Playing) -> None:
    """Neither when the page opens nor when a refresh brings it in does anything of it run."""
    tab = play.tab
    tab.open(f"{play.page}?tab=members", *DESKTOP)
    name = '<img src=x onerror="window.hit=1">'
    who = play.act("add_customer", name=name)["external_userid"]
    play.act("pull_in", chat_id=play.chat, external_userid=who)
    play.act("speak", chat_id=play.chat, userid=who, text=f"</script>{name}")
    tab.wait("document.querySelector('#members').innerText.includes('onerror')")
    assert name in tab.text("#lines")
    tab.open(f"{play.page}?tab=acts&chat={play.chat}", *PHONE)
    assert tab.evaluate("[document.querySelectorAll('img').length, window.hit ?? 0]") == [0, 0]


@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("column", ["chat", "tasks", "members", "acts", "log"])
def test_nothing_sticks_out_of_the_screen(play: Playing, column: str, screen: tuple[int, int]) -> None:
    """No sideways scrolling, also with long words; what a thumb presses is at least 40 px high."""
    tab = play.tab
    who = play.act("add_customer", name="W" * 60)["external_userid"]
    play.act("pull_in", chat_id=play.chat, external_userid=who)
    play.act("speak", chat_id=play.chat, userid=who, text="https://x.example/" + "a" * 300)
    play.task("长" * 400 + " " + "b" * 200)
    tab.open(f"{play.page}?tab={column}", *screen)
    assert tab.evaluate("document.documentElement.scrollWidth") <= screen[0]
    if screen == PHONE:
        low = "[...document.querySelectorAll('button, .tabs a, .groups a')].filter((one) => one.checkVisibility() && "
        assert tab.evaluate(f"{low} one.offsetHeight < 40).map((one) => one.outerHTML)") == []


def _clock_button(tab: Tab, words: str) -> str:
    """A selector of the clock's button with these words."""
    buttons = "[...document.querySelectorAll('#clock button')]"
    tab.wait(f"{buttons}.some((one) => one.innerText === '{words}') && !document.body.classList.contains('busy')")
    place = tab.evaluate(f"{buttons}.findIndex((one) => one.innerText === '{words}')")
    return f"#clock button:nth-of-type({place + 1})"


@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_words_in_a_private_chat_are_bubbles(play: Playing, screen: tuple[int, int]) -> None:
    """A new friend stands among the private chats; whoever speaks there, on either side, is seen."""
    tab = play.tab
    new = play.act("add_contact", name="王阿姨")
    play.call("send_welcome_msg", welcome_code=new["welcome_code"], text={"content": "欢迎来小满"})
    tab.open(play.page, *screen)
    tab.click("#groups .friend")
    tab.wait("document.querySelector('#lines .staff .bubble')?.checkVisibility()")
    assert tab.text("#lines .staff .bubble") == "欢迎来小满"
    tab.evaluate("document.querySelector('.composer textarea').value = '给我留五斤'")
    tab.click(".composer button")
    tab.wait("document.querySelector('#lines .member .bubble')?.checkVisibility()")
    assert tab.text("#lines .member .bubble") == "给我留五斤"
    assert "王阿姨" in tab.text("#title")


def test_an_owner_sends_by_the_form_until_the_quota_is_used_up(play: Playing) -> None:
    """A mass message without any program is a bubble in the group; the one over the quota is told to be none."""
    tab = play.tab
    tab.open(f"{play.page}?tab=acts", *DESKTOP)
    tab.click("form[data-act=send_own] input[name=text]")
    tab.type("各位早")
    tab.click("form[data-act=send_own] button")
    tab.wait("document.querySelector('#lines .staff .bubble')?.innerText === '各位早'")
    for _ in range(30):
        play.act("send_own", userid="owner_zhou", targets=[play.chat], text="早")
    tab.click("form[data-act=send_own] input[name=text]")
    tab.type("再来")
    tab.click("form[data-act=send_own] button")
    tab.wait("document.querySelector('#told.bad')?.innerText.includes('额度用完了')")
    assert "再来" not in tab.text("#lines")
