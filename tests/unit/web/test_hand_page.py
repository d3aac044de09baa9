"""The hand-send card: read, tapped, taken back; its token is looked up by hash only."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from qunflow.delivery.hand_send import card_token, token_digest
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import plan
from qunflow.store.members import sync_groups
from qunflow.store.tables import targets
from qunflow.web.ports import WebPorts

JSON = {"Accept": "application/json"}
TEXT = '早呀,今天降温。<script>alert("x")</script>\n12 点开抢。'


@pytest.fixture
def token(ports: WebPorts) -> str:
    """The token of a card that has been delivered to its admin."""
    community = ports.workspace.communities[0]
    at = ports.clock.now()
    with ports.store.writing() as conn:
        group_id = sync_groups(conn, ports.workspace)[community.key, community.groups[0].key]
        planned = Planned(
            community=community.key,
            stage="daily_content",
            campaign="",
            slot_key="g1/daily-sign",
            day=date(2026, 3, 5),
            way="hand_send",
            sender_userid="admin_lin",
            target_kind="chat",
            target_ref=group_id,
            content=Content(TEXT, ({"msgtype": "link", "title": "看货", "url": "https://shop.example.com/a"},)),
            due_at=datetime(2026, 3, 5, 4, 15, tzinfo=UTC),
            not_after=datetime(2026, 3, 5, 5, 0, tzinfo=UTC),
            marketing=True,
        )
        (target_id,) = plan(conn, [planned], at).ids
        secret = card_token(ports.vault, target_id)
        conn.execute(update(targets).values(state="sent", card_digest=token_digest(secret), sent_at=at))
    return secret


def outcome(ports: WebPorts) -> tuple[str, int | None]:
    """What the store knows about the card."""
    with ports.store.reading() as conn:
        row = conn.execute(select(targets.c.outcome, targets.c.reply_count)).one()
    return row.outcome, row.reply_count


def test_the_card_is_a_page_with_the_text_escaped(client: TestClient, token: str) -> None:
    """The admin sees group, times and text; what looks like markup in it stays text."""
    found = client.get(f"/hand/{token}")
    assert found.status_code == 200
    assert "&lt;script&gt;alert" in found.text
    assert '<script>alert("x")' not in found.text
    assert "12:15" in found.text
    assert "看货" in found.text


def test_the_card_is_data_for_a_program(client: TestClient, ports: WebPorts, token: str) -> None:
    """Who asks for JSON gets the card as data."""
    told = client.get(f"/hand/{token}", headers=JSON).json()
    assert told == {
        "text": TEXT,
        "attachments": [{"msgtype": "link", "title": "看货", "url": "https://shop.example.com/a"}],
        "group": ports.workspace.communities[0].groups[0].name,
        "chat_id": ports.workspace.communities[0].groups[0].chat_id,
        "due_at": "2026-03-05T04:15:00+00:00",
        "not_after": "2026-03-05T05:00:00+00:00",
        "state": "waiting",
        "reply_count": None,
    }


def test_a_tap_is_stored_and_can_be_taken_back(client: TestClient, ports: WebPorts, token: str) -> None:
    """已发 with a count, then the count corrected, then undone: the store follows each."""
    assert client.post(f"/hand/{token}/done", json={"reply_count": 12}, headers=JSON).json()["state"] == "delivered"
    assert outcome(ports) == ("delivered", 12)
    assert client.post(f"/hand/{token}/done", data={"reply_count": "15"}).status_code == 303
    assert outcome(ports) == ("delivered", 15)
    assert client.post(f"/hand/{token}/undo", headers=JSON).json()["state"] == "waiting"
    assert outcome(ports) == ("waiting", None)


def test_the_count_may_be_left_empty(client: TestClient, ports: WebPorts, token: str) -> None:
    """A tap without a count is a tap; nobody knows the count yet, so it is not 0."""
    assert client.post(f"/hand/{token}/done", data={"reply_count": " "}).status_code == 303
    assert outcome(ports) == ("delivered", None)


@pytest.mark.parametrize("count", [-1, 1.5, "many", True, 10**9, [1]])
def test_a_senseless_count_is_refused(client: TestClient, ports: WebPorts, token: str, count: object) -> None:
    """Only whole numbers from 0 on are people."""
    assert client.post(f"/hand/{token}/done", json={"reply_count": count}, headers=JSON).status_code == 422
    assert outcome(ports) == ("waiting", None)


def test_a_card_that_was_cancelled_takes_no_tap(client: TestClient, ports: WebPorts, token: str) -> None:
    """A tap on a cancelled card is told so instead of counting."""
    with ports.store.writing() as conn:
        conn.execute(update(targets).values(state="cancelled"))
    assert client.post(f"/hand/{token}/done", json={}, headers=JSON).status_code == 409


def test_a_wrong_token_is_not_found_and_the_store_never_holds_the_right_one(
    client: TestClient, ports: WebPorts, token: str
) -> None:
    """Neither another token nor the stored hash opens the card."""
    assert client.get("/hand/" + "a" * 43).status_code == 404
    assert client.get(f"/hand/{token_digest(token)}").status_code == 404
    with ports.store.reading() as conn:
        row = conn.execute(select(targets)).one()
    assert token not in " ".join(map(str, row))


def test_another_site_cannot_tap(client: TestClient, ports: WebPorts, token: str) -> None:
    """A form on a foreign page is refused."""
    found = client.post(f"/hand/{token}/done", headers={"Sec-Fetch-Site": "cross-site"})
    assert (found.status_code, outcome(ports)) == (403, ("waiting", None))
