"""Before anything is queued its links are judged with what the workspace knows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Connection

from qunflow.delivery.links import short_link
from qunflow.delivery.model import Content, Planned
from qunflow.language import catalogue
from qunflow.runtime import links
from qunflow.runtime.links import link_problems, link_rules
from qunflow.store.engine import Store

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
UNTIL = NOW + timedelta(hours=2)
WEB = "https://q.example.com"
SHOP = "https://shop.example.com/orange"


def workspace(store: Store, *, production: bool = False) -> Any:
    return SimpleNamespace(
        workspace=SimpleNamespace(redirect_hosts=("shop.example.com",)),
        environment=SimpleNamespace(web_url=f"{WEB}/", production=production),
        store=store,
        language=catalogue("zh"),
    )


def message(text: str) -> Planned:
    return Planned(
        community="c",
        stage="daily_content",
        campaign="",
        slot_key="p/sale",
        day=date(2026, 3, 2),
        way="mass_task",
        sender_userid="owner",
        target_kind="chat",
        target_ref=1,
        content=Content(text),
        due_at=NOW,
        not_after=UNTIL,
        marketing=True,
        catch_up="skip",
    )


def link(store: Store, key: str, expires_at: datetime) -> str:
    def make(conn: Connection) -> str:
        return short_link(conn, key, SHOP, community="c", at=NOW, expires_at=expires_at, hosts=("shop.example.com",))

    return f"{WEB}/s/{store.write(make)}"


def test_a_link_that_ends_before_its_slot_is_told_for_its_text(store: Store) -> None:
    """Only the message with the link that is over is stopped, in words a person reads."""
    good, over = link(store, "good", UNTIL + timedelta(hours=1)), link(store, "over", UNTIL - timedelta(hours=1))
    planned = [message(f"下单：{good}"), message(f"下单：{over}"), message("晚安")]
    problems = link_problems(workspace(store), planned)
    assert set(problems) == {(f"下单：{over}", UNTIL)}
    assert "过期" in problems[f"下单：{over}", UNTIL] and over in problems[f"下单：{over}", UNTIL]


def test_a_page_that_is_gone_stops_its_message(store: Store) -> None:
    """The destination behind the short link is asked, not the short link."""
    url = link(store, "good", UNTIL + timedelta(hours=1))
    status = {SHOP: 404}
    problems = link_problems(workspace(store), [message(url)], head=status.__getitem__)
    assert "打不开" in problems[url, UNTIL]


def test_a_rehearsal_asks_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only production may talk to the world; there the checker is limited to the workspace's hosts."""
    made: list[set[str]] = []
    monkeypatch.setattr(links, "link_checker", lambda hosts: made.append(set(hosts)) or (lambda url: 200))
    assert link_rules(workspace(store)).head is None
    assert made == []
    assert link_rules(workspace(store, production=True)).head is not None
    assert made[0] >= {"shop.example.com", "q.example.com"}


def test_a_code_that_was_never_given_out_is_an_ordinary_link(store: Store) -> None:
    """So is a short link of somebody else."""
    rules = link_rules(workspace(store))
    assert rules.short is not None
    assert rules.short(f"{WEB}/s/neverGiven") is None
    assert rules.short("https://other.example.com/s/neverGiven") is None
