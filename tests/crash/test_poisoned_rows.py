"""
One row in a hundred is poison: each ends with a reason, and all others go out.

Poison is what the platform refuses, an attachment nobody can read, and a row that was damaged by hand in the database.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from qunflow.store.engine import Store
from qunflow.store.tables import targets
from qunflow.store.vault import Vault
from tests.crash.checker import words_of
from tests.crash.house import RecordProperty, a_house
from tests.crash.mixed_plan import Shape
from tests.crash.scoreboard import Score, kept

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
SHAPE = Shape(chats=40, slots=28 if SOAK else 12, private=40, cards=20, notices=20)


def _contents(column: str, value: str) -> Callable[[Connection, int], None]:
    def damage(conn: Connection, target: int) -> None:
        wanted = f"(SELECT content_version FROM targets WHERE target_id = {target})"
        conn.execute(text(f"UPDATE contents SET {column} = :value WHERE content_version = {wanted}"), {"value": value})

    return damage


def _target(column: str, value: str) -> Callable[[Connection, int], None]:
    def damage(conn: Connection, target: int) -> None:
        conn.execute(text(f"UPDATE targets SET {column} = :value WHERE target_id = {target}"), {"value": value})

    return damage


@dataclass(frozen=True)
class Poison:
    """What is done to one row of a way; some engines do not let it be done."""

    name: str
    way: str
    damage: Callable[[Connection, int], None]
    sqlite_only: bool = False


POISONS = (
    Poison("too long for the platform", "mass_task", _contents("text", "长" * 2_000)),
    Poison("no words at all", "mass_task", _contents("text", "")),
    Poison("a link without an address", "mass_task", _contents("attachments", '[{"msgtype": "link", "link": {}}]')),
    Poison("an unknown kind of attachment", "private_task", _contents("attachments", '[{"msgtype": "smell"}]')),
    Poison("attachments that are no list", "mass_task", _contents("attachments", '{"msgtype": "link"}')),
    Poison("attachments that are numbers", "private_task", _contents("attachments", "[1, 2]")),
    Poison("attachments that are no JSON", "mass_task", _contents("attachments", "[{"), sqlite_only=True),
    Poison("a sender nobody knows", "mass_task", _target("sender_userid", "nobody")),
    Poison("a card for nobody", "hand_send", _target("sender_userid", "nobody")),
    Poison("a person nobody knows", "private_task", _target("target_ref", "999999")),
    Poison("an instant that is none", "mass_task", _target("not_after", "noon"), sqlite_only=True),
)


def poisoned(store: Store) -> dict[int, str]:
    """Damage a row for each kind of poison; returns the targets with what was done to them."""
    done: dict[int, str] = {}
    with store.writing() as conn:
        for place, poison in enumerate(one for one in POISONS if store.dialect == "sqlite" or not one.sqlite_only):
            rows = select(targets.c.target_id).where(targets.c.way == poison.way).order_by(targets.c.target_id)
            ids = [one for one in conn.execute(rows).scalars() if one not in done]
            victim = ids[7 * place % len(ids)]
            poison.damage(conn, victim)
            done[victim] = poison.name
    return done


def ends(store: Store) -> dict[int, tuple[str, str]]:
    """State and reason of every target, read without the types that damage would break."""
    with store.reading() as conn:
        rows = conn.execute(text("SELECT target_id, state, reason FROM targets"))
        return {row.target_id: (row.state, row.reason) for row in rows}


@pytest.mark.soak
def test_poisoned_rows_end_with_a_reason_and_all_others_go_out(
    store: Store, vault: Vault, store_url: str, tmp_path: Path, record_property: RecordProperty
) -> None:
    """Nobody's damage keeps anybody else's message: those arrive once, and the victims say what is wrong."""
    with a_house(tmp_path, store, vault, store_url, SHAPE) as house:
        house.always["tries"] = 2
        victims = poisoned(store)
        house.order(2, rounds=3)
        house.settle()
        taken = Counter(address_and_words(house.sandbox.log()))
    end = ends(store)
    left = {name: end[one] for one, name in victims.items()}
    others = {one: state for one, (state, _) in end.items() if one not in victims}
    open_still = {name: what for name, what in left.items() if what[0] not in ("refused", "dead", "skipped")}
    doubled = sum(times > 1 for times in taken.values())
    lost = len(others) - len(taken)
    score = Score(f"poison, {store.dialect}", len(victims), len(end), 0, doubled, lost, 0, len(open_still))
    record_property(*kept(score))
    assert set(others.values()) == {"sent"}
    assert (doubled, lost, open_still) == (0, 0, {})
    assert all(why for _, why in left.values())


def address_and_words(log: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Every message the platform has taken."""
    for row in map(json.loads, log):
        yield from ((address, words_of(row["body"])) for address in row["targets"])
