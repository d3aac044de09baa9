"""Visits of a live code's page become history once, each person known as they are now, and replay gives the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from qunflow.acquisition.scans import NOBODY, read_scan
from qunflow.errors import StoreBusy
from qunflow.runtime import Runtime
from qunflow.runtime.stage import StageRun
from qunflow.settings.workspace import Community
from qunflow.store import inbox, merging
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.vault import Vault
from tasks.acquisition_scans import SOURCE, events_of, keep_scans, scans_of

AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOMES = [
    Community(key=key, name="小满", type="购物", helper="helper_xm")  # type: ignore[call-arg]
    for key in ("neighbours", "readers")
]


@pytest.fixture
def here(store: Store, vault: Vault, history: History) -> Runtime:
    """Two communities, and one person the house knows."""
    store.write(lambda conn: vault.persons_for(conn, "external_userid", ["wm1"], AT))
    workspace = SimpleNamespace(communities=HOMES)
    return cast(Runtime, SimpleNamespace(store=store, vault=vault, history=history, workspace=workspace))


def visit(here: Runtime, number: int, actor: str = "", **about: Any) -> None:
    body = {"community": "neighbours", "channel": "poster-a", "group_id": 3, "actor": actor, "at": AT.isoformat()}
    row = body | about
    here.store.write(lambda conn: inbox.keep(conn, [inbox.sealed(here.vault, SOURCE, f"v{number}", row)], AT))


def counted(here: Runtime, community: int = 0) -> list[tuple[int, str, date]]:
    """Who was seen where and when, as the figures of the third of March ask for it."""
    run = StageRun("acquisition", here, HOMES[community], date(2026, 3, 3), AT, dry_run=False, backfill=False)
    with here.store.reading() as conn:
        return sorted((one.person_id, one.channel, one.day) for one in scans_of(conn, run))


def known(here: Runtime) -> int:
    with here.store.reading() as conn:
        return here.vault.known_persons(conn, "external_userid", ["wm1"])["wm1"]


def test_visits_are_history_once(here: Runtime) -> None:
    """Both communities' in one go and in batches; a second run finds nothing; the day is the community's own."""
    for number in range(5):
        visit(here, number, actor="wm1" if number % 2 else "")
    visit(here, 5, actor="wmStranger", community="readers", at=(AT + HOUR).isoformat())
    assert keep_scans(here, AT + HOUR, at_once=2) == 6
    assert keep_scans(here, AT + HOUR) == 0
    person, first = known(here), date(2026, 3, 2)
    assert counted(here) == [(NOBODY, "poster-a", first)] * 3 + [(person, "poster-a", first)] * 2
    assert counted(here, 1) == [(NOBODY, "poster-a", date(2026, 3, 3))]


def test_what_is_no_visit_is_set_aside_with_its_reason(here: Runtime) -> None:
    """Neither stops the others: a body of another shape, and a community that is not in the settings any more."""
    visit(here, 1, at="yesterday")
    visit(here, 2, community="closed")
    visit(here, 3)
    assert keep_scans(here, AT + HOUR) == 3
    assert len(counted(here)) == 1
    with here.store.reading() as conn:
        reasons = inbox.quarantined(conn, AT)
    assert reasons == {(SOURCE, "malformed"): 1, (SOURCE, "unknown_community"): 1}


def test_a_busy_store_loses_nothing(here: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the rows cannot be marked neither are there events; the next run makes them once."""
    visit(here, 1)

    def busy(*_: Any, **__: Any) -> int:
        raise StoreBusy("locked", "try again")

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "mark", busy)
        with pytest.raises(StoreBusy):
            keep_scans(here, AT + HOUR)
    assert counted(here) == []
    assert keep_scans(here, AT + HOUR) == 1
    assert len(counted(here)) == 1


def test_replay_gives_the_same_events(here: Runtime) -> None:
    """The raw rows give what is in the history, whoever the visitor has become since."""
    for number in range(4):
        visit(here, number, actor="wm1" if number % 2 else "")
    keep_scans(here, AT + HOUR)
    with here.store.writing() as conn:
        other = here.vault.persons_for(conn, "phone", ["+8613800138000"], AT)["+8613800138000"]
        merging.merge(conn, here.vault, other, known(here), "by_hand", "周", AT)
    with here.store.writing() as conn:
        rows = inbox.applied(conn, here.vault, SOURCE, 0, 100)
        read = [(row, scan) for row in rows if isinstance(row.body, dict) and (scan := read_scan(row.body))]
        persons = here.vault.known_persons(conn, "external_userid", ["wm1"])
        again = events_of(read, persons, {one.key: one for one in HOMES}, AT + HOUR)
        assert here.history.append(conn, "replay", "replay", again) == 0
    told = here.history.query("SELECT event_key, person_id, channel, props FROM events ORDER BY event_key")
    assert told.values.tolist() == again.sort_values("event_key")[list(told.columns)].values.tolist()
    assert {person for person, _, _ in counted(here)} == {NOBODY, other}
