"""What the pages of those who do the work are tested with: messages in every state, and phones of the team."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import insert, select, update

from qunflow.delivery.hand_send import card_token, token_digest
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import approve, check, plan
from qunflow.store import members, team
from qunflow.store.tables import calls, targets
from qunflow.web.app import create_app
from qunflow.web.ports import WebPorts

DAY = date(2026, 3, 5)
NOW = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)
JSON = {"Accept": "application/json"}


def phone_of(ports: WebPorts, userid: str) -> TestClient:
    """A phone on which somebody is signed in."""
    phone = TestClient(create_app(ports), base_url="https://testserver", follow_redirects=False)
    with ports.store.writing() as conn:
        token = team.issue(conn, userid, "link", ports.clock.now())
    phone.get(f"/in/{token}")
    return phone


def put(ports: WebPorts, *, group: int = 0, text: str = "早呀，今天三样", **changes: Any) -> int:
    """One approved message to one group of the demo, a hand-send of its admin unless told otherwise."""
    community = ports.workspace.communities[0]
    with ports.store.writing() as conn:
        numbers = members.sync_groups(conn, ports.workspace)
        one = community.groups[group]
        values: dict[str, Any] = {
            "community": community.key,
            "stage": "daily_content",
            "campaign": "",
            "slot_key": "benefit-daily/daily-sign",
            "day": DAY,
            "way": "hand_send",
            "sender_userid": one.admin,
            "target_kind": "chat",
            "target_ref": numbers[community.key, one.key],
            "content": Content(text),
            "due_at": NOW - timedelta(minutes=15),
            "not_after": NOW + timedelta(minutes=30),
            "marketing": True,
            **changes,
        }
        ids = plan(conn, [Planned(**values)], NOW - timedelta(hours=4)).ids
        check(conn, ids)
        approve(conn, ids, by="li", at=NOW - timedelta(hours=3))
    return ids[0]


def give_out(ports: WebPorts, *ids: int, state: str = "sent", call: str = "", **values: Any) -> int:
    """Let messages be out by one call, as the sender leaves them; gives the call's number."""
    with ports.store.writing() as conn:
        first = conn.execute(select(targets).where(targets.c.target_id == ids[0])).one()
        row = {
            "way": first.way,
            "sender_userid": first.sender_userid,
            "content_version": first.content_version,
            "fingerprint": "f" * 64,
            "state": call or state,
            "worker": "w",
            "intent_at": NOW - timedelta(minutes=15),
        }
        if (call or state) == "unknown":
            row["unknown_since"] = NOW - timedelta(minutes=14)
        else:
            row["platform_id"] = f"msg{ids[0]}"
        number = int(conn.execute(insert(calls).values(**row).returning(calls.c.call_id)).scalar_one())
        for one in ids:
            card = token_digest(card_token(ports.vault, one)) if first.way == "hand_send" else None
            filled = {"state": state, "call_id": number, "card_digest": card, "sent_at": row["intent_at"], **values}
            conn.execute(update(targets).where(targets.c.target_id == one).values(**filled))
    return number


def column(ports: WebPorts, name: str) -> list[Any]:
    """One column of every message, by number."""
    with ports.store.reading() as conn:
        return list(conn.execute(select(targets.c[name]).order_by(targets.c.target_id)).scalars())
