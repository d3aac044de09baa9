"""
A disk that is full and a database that somebody else holds: no call without an intent on disk, nothing lost or doubled.

The limit is RLIMIT_FSIZE of the sending process, at many sizes, so that writing fails at the claim, in its midst, and
after the calls. QUNFLOW_SOAK=1 tries more of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from qunflow.store.engine import Store
from qunflow.store.tables import calls
from qunflow.store.vault import Vault
from tests.crash.house import House, RecordProperty, a_house, is_clean, scored
from tests.crash.mixed_plan import Shape
from tests.crash.sender_zygote import MASTER_KEY, WAIT_S

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
SHAPE = Shape(chats=20, slots=4, shared=1, private=10, private_shared=1, cards=10, notices=10)
SLOW = [{"path": "externalcontact/add_msg_template", "mode": "slow", "seconds": 0.1, "probability": 0.3}]
PAGE = 4_096
# Bytes the files may still grow by from the start, or the number of calls after which nothing can be written any more.
FULL = [{"room": 0}, {"room": 2 * PAGE}, {"after": 1}, {"after": 9}, {"room": 8 * PAGE}, {"after": 20}]
SOAK_FULL = [{kind: at * step} for at in range(20) for kind, step in (("room", PAGE), ("after", 3))]


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """A migrated database in a file."""
    path = tmp_path / "state" / "qunflow.sqlite3"
    path.parent.mkdir()
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    """That database."""
    opened = Store.open(sqlite_url)
    yield opened
    opened.close()


@dataclass(frozen=True)
class Known:
    """Calls the database knows: all, and those nobody has written an outcome for."""

    total: int
    open: int


def intents(store: Store) -> Known:
    """What the database knows of calls."""
    with store.reading() as conn:
        states = conn.execute(select(calls.c.state)).scalars().all()
    return Known(len(states), states.count("intent"))


@contextmanager
def held(store_url: str, seconds: float) -> Iterator[None]:
    """Another program holds the whole database for a while, again and again, until the block ends."""
    program = [sys.executable, str(Path(__file__).with_name("database_holder.py")), store_url, str(seconds)]
    holder = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        holder.stdin.close()
        assert holder.wait(timeout=20) == 0


@pytest.mark.soak
def test_a_full_disk_sends_nothing_without_an_intent(
    sqlite_store: Store, sqlite_url: str, tmp_path: Path, record_property: RecordProperty
) -> None:
    """Wherever writing fails, all that was sent is known to the database, the error is told, and later all goes on."""
    database, said, unmarked = tmp_path / "state" / "qunflow.sqlite3", [], 0
    with a_house(tmp_path, sqlite_store, Vault(sqlite_store, MASTER_KEY), sqlite_url, SHAPE) as house:
        for how in SOAK_FULL if SOAK else FULL:
            size = database.stat().st_size + how["room"] if "room" in how else 0
            said += house.order(fsize=size, rounds=1, **({"full_after": how["after"]} if "after" in how else {}))
            if "after" in how:
                # Those before it have left their intents unknown: let some be found and sent again.
                house.sandbox.tell("clock", {"advance_s": WAIT_S})
            known = intents(sqlite_store)
            assert len(house.sandbox.log()) <= known.total, "something was sent without an intent on disk"
            unmarked = max(unmarked, known.open)
        house.settle()
        found = house.judged()
    told = [one["error"] for one in said if one["error"]]
    record_property(
        *scored("full disk, sqlite", len(said), found, f"{len(told)} failed, {unmarked} calls without their mark")
    )
    assert is_clean(found), found
    assert len(told) >= 3
    assert all("full or failing" in one for one in told), told
    assert all(one["next_step"] for one in said if one["error"])


def sent_while_held(house: House, store_url: str, seconds: float) -> list[str]:
    """Two processes send while somebody holds the database; returns the errors they were told."""
    house.sandbox.tell("faults", SLOW)
    house.begin(2, busy_s=0.2, rounds=2)
    while not house.sandbox.log():
        time.sleep(0.01)
    with held(store_url, seconds):
        said = house.ended()
    house.settle()
    return [one["error"] for one in said if one["error"]]


def test_a_database_held_for_moments_makes_everybody_wait(
    store: Store, vault: Vault, store_url: str, tmp_path: Path, record_property: RecordProperty
) -> None:
    """Somebody holds it again and again: nobody is told of it, nothing is lost or doubled."""
    with a_house(tmp_path, store, vault, store_url, SHAPE) as house:
        told = sent_while_held(house, store_url, 0.1)
        found = house.judged()
    record_property(*scored(f"held for moments, {store.dialect}", 2, found))
    assert is_clean(found), found
    assert told == []


def test_a_database_held_for_longer_than_patience_is_told(
    sqlite_store: Store, sqlite_url: str, tmp_path: Path, record_property: RecordProperty
) -> None:
    """Both give up in the midst of sending and say why; what they had begun is found, and everything goes out once."""
    with a_house(tmp_path, sqlite_store, Vault(sqlite_store, MASTER_KEY), sqlite_url, SHAPE) as house:
        told = sent_while_held(house, sqlite_url, 5.0)
        found = house.judged()
    record_property(*scored("held for too long, sqlite", 2, found, f"{len(told)} gave up"))
    assert is_clean(found), found
    assert len(told) == 2
    assert all("stayed locked" in one for one in told)
