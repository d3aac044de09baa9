"""A run tells why its figures may differ by what it knows, not by what somebody claims."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from qunflow.community.finality import Reason
from qunflow.runtime.stage import StageRun
from qunflow.runtime.telling import SETTINGS_NOTE, settings_of, terms_of
from qunflow.settings.workspace import Community, Figures, Retention
from qunflow.store import evidence, runs
from qunflow.store.engine import Store
from qunflow.store.evidence import Look, ToldMove
from qunflow.store.tables import groups, inbox, person_merges
from qunflow.store.vault import Vault

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = date(2026, 3, 1)
COMMUNITY = Community(key="n", name="小满邻里", type="购物", helper="h", figures=Figures(final_after_days=5))
Scene = tuple[int, int, int]


@pytest.fixture
def scene(store: Store, vault: Vault) -> Scene:
    """A group and two persons, after a run of retention that is over."""
    row = {"community": "n", "group_key": "g1", "chat_id": "wr1", "name": "1群", "kind": "benefit_group"}
    with store.writing() as conn:
        group = conn.execute(insert(groups).returning(groups.c.group_id), row).scalar_one()
        number = runs.start(conn, "retention", "n", DAY, dry_run=False, at=AT)
        assert number is not None
        runs.finish(conn, number, "completed", 1, 1, {SETTINGS_NOTE: settings_of(COMMUNITY, "retention")}, "", AT)
        known = vault.persons_for(conn, "external_userid", ["wm1", "wm2"], AT)
        evidence.keep_look(conn, Look(int(group), AT - HOUR, "v1", 1, 2, [[known["wm1"], 1, 3, "", ""]], []))
        return int(group), known["wm1"], known["wm2"]


def run(community: Community = COMMUNITY, **mode: bool) -> StageRun:
    nowhere: Any = None
    backfill, reopen = mode.get("backfill", False), mode.get("reopen", False)
    return StageRun("retention", nowhere, community, DAY, AT + 2 * HOUR, False, backfill, reopen, run_id=7)


def _pushed(conn: Connection, scene: Scene) -> None:
    conn.execute(insert(inbox), {"source": "wecom", "key_digest": "k", "received_at": AT + HOUR, "sealed_body": b""})


def _looked(conn: Connection, scene: Scene) -> None:
    evidence.keep_look(conn, Look(scene[0], AT + HOUR, "v2", 0, 2, [], [scene[1]]))


def _told_and_looked(conn: Connection, scene: Scene) -> None:
    evidence.keep_moves(conn, [ToldMove(scene[0], scene[1], AT + HOUR / 2, False)])
    _looked(conn, scene)


def _merged(conn: Connection, scene: Scene) -> None:
    merge = {"kept_id": scene[1], "merged_id": scene[2], "reason": "by_hand", "merged_by": "a", "moved": {}}
    conn.execute(insert(person_merges), {**merge, "merged_at": AT + HOUR})


def _nothing(conn: Connection, scene: Scene) -> None:
    """Nothing happened since the last run."""


# what happened since the stage's last run | the reason
NEWS: list[tuple[Callable[[Connection, Scene], None], Reason]] = [
    (_nothing, Reason.RERUN),
    (_pushed, Reason.LATE_EVENTS),
    (_looked, Reason.ROSTER_CORRECTED),
    (_told_and_looked, Reason.RERUN),
    (_merged, Reason.PERSONS_MERGED),
]


@pytest.mark.parametrize(("happens", "reason"), NEWS, ids=lambda one: getattr(one, "__name__", None))
def test_the_reason_is_what_happened_since_the_last_run(
    store: Store, scene: Scene, happens: Callable[[Connection, Scene], None], reason: Reason
) -> None:
    """Events that arrived, a roster that knew better than the callbacks, persons joined; else it is a rerun."""
    with store.writing() as conn:
        happens(conn, scene)
        assert terms_of(conn, run()).reason is reason


def test_a_backfill_and_other_settings_come_before_the_news(store: Store, scene: Scene) -> None:
    """Whoever makes up a past day or measures otherwise has that reason, whatever arrived meanwhile."""
    other = COMMUNITY.model_copy(update={"retention": Retention(period="month")})
    with store.writing() as conn:
        _merged(conn, scene)
        assert terms_of(conn, run(backfill=True)).reason is Reason.BACKFILL
        assert terms_of(conn, run(other)).reason is Reason.SETTINGS_CHANGED
        assert terms_of(conn, run(), Reason.LATE_EVENTS).reason is Reason.LATE_EVENTS


def test_terms_carry_the_run_the_zone_and_when_figures_are_final(store: Store, scene: Scene) -> None:
    """What the community's settings and the form say reaches the store."""
    with store.writing() as conn:
        terms = terms_of(conn, run(reopen=True))
        assert not terms_of(conn, run()).reopen
    assert (terms.run_id, str(terms.zone), terms.final_after_days, terms.reopen) == (7, "Asia/Shanghai", 5, True)
