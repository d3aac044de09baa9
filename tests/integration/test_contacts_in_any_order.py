"""Who is a friend of whom follows from what callbacks told, whatever order and however many runs they came in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from types import SimpleNamespace
from typing import cast

import pytest

from qunflow import runtime
from qunflow.runtime import Runtime
from qunflow.settings.workspace import Community
from qunflow.store import inbox, people
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.vault import Vault
from tasks.acquisition_contacts import keep_contact_callbacks

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
COMMUNITY = Community(key="n", name="小满邻里", type="购物", helper="helper_xm")  # type: ignore[call-arg]
ADDED, ENDED = "add_external_contact", "del_follow_user"
# Hours after AT: friends from 1 to 2, again from 3 to 5; told of the second beginning twice.
TOLD = ((ADDED, 1), (ENDED, 2), (ADDED, 3), (ADDED, 4), (ENDED, 5))


@pytest.fixture
def here(store: Store, vault: Vault, history: History) -> Iterator[Runtime]:
    parts = {"store": store, "vault": vault, "history": history, "workspace": SimpleNamespace(communities=[COMMUNITY])}
    told = cast(Runtime, SimpleNamespace(**parts))
    with runtime.using(told):
        yield told


def hear(here: Runtime, who: str, told: Sequence[tuple[str, int]]) -> None:
    """Let callbacks come in, and be used in one run."""
    for change, hour in told:
        at = int((AT + timedelta(hours=hour)).timestamp())
        ids = f"<UserID>helper_xm</UserID><ExternalUserID>{who}</ExternalUserID><State>poster-{hour}</State>"
        what = f"<Event>change_external_contact</Event><ChangeType>{change}</ChangeType>"
        body = f"<xml><CreateTime>{at}</CreateTime>{what}{ids}</xml>".encode()
        with here.store.writing() as conn:
            inbox.keep(conn, [inbox.sealed(here.vault, "wecom", hashlib.sha256(body).hexdigest(), body)], AT)
    keep_contact_callbacks(COMMUNITY, AT + timedelta(hours=9))


def test_any_order_over_any_number_of_runs_gives_the_same_friends(here: Runtime) -> None:
    """Each order has a person of its own; history, which is only added to, tells of both friendships of each."""
    orders = list(permutations(TOLD))[:: 1 + len(TOLD)]
    for number, order in enumerate(orders):
        cut = number % len(TOLD)
        for part in (order[:cut], order[cut:], order):
            hear(here, f"wm{number}", part)
    with here.store.reading() as conn:
        assert people.contacts_of(conn, "n") == []
        found = people.contacts_of(conn, "n", with_deleted=True)
    assert {(one.added_at, one.deleted_at, one.channel) for one in found} == {
        (AT + timedelta(hours=3), AT + timedelta(hours=5), "poster-3")
    }
    told = here.history.query("SELECT kind, happened_at, count(*) AS n FROM events GROUP BY ALL")
    counted = {(row.kind, row.happened_at.to_pydatetime()): row.n for row in told.itertuples()}
    moves = (("contact_added", 1), ("contact_deleted", 2), ("contact_added", 3), ("contact_deleted", 5))
    assert {counted[kind, AT + timedelta(hours=hour)] for kind, hour in moves} == {len(orders)} == {len(found)}
