"""An admin's day on a phone: the personal link, a card copied and posted, a count noted, a tap taken back."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
import uvicorn
from sqlalchemy import select

from qunflow.clock import FixedClock
from qunflow.language import catalogue
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import load_workspace
from qunflow.store import team, todos
from qunflow.store.engine import Store
from qunflow.store.tables import targets
from qunflow.store.todos import NewTodo
from qunflow.store.vault import Vault
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts
from tests.browser.chromium import Tab, chromium
from tests.unit.web.desk import NOW, give_out, put

pytestmark = pytest.mark.needs_chromium

PHONE = (390, 844)
TEXT = "早呀，今天降温，出门多套一件。\n10 点看货、12 点开抢、晚上猜价格。"


@pytest.fixture
def ports(sqlite_template: Path, tmp_path: Path) -> Iterator[WebPorts]:
    """The demo's workspace at noon, with two cards of one message, one to come, and a to-do."""
    shutil.copy(sqlite_template, tmp_path / "web.sqlite3")
    store = Store.open(f"sqlite:///{tmp_path / 'web.sqlite3'}")
    workspace = load_workspace(write_workspace(tmp_path / "demo", None, date(2026, 3, 1)))
    made = WebPorts(store, Vault(store, bytes(32)), FixedClock(NOW), workspace, catalogue("zh"))
    community = workspace.communities[0]
    admin = community.groups[0].admin
    for group in (0, 1):
        give_out(made, put(made, group=group, text=TEXT, sender_userid=admin))
    put(made, slot_key="benefit-daily/topic", text="晚上的话题", sender_userid=admin)
    with store.writing() as conn:
        todos.add(conn, [NewTodo("red/1", community.key, "red_packet", admin, NOW, {"note": "发 20 元红包"})], NOW)
    yield made
    store.close()


@contextmanager
def served(ports: WebPorts) -> Iterator[str]:
    """The pages on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(ports), port=port, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    """A browser that complains of nothing."""
    folder = tmp_path / "chromium" / "profile"
    folder.mkdir(parents=True)
    with chromium(folder) as opened:
        yield opened
        assert opened.complaints == []


def outcomes(ports: WebPorts) -> list[tuple[str, int | None]]:
    with ports.store.reading() as conn:
        rows = conn.execute(select(targets.c.outcome, targets.c.reply_count).order_by(targets.c.target_id))
        return [(row[0], row[1]) for row in rows]


def arrive(tab: Tab, told: str) -> None:
    """Wait until the page after a tap is there and says so."""
    tab.wait(f"document.readyState === 'complete' && document.body.innerText.includes({json.dumps(told)})")


def is_wider_than_the_phone(tab: Tab) -> bool:
    return bool(tab.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_an_admin_lives_through_the_day_on_a_phone(ports: WebPorts, tab: Tab) -> None:
    """By the personal link, with one tap each; nothing sticks out of a screen of 390 pixels."""
    admin = ports.workspace.communities[0].groups[0].admin
    with ports.store.writing() as conn:
        token = team.issue(conn, admin, "link", NOW)
    with served(ports) as base:
        tab.open(f"{base}/in/{token}", *PHONE)
        arrive(tab, "今天 0/3")
        assert tab.evaluate("location.pathname") == "/today"
        assert not is_wider_than_the_phone(tab)
        smallest = "Math.min(...[...document.querySelectorAll('button:not([hidden])')].filter(b => b.offsetHeight)"
        assert tab.evaluate(f"{smallest}.map(b => b.offsetHeight))") >= 40

        tab.click(".is-now .copier")
        tab.wait("document.querySelector('.is-now .copier').textContent.startsWith('已复制')")
        assert tab.text(".is-now .bubble") == TEXT

        tab.click("#card1 button")
        arrive(tab, "今天 1/3")
        assert outcomes(ports)[0] == ("delivered", None)

        tab.click("#card1 input[name='reply_count']")
        tab.type("12")
        tab.click("#card1 .count button")
        arrive(tab, "扣 1 12 人")
        assert outcomes(ports)[:2] == [("delivered", 12), ("waiting", None)]
        assert not is_wider_than_the_phone(tab)

        tab.click("#card1 summary")
        tab.click("#card1 form[action='/today/undo'] button")
        arrive(tab, "今天 0/3")
        assert outcomes(ports)[0] == ("waiting", None)

        tab.click("#todo1 button[value='done']")
        arrive(tab, "今天办过的")
        with ports.store.reading() as conn:
            assert [one.state for one in todos.listed(conn, closed_since=NOW)] == ["done"]
        tab.open("about:blank#", *PHONE)


def test_the_pages_fit_a_phone(ports: WebPorts, tab: Tab) -> None:
    """Everything an approver opens: the day of all, the plan, problems, stopping, lists to take along and absences."""
    give_out(
        ports, put(ports, group=2, text="不知道到没到" * 20), state="dead", call="sent", reason="gave up after 5 tries"
    )
    with ports.store.writing() as conn:
        token = team.issue(conn, "ops_li", "link", NOW)
    with served(ports) as base:
        tab.open(f"{base}/in/{token}", *PHONE)
        arrive(tab, "今天")
        for path in ("/today", "/plan", "/problems", "/stop", "/export", "/today/away"):
            tab.open(f"{base}{path}", *PHONE)
            tab.wait(f"location.pathname === '{path}' && document.querySelector('nav.tabs')")
            assert (path, is_wider_than_the_phone(tab)) == (path, False)
            assert tab.text("nav.tabs").startswith("今天")
        tab.open(f"{base}/stop", *PHONE)
        arrive(tab, "全部停发")
        tab.click("button.stop")
        arrive(tab, "全部已停发")
        tab.click("form[action='/stop/resume'] button")
        arrive(tab, "正常发送")
        tab.open("about:blank#", *PHONE)
