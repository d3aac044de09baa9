"""An owner's closed group goes on being counted by the platform, and does not hold the grade of the others down."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from qunflow.runtime import Runtime
from qunflow.runtime.completeness import graded_day
from qunflow.runtime.group_reading import Answer, keep_groups
from qunflow.settings.workspace import Community
from qunflow.store import members
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.vault import Vault

DAY = date(2026, 3, 2)
AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ABOUT = {"kind": "benefit_group", "owner": "li", "admin": "li", "opened_on": date(2026, 1, 1)}


def settings(key: str, *groups: dict[str, Any]) -> Community:
    listed = [{"name": one["key"], **ABOUT, **one} for one in groups]
    about = {"key": key, "name": "小满邻里", "type": "购物", "helper": "helper_xm", "groups": listed}
    return Community.model_validate(about)


@pytest.mark.parametrize("is_elsewhere", [False, True])
@pytest.mark.parametrize(("there", "members_there", "expected"), [(2, 5, "A"), (1, 3, "A"), (2, 9, "D"), (3, 9, "C")])
def test_a_closed_group_is_compared_where_the_platform_counts_it(
    store: Store, vault: Vault, history: History, there: int, members_there: int, expected: str, *, is_elsewhere: bool
) -> None:
    """Two people and a colleague in the open group, one and a colleague in the closed one, of this community or not."""
    old = {"key": "old", "chat_id": "wr2", "closed_on": date(2026, 2, 1)}
    mine = [{"key": "g1", "chat_id": "wr1"}, *([] if is_elsewhere else [old])]
    communities = [settings("n", *mine), *([settings("m", old)] if is_elsewhere else [])]
    official = {"chat_total": there, "member_total": members_there, "new_member_cnt": 0}
    statistics = SimpleNamespace(groups_by_owner=lambda *_: {"li": official})
    here = cast(
        Runtime,
        SimpleNamespace(
            store=store,
            vault=vault,
            history=history,
            workspace=SimpleNamespace(communities=communities, team=()),
            wecom=SimpleNamespace(statistics=statistics),
        ),
    )
    store.write(lambda conn: members.sync_groups(conn, here.workspace))
    people = {"g1": (["wm1", "wm2"], AT), "old": (["wm3"], AT - timedelta(days=40))}
    for community in communities:
        with store.writing() as conn:
            for row in members.groups_of(conn, community.key):
                listed, at = people[row.group_key]
                keep_groups(conn, here, community, {row: Answer(roster(listed), at)}, [], at)

    found = graded_day(here, communities[0], DAY, AT + timedelta(days=1))

    assert ([(one.group, one.letter) for one in found.groups], found.letter) == ([("g1", expected)], expected)


def roster(listed: list[str]) -> dict[str, Any]:
    joined = int((AT - timedelta(days=50)).timestamp())
    customers = [{"userid": who, "type": 2, "join_time": joined, "join_scene": 3} for who in listed]
    return {"member_list": [*customers, {"userid": "li", "type": 1}], "member_version": "v"}
