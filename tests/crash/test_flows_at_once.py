"""
The same flow started two to eight times at once: everything goes out once, nobody waits for ever, one asks for a token.

QUNFLOW_SOAK=1 runs the long form.
"""

from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path

import pytest

from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from tests.crash.house import House, RecordProperty, a_house, is_clean, scored
from tests.crash.mixed_plan import Shape

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
SHAPE = Shape(chats=20, slots=6, shared=2, private=20, private_shared=2, cards=20, notices=20)
LONG = Shape(chats=40, slots=28 if SOAK else 9)
COUNTED = [{"path": "gettoken", "mode": "slow", "probability": 0.0}]


@pytest.mark.parametrize("number", range(2, 9) if SOAK else [2, 8])
@pytest.mark.soak
def test_the_same_flow_at_once_sends_everything_once(
    store: Store, vault: Vault, store_url: str, tmp_path: Path, number: int, record_property: RecordProperty
) -> None:
    """Each of them plans, checks, approves and drains the same messages."""
    with a_house(tmp_path, store, vault, store_url, SHAPE) as house:
        (tmp_path / "plan.pickle").write_bytes(pickle.dumps(house.queue.messages))
        answers = house.order(number, plan=str(tmp_path / "plan.pickle"), rounds=2)
        found = house.judged()
    record_property(*scored(f"{number} flows at once, {store.dialect}", number, found))
    assert [one["error"] for one in answers] == [""] * number
    assert is_clean(found), found


def end_tokens(house: House, every: int, until: threading.Event) -> int:
    """Take the token away after every so many accepted messages, once the last one is in use; returns how often."""
    ended, accepted = 0, 0
    while not until.wait(0.01):
        used = house.sandbox.asked_for("gettoken")
        now_accepted = len(house.sandbox.log())
        if used > ended and now_accepted >= accepted + every:
            house.sandbox.tell("act", {"act": "expire_token" if ended % 2 else "revoke_token"})
            ended, accepted = ended + 1, now_accepted
    return ended


@pytest.mark.soak
def test_an_ended_token_is_renewed_once_by_eight_processes(
    store: Store, vault: Vault, store_url: str, tmp_path: Path, record_property: RecordProperty
) -> None:
    """However many are refused at once, one of them asks for another; nothing is sent twice for it."""
    over, ended = threading.Event(), 0

    def ending() -> None:
        nonlocal ended
        ended = end_tokens(house, 40, over)

    with a_house(tmp_path, store, vault, store_url, LONG) as house:
        house.sandbox.tell("faults", COUNTED)
        thread = threading.Thread(target=ending)
        thread.start()
        house.order(8, token_file=str(tmp_path / "token"), rounds=5)
        over.set()
        thread.join()
        asked = house.sandbox.asked_for("gettoken")
        # Whoever was refused twice running has ended its round early.
        house.order(token_file=str(tmp_path / "token"))
        found = house.judged()
    record_property(
        *scored(f"8 processes, token ended {ended} times, {store.dialect}", 8, found, f"{asked} tokens asked for")
    )
    assert is_clean(found), found
    assert ended >= 3
    assert asked <= ended + 1
