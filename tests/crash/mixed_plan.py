"""
Something of every way to queue: mass tasks, private tasks, cards, notices and newcomers; written down as a plan.

Each message has words of its own, or shares them with others of the same call, so that the log can be held against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from qunflow.clock import local_day
from qunflow.delivery.hand_send import card_token
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import approve, check, plan
from qunflow.delivery.welcome_codes import remember_welcome
from qunflow.store.engine import Store
from qunflow.store.tables import contents, groups, targets
from qunflow.store.vault import Vault
from tests.crash.checker import Sign, Wanted
from tests.crash.sandbox_process import Sandbox
from tests.crash.sender_zygote import ROBOT, welcome_text, workspace

ZONE = workspace().communities[0].zone_info
OWNER, HELPER, ADMINS = "owner_zhou", "helper_xm", ("admin_lin", "admin_tang")
IN_ONE_CALL = 6
PAGES = "http://127.0.0.1:8790"


@dataclass(frozen=True)
class Shape:
    """How much of each; due evenly over so many simulated seconds."""

    chats: int
    slots: int
    shared: int = 0
    private: int = 0
    private_shared: int = 0
    cards: int = 0
    notices: int = 0
    newcomers: int = 0
    robots: int = 0
    over_s: int = 0


@dataclass
class Queue:
    """What is in the outbox, and who is who."""

    store: Store
    vault: Vault
    sandbox: Sandbox
    shape: Shape
    messages: list[Planned] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    external: dict[int, str] = field(default_factory=dict)
    newcomers: list[int] = field(default_factory=list)
    chat_ids: dict[int, str] = field(default_factory=dict)

    def fill(self) -> None:
        """Queue everything but the newcomers, who come while it is being sent."""
        now = self.sandbox.now()
        self._groups()
        self.messages = list(self._spread(now))
        with self.store.writing() as conn:
            made = plan(conn, self.messages, now)
            check(conn, made.ids)
            approve(conn, made.ids, by="li", at=now)
        self.newcomers = self._persons([self._customer() for _ in range(self.shape.newcomers)], now)
        self.wanted = [Wanted(way, *sign) for way, sign, _ in self._told()]
        self.wanted += [Wanted("welcome", self.external[one], welcome_text(one)) for one in self.newcomers]

    def newcomer(self, person: int) -> None:
        """Somebody adds the helper as a friend, and can be welcomed for twenty seconds."""
        body = {"act": "add_contact", "userid": HELPER, "external_userid": self.external[person]}
        now = self.sandbox.now()
        code = self.sandbox.tell("act", body)["welcome_code"]
        self.store.write(
            lambda conn: remember_welcome(
                conn, self.vault, person_id=person, userid=HELPER, channel="", code=code, received_at=now
            )
        )

    def told(self) -> dict[Sign, str]:
        """What the outbox says became of each message."""
        return {sign: state for _, sign, state in self._told()}

    def _told(self) -> Iterator[tuple[str, Sign, str]]:
        query = select(targets, contents.c.text).join(contents, contents.c.content_version == targets.c.content_version)
        with self.store.reading() as conn:
            for row in conn.execute(query):
                yield row.way, self._sign(row), row.state

    def _sign(self, row: Any) -> Sign:
        if row.target_kind == "person":
            return self.external[row.target_ref], row.text
        if row.way == "mass_task":
            return self.chat_ids[row.target_ref], row.text
        if row.way == "robot":
            return f"robot {row.sender_userid}", row.text
        is_card = row.way == "hand_send"
        return row.sender_userid, f"{PAGES}/hand/{card_token(self.vault, row.target_id)}" if is_card else row.text

    def _groups(self) -> None:
        world = self.sandbox.world()
        rows = [
            {"community": "neighbours", "group_key": one["key"], "chat_id": one["chat_id"], "name": one["name"]}
            for one in world["groups"]
        ]
        with self.store.writing() as conn:
            conn.execute(insert(groups), [{**row, "kind": "benefit_group"} for row in rows])
            self.chat_ids = {row.group_id: row.chat_id for row in conn.execute(select(groups))}

    def _customer(self, friend_of: str = "") -> str:
        act = {"act": "add_contact", "userid": friend_of} if friend_of else {"act": "add_customer"}
        return str(self.sandbox.tell("act", act)["external_userid"])

    def _persons(self, external: Sequence[str], now: datetime) -> list[int]:
        with self.store.writing() as conn:
            known: Mapping[str, int] = self.vault.persons_for(conn, "external_userid", external, now)
        self.external |= {number: userid for userid, number in known.items()}
        return list(known.values())

    def _spread(self, now: datetime) -> Iterator[Planned]:
        """Everything, each slot due at an instant of its own."""
        slots = list(self._slots(now))
        for place, (way, sender, kind, messages) in enumerate(slots):
            due = now + timedelta(seconds=self.shape.over_s * (place * 7919 % len(slots)) / len(slots))
            for ref, text in messages:
                yield _planned(way, sender, kind, ref, text, f"slot-{place}", due)

    def _slots(self, now: datetime) -> Iterator[tuple[Any, str, Any, list[tuple[int, str]]]]:
        shape, chats = self.shape, sorted(self.chat_ids)
        for slot in range(shape.slots):
            for chat in chats:
                yield "mass_task", OWNER, "chat", [(chat, f"task-{slot}-{chat}")]
        for slot in range(shape.shared):
            yield "mass_task", OWNER, "chat", [(chat, f"all-{slot}") for chat in chats]
        for person in self._persons([self._customer(OWNER) for _ in range(shape.private)], now):
            yield "private_task", OWNER, "person", [(person, f"private-{person}")]
        for slot in range(shape.private_shared):
            # The last of them is no friend of the sender, and turned away by the platform.
            circle = [self._customer(OWNER) for _ in range(IN_ONE_CALL - 1)] + [self._customer()]
            yield "private_task", OWNER, "person", [(one, f"circle-{slot}") for one in self._persons(circle, now)]
        for card in range(shape.cards):
            yield "hand_send", ADMINS[card % 2], "chat", [(chats[card % len(chats)], f"card-{card}")]
        for robot in range(shape.robots):
            yield "robot", ROBOT, "chat", [(chats[robot % len(chats)], f"robot-{robot}")]
        for notice in range(shape.notices):
            yield "staff_notice", (*ADMINS, HELPER)[notice % 3], "staff", [(0, f"notice-{notice}")]


def _planned(way: Any, sender: str, kind: Any, ref: int, text: str, slot: str, due: datetime) -> Planned:
    return Planned(
        community="neighbours",
        stage="daily_content",
        campaign="",
        slot_key=slot,
        day=local_day(due, ZONE),
        way=way,
        sender_userid=sender,
        target_kind=kind,
        target_ref=ref,
        content=Content(text),
        due_at=due,
        not_after=due + timedelta(days=20),
        marketing=True,
    )
