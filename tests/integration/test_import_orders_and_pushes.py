"""An order is one order, whether the shop pushed it, a file brought it, or both did in any order."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from tests.conftest import MASTER_KEY
from tests.integration.import_desk import Desk

SOAKS = bool(os.environ.get("QUNFLOW_SOAK"))
EXAMPLES = 200 if SOAKS else 2
START = datetime(2026, 3, 1, 2, tzinfo=UTC)
PEOPLE = [{"外部联系人ID": f"wmBuyer000{n}", "手机号": f"1380013800{n}"} for n in range(3)]

Sold = tuple[str, int, int, int, int]
# number, amount in fen, refunded in fen, buyer (3 = a stranger), hours after the start
sold: Any = st.lists(
    st.tuples(
        st.sampled_from([f"E{number}" for number in range(6)]),
        st.integers(1, 500_000),
        st.integers(0, 500_000),
        st.integers(0, 3),
        st.integers(0, 200),
    ).filter(lambda one: one[2] <= one[1]),
    min_size=1,
    max_size=8,
    unique_by=lambda one: one[0],
)


def pushes(orders: Sequence[Sold]) -> list[dict[str, object]]:
    """What a shop pushes: each order when it is paid, and again when money went back."""
    found: list[dict[str, object]] = []
    for number, amount, refunded, buyer, hours in orders:
        paid_at = (START + timedelta(hours=hours)).isoformat()
        paid = {"order_no": number, "status": "paid", "amount_fen": amount, "paid_at": paid_at}
        found.append({**paid, "phone": f"1380013800{buyer}"})
        if refunded:
            found.append({**paid, "status": "refunded", "refunded_fen": refunded, "phone": f"1380013800{buyer}"})
    return found


def rows(orders: Sequence[Sold]) -> list[dict[str, object]]:
    """The shop's export of the same orders: yuan, local time."""
    return [
        {
            "订单编号": number,
            "买家实付金额": f"{amount / 100:.2f}",
            "买家付款时间": (START + timedelta(hours=hours + 8)).strftime("%Y-%m-%d %H:%M:%S"),
            "收货人手机号": f"138 0013 800{buyer}",
            "成功退款金额": f"{refunded / 100:.2f}" if refunded else "",
        }
        for number, amount, refunded, buyer, hours in orders
    ]


WAYS: dict[str, Callable[[Desk, Sequence[Sold]], object]] = {
    "pushed": lambda desk, orders: desk.push(*pushes(orders)),
    "by file": lambda desk, orders: desk.bring("orders", rows(orders)),
    "pushed, then by file": lambda desk, orders: (desk.push(*pushes(orders)), desk.bring("orders", rows(orders))),
    "by file, then pushed": lambda desk, orders: (desk.bring("orders", rows(orders)), desk.push(*pushes(orders))),
}


def ends(template: Path, way: str, orders: Sequence[Sold]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The orders and events of a fresh house after that way."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(template, Path(folder) / "q.sqlite3")
        store = Store.open(f"sqlite:///{folder}/q.sqlite3")
        desk = Desk(store, Vault(store, MASTER_KEY), Path(folder))
        desk.bring("members", PEOPLE)
        WAYS[way](desk, orders)
        kept = [tuple(value for name, value in row.items() if name != "order_id") for row in desk.rows("orders")]
        events = desk.events()
        store.close()
    return sorted(kept, key=repr), events


@pytest.mark.soak
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    derandomize=not os.environ.get("QUNFLOW_SOAK"),
)
@given(orders=sold)
def test_orders_are_equal_by_push_by_file_and_by_both(sqlite_template: Path, orders: list[Sold]) -> None:
    """The same orders in any of four ways give the same rows and the same events."""
    expected = ends(sqlite_template, "pushed", orders)

    assert len(expected[0]) == len(orders)
    assert len(expected[1]) == len(orders)
    for way in list(WAYS)[1:]:
        assert ends(sqlite_template, way, orders) == expected, way
