"""The plan on a phone: what is shown, who may press what, and that exactly the words shown are approved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select

from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import check, plan
from qunflow.store import members, team
from qunflow.store.tables import memberships, persons, targets
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts

DAY = date(2026, 3, 5)
DUE = datetime(2026, 3, 5, 8, 0, tzinfo=UTC)
JSON = {"Accept": "application/json"}


def queue(ports: WebPorts, *texts: str, slot: str = "noon", day: date = DAY, **changes: Any) -> list[int]:
    """One checked mass task for each text, each to a group of its own, from the first group on."""
    community = ports.workspace.communities[0]
    with ports.store.writing() as conn:
        numbers = members.sync_groups(conn, ports.workspace)
        planned = [
            Planned(
                community=community.key,
                stage="conversion",
                campaign="",
                slot_key=slot,
                day=day,
                way="mass_task",
                sender_userid=group.owner,
                target_kind="chat",
                target_ref=numbers[community.key, group.key],
                content=Content(text),
                due_at=DUE + timedelta(days=(day - DAY).days),
                not_after=DUE + timedelta(days=(day - DAY).days, minutes=30),
                marketing=True,
                **changes,
            )
            for text, group in zip(texts, community.groups, strict=False)
        ]
        ids = plan(conn, planned, DUE - timedelta(hours=4)).ids
        check(conn, ids)
    return list(ids)


def fill(ports: WebPorts, group_id: int, number: int) -> None:
    """Let so many people be in a group."""
    at = ports.clock.now()
    with ports.store.writing() as conn:
        ids = [
            conn.execute(insert(persons).values(created_at=at).returning(persons.c.person_id)).scalar_one()
            for _ in range(number)
        ]
        rows = [{"group_id": group_id, "person_id": one, "joined_at": at, "last_seen_at": at} for one in ids]
        conn.execute(insert(memberships), rows)


def state(ports: WebPorts) -> list[str]:
    with ports.store.reading() as conn:
        return list(conn.execute(select(targets.c.state).order_by(targets.c.target_id)).scalars())


def phone_of(ports: WebPorts, userid: str) -> TestClient:
    """A phone on which somebody is signed in."""
    phone = TestClient(create_app(ports), base_url="https://testserver", follow_redirects=False)
    with ports.store.writing() as conn:
        token = team.issue(conn, userid, "link", ports.clock.now())
    phone.get(f"/in/{token}")
    return phone


@pytest.fixture
def approver(ports: WebPorts) -> TestClient:
    """The phone of the demo's operator, who may approve."""
    return phone_of(ports, "ops_li")


def test_a_message_is_shown_as_a_bubble_with_its_reach(ports: WebPorts, approver: TestClient) -> None:
    """Two groups with the same words are one bubble; the sentence counts groups and people."""
    queue(ports, "砂糖橘 <b>29.9</b>", "砂糖橘 <b>29.9</b>")
    fill(ports, 1, 3)
    fill(ports, 2, 4)
    shown = approver.get("/plan").text
    assert "共 2 群 7 人" in shown
    assert shown.count("砂糖橘 &lt;b&gt;29.9&lt;/b&gt;</p>") == 1
    assert "发完最少的还剩 30 次群发" in shown


def test_why_something_will_not_go_is_told_in_words(ports: WebPorts, approver: TestClient) -> None:
    """A dissolved group and quiet hours, in the words of the operator."""
    from qunflow.store.tables import groups

    queue(ports, "一", "二")
    with ports.store.writing() as conn:
        conn.execute(groups.update().where(groups.c.group_id == 1).values(dissolved_at=ports.clock.now()))
    assert "1 条不发：群已解散" in approver.get("/plan").text


def test_a_slot_is_approved_with_one_tap(ports: WebPorts, approver: TestClient) -> None:
    """The other slot of the day still waits."""
    queue(ports, "一")
    queue(ports, "二", slot="evening")
    answer = approver.post("/plan/approve", data={"day": str(DAY), "slot": "noon"})
    assert (answer.status_code, answer.headers["location"].endswith("done=approved")) == (303, True)
    assert state(ports) == ["approved", "checked"]


@pytest.mark.parametrize(("scope", "expected"), [("", ["approved", "checked"]), ("week", ["approved", "approved"])])
def test_a_day_or_a_week_is_approved_at_once(
    ports: WebPorts, approver: TestClient, scope: str, expected: list[str]
) -> None:
    """The week begins with the day that is shown."""
    queue(ports, "一")
    queue(ports, "二", day=DAY + timedelta(days=6))
    told = approver.post("/plan/approve", data={"day": str(DAY), "scope": scope}, headers=JSON).json()
    assert told["approved"] == expected.count("approved")
    assert state(ports) == expected


def test_what_was_changed_after_the_page_was_drawn_is_not_approved(ports: WebPorts, approver: TestClient) -> None:
    """The button carries what was read."""
    queue(ports, "一")
    form = {"day": str(DAY), "slot": "noon", "versions": Content("旧的话").version}
    assert approver.post("/plan/approve", data=form).status_code == 409
    assert state(ports) == ["checked"]


def test_an_operator_looks_but_does_not_approve(ports: WebPorts) -> None:
    """No button on the page, and the address behind it refuses."""
    queue(ports, "一")
    phone = phone_of(ports, ports.workspace.communities[0].groups[0].owner)
    assert "/plan/approve" not in phone.get("/plan").text
    assert phone.post("/plan/approve", data={"day": str(DAY)}).status_code == 403
    assert phone.post("/plan/text", data={"day": str(DAY)}).status_code == 403
    assert state(ports) == ["checked"]


def test_an_approval_is_taken_back(ports: WebPorts, approver: TestClient) -> None:
    """With one tap, for what has not gone."""
    queue(ports, "一")
    approver.post("/plan/approve", data={"day": str(DAY)})
    assert "审核：小李" in approver.get("/plan").text
    assert approver.post("/plan/back", data={"day": str(DAY), "slot": "noon"}, headers=JSON).json() == {"taken_back": 1}
    assert state(ports) == ["checked"]


def test_words_are_changed_and_wait_again(ports: WebPorts, approver: TestClient) -> None:
    """The demo's operator is its only approver: their own words hold after a delay."""
    queue(ports, "一")
    form = {"day": str(DAY), "slot": "noon", "version": Content("一").version, "text": " 新的话\r\n第二行 "}
    approver.post("/plan/text", data=form)
    assert "新的话\n第二行</p>" in approver.get("/plan").text
    answer = approver.post("/plan/approve", data={"day": str(DAY)})
    assert answer.headers["location"].endswith("done=delayed")
    assert "自审" in approver.get("/plan").text


@pytest.mark.parametrize("text", ["", "  ", "长" * 8_001])
def test_words_that_cannot_be_sent_are_refused(ports: WebPorts, approver: TestClient, text: str) -> None:
    """Empty, or longer than anything the platform takes."""
    queue(ports, "一")
    form = {"day": str(DAY), "slot": "noon", "version": Content("一").version, "text": text}
    assert approver.post("/plan/text", data=form).status_code == 422


@pytest.mark.parametrize("query", ["day=yesterday", "community=nowhere", "day=2026-13-01"])
def test_a_day_that_is_none_is_not_found(approver: TestClient, query: str) -> None:
    """Not an error page of the program."""
    assert approver.get(f"/plan?{query}").status_code == 404


def test_an_empty_day_says_what_will_come(approver: TestClient) -> None:
    """And shows no button."""
    shown = approver.get("/plan").text
    assert "还没有要发的内容" in shown
    assert "<button" not in shown


def test_without_signing_in_nothing_is_shown(ports: WebPorts) -> None:
    """The plan is not for everybody who knows the address."""
    queue(ports, "一")
    stranger = TestClient(create_app(ports), base_url="https://testserver")
    answer = stranger.get("/plan", headers={"accept": "text/html"})
    assert (answer.status_code, "个人链接" in answer.text) == (401, True)


def test_the_page_marks_banned_words(ports: WebPorts) -> None:
    """What lint finds stands beneath the bubble."""
    from qunflow.rendering.lint import banned_words
    from qunflow.settings.paths import builtin_templates

    here = replace(ports, banned_words=banned_words([builtin_templates()]))
    queue(here, "全网最低价,第一名")
    assert 'class="finding' in phone_of(here, "ops_li").get("/plan").text
