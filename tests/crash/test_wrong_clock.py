"""
A clock that jumps by a day to and fro while messages go out, and quiet hours that begin in the middle of a page.
"""

from __future__ import annotations

import json
import os
import time
from datetime import datetime
from pathlib import Path

import pytest

from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from tests.crash.house import RecordProperty, a_house, is_clean, scored
from tests.crash.mixed_plan import Shape

SOAK = os.environ.get("QUNFLOW_SOAK") == "1"
DAY_S = 86_400
SHAPE = Shape(chats=30, slots=20 if SOAK else 6, shared=2, private=20, private_shared=2, cards=20, notices=20)
# Looks at the clock: right, a day ahead, right, a day behind, an hour ahead.
JUMPS = [0, DAY_S, DAY_S, 0, -DAY_S, 3_600, -DAY_S]
LOST = [
    {"path": path, "mode": mode, "probability": 0.05}
    for path in ("externalcontact/add_msg_template", "message/send")
    for mode in ("reply_lost", "dropped", "http_502", "truncated")
]


@pytest.mark.soak
def test_a_clock_that_jumps_by_a_day_doubles_and_loses_nothing(
    store: Store, vault: Vault, store_url: str, tmp_path: Path, record_property: RecordProperty
) -> None:
    """Two processes whose machine is a day ahead or behind at every look, while replies and requests get lost."""
    with a_house(tmp_path, store, vault, store_url, SHAPE) as house:
        house.sandbox.tell("faults", LOST)
        for _ in range(3):
            house.order(2, rounds=4, jumps_s=JUMPS)
        house.sandbox.tell("faults", [])
        # What became unknown on a day that is yet to come is asked about when that day is over.
        house.sandbox.tell("clock", {"advance_s": DAY_S})
        house.settle()
        found = house.judged()
    record_property(*scored(f"clock ± 1 day, {store.dialect}", 2, found))
    assert is_clean(found), found


SLOW = [{"path": "externalcontact/add_msg_template", "mode": "slow", "seconds": 0.05}]
EVENING, NIGHT, MORNING = "2026-03-02T20:59:55+08:00", "2026-03-02T21:00:00+08:00", "2026-03-03T08:01:00+08:00"
HANDFUL = 8


def test_quiet_hours_that_begin_within_a_page_hold_the_rest_of_it(
    store: Store, vault: Vault, store_url: str, tmp_path: Path, record_property: RecordProperty
) -> None:
    """At nine in the evening only the calls under way end; the rest of the page goes out in the morning, once."""
    with a_house(tmp_path, store, vault, store_url, Shape(chats=30, slots=6, private=20), EVENING) as house:
        house.always["quiet"] = ("21:00", "08:00")
        house.sandbox.tell("faults", SLOW)
        house.begin(2, rounds=3)
        while len(house.sandbox.log()) < HANDFUL:
            time.sleep(0.01)
        house.sandbox.tell("clock", {"set": NIGHT})
        house.ended()
        evening = [datetime.fromisoformat(json.loads(row)["at"]) for row in house.sandbox.log()]
        late = [at for at in evening if at >= datetime.fromisoformat(NIGHT)]
        house.sandbox.tell("clock", {"set": MORNING})
        house.order()
        found = house.judged()
    record_property(
        *scored(f"night falls, {store.dialect}", 2, found, f"{len(evening)} until nine, {len(late)} then under way")
    )
    assert 0 < len(evening) < found.planned, "the page was over before nine"
    assert len(late) <= 2 * HANDFUL, "more went out after nine than was under way"
    assert is_clean(found), found
