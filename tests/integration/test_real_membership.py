"""
Logs that nobody here wrote give the memberships a plain script gives, and their dirt is counted once.

The script shares nothing with what it judges: a set of who is in, and a walk over the rows. The third log
there knows no joins and leaves, hence no membership.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from sqlalchemy import insert

from qunflow.retention.dirt import dirt
from qunflow.retention.events import Scope
from qunflow.runtime.replay import replayed
from qunflow.settings.workspace import Community
from qunflow.store import members
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.importing.events import EventFile, import_events
from qunflow.store.importing.mapping import parse_kinds, parse_map
from qunflow.store.tables import groups
from qunflow.store.vault import Vault

DATA = Path(os.environ.get("QUNFLOW_DATA_DIR") or Path(__file__).resolve().parents[3] / "shared" / "data")
NOW = datetime(2026, 7, 1, tzinfo=UTC)
COMMUNITY = Community(key="neighbours", name="小满邻里", type="购物", helper="helper_xm")  # type: ignore[call-arg]
LOGS = [
    pytest.param("irc_raku_beginner", "raku-beginner"),
    pytest.param("irc_perl6_dev", "perl6-dev", marks=pytest.mark.soak_only),
]


@dataclass
class Walk:
    """Who was in when, by walking over the rows of one group once."""

    stays: list[tuple[str, datetime, datetime | None]] = field(default_factory=list)
    joins_while_in: int = 0
    leaves_without_join: int = 0
    plain_sum: int = 0


def walked(path: Path) -> Walk:
    """The membership of a log by hand; rows of one minute stay in the order of the file."""
    frame = pd.read_parquet(path)[["ts", "user", "kind"]]
    since: dict[str, datetime] = {}
    walk = Walk()
    _count_dirt(frame, walk)
    for at, user, kind in sorted(frame.itertuples(index=False, name=None), key=lambda row: row[0]):
        who, moment = str(user), at.to_pydatetime().replace(tzinfo=UTC)
        if kind == "join":
            walk.plain_sum += 1
            since.setdefault(who, moment)
        elif kind == "leave":
            walk.plain_sum -= 1
            if who in since:
                walk.stays.append((who, since.pop(who), moment))
    walk.stays += [(who, moment, None) for who, moment in since.items()]
    # Who came, went and came within one minute was in since that minute: a stay of no time at all is no interval.
    walk.stays = [
        (who, came, went) for (who, came), went in {(who, came): went for who, came, went in walk.stays}.items()
    ]
    return walk


def _count_dirt(frame: pd.DataFrame, walk: Walk) -> None:
    """Minute by minute: as many joins as leaves are a dropped line, and nothing is odd about them."""
    comes: Counter[tuple[Any, Any]] = Counter()
    for at, user, kind in frame.itertuples(index=False, name=None):
        comes[at, user] += {"join": 1, "leave": -1}.get(kind, 0)
    inside: set[Any] = set()
    for at, user in sorted(comes):
        more = comes[at, user]
        walk.joins_while_in += max(0, more - (user not in inside))
        walk.leaves_without_join += max(0, -more - (user in inside))
        if more:
            (inside.add if more > 0 else inside.discard)(user)


@pytest.fixture
def store(tmp_path: Path, sqlite_template: Path) -> Iterator[Store]:
    """One SQLite store: what differs between engines is proven elsewhere, and this is long."""
    shutil.copy(sqlite_template, tmp_path / "state.sqlite3")
    opened = Store.open(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    yield opened
    opened.close()


@pytest.mark.parametrize(("name", "channel"), LOGS)
def test_a_real_log_gives_the_membership_a_script_gives(
    store: Store, vault: Vault, history: History, name: str, channel: str
) -> None:
    """Every stay of every person, who is in at the end, and the dirt; a plain sum of +1 and −1 is wrong."""
    path = DATA / f"{name}.parquet"
    if not path.is_file():
        pytest.skip(f"no real log at {path}; set QUNFLOW_DATA_DIR to the folder that has it")
    row = {"community": COMMUNITY.key, "group_key": "g1", "chat_id": "wr1", "name": channel, "kind": "benefit_group"}
    store.write(lambda conn: conn.execute(insert(groups), row))
    columns = parse_map("actor=user,event=kind,at=ts,group=channel")
    file = EventFile(path, columns, kinds=parse_kinds(""), zone=ZoneInfo("UTC"))

    import_events(store, vault, history, file, COMMUNITY, NOW)

    by_hand = walked(path)
    with store.reading() as conn:
        stays = members.memberships_of(conn, COMMUNITY.key)
        inside = sum(members.member_counts(conn, COMMUNITY.key).values())
        who = vault.values_of(conn, "imported:neighbours", {one.person_id for one in stays})
        assert replayed(conn, vault, COMMUNITY.key).differing == ()
    found = [(who[one.person_id], one.joined_at, one.left_at) for one in stays]
    assert sorted(found, key=str) == sorted(by_hand.stays, key=str)
    assert inside == sum(left is None for *_, left in by_hand.stays) != by_hand.plain_sum
    scope = Scope(community=COMMUNITY.key, group_ids=(1,), alone=True, day=NOW.date(), now=NOW)
    counted = dirt(history.table(), scope).to_pandas().iloc[0]
    assert counted["joins_while_in"] == by_hand.joins_while_in > 0
    assert counted["leaves_without_join"] == by_hand.leaves_without_join > 0
