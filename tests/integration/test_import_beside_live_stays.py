"""A file that tells of stays to the minute changes nothing about those rosters and callbacks told to the second."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from qunflow.runtime import Runtime
from qunflow.runtime.group_reading import Answer, keep_groups
from qunflow.runtime.replay import replayed
from qunflow.store import inbox, members
from qunflow.store.engine import Store
from qunflow.store.importing.memberships import Move, rebuild
from qunflow.store.vault import Vault
from tasks.acquisition_contacts import callbacks_waiting
from tests.integration.import_desk import NOW, Desk

JOINED = NOW - timedelta(hours=20) + timedelta(seconds=42)
LEFT = NOW - timedelta(hours=5) + timedelta(seconds=17)
WHO = "wmAlice0001"


@pytest.fixture
def desk(store: Store, vault: Vault, tmp_path: Any) -> Desk:
    return Desk(store, vault, tmp_path)


def live(desk: Desk, at: datetime, *, is_in: bool, leaves: bool = False) -> None:
    """A look at the group, and before it, if it is told, the callback of a leave."""
    community = desk.workspace.communities[0]
    told = SimpleNamespace(store=desk.store, vault=desk.vault, history=desk.history, workspace=desk.workspace)
    here = cast(Runtime, told)
    if leaves:
        what = "<ChangeType>update</ChangeType><UpdateDetail>del_member</UpdateDetail>"
        chat = f"<Event>change_external_chat</Event><ChatId>{community.groups[0].chat_id}</ChatId>"
        when = f"<CreateTime>{int(LEFT.timestamp())}</CreateTime>"
        body = f"<xml>{when}{chat}{what}<MemChangeList>{WHO}</MemChangeList></xml>".encode()
        key = hashlib.sha256(body).hexdigest()
        desk.store.write(lambda conn: inbox.keep(conn, [inbox.sealed(desk.vault, "wecom", key, body)], at))
    waiting = callbacks_waiting(here)[0]
    listed = [{"userid": WHO, "type": 2, "join_time": int(JOINED.timestamp()), "join_scene": 3}] if is_in else []
    with desk.store.writing() as conn:
        row = next(one for one in members.groups_of(conn, community.key) if one.chat_id == community.groups[0].chat_id)
        answer = Answer({"member_list": listed, "member_version": at.isoformat()}, at)
        keep_groups(conn, here, community, {row: answer}, waiting, at)


def bring(desk: Desk, joined: datetime, left: datetime | None) -> Any:
    """A file of one line, to the minute."""
    local = [f"{at + timedelta(hours=8):%Y-%m-%d %H:%M}" if at else "" for at in (joined, left)]
    row = {"外部联系人ID": WHO, "群名称": desk.workspace.communities[0].groups[0].name}
    return desk.bring("members", [{**row, "入群时间": local[0], "退群时间": local[1]}])


def stays(desk: Desk) -> list[tuple[datetime, datetime | None]]:
    with desk.store.reading() as conn:
        key = desk.workspace.communities[0].key
        assert replayed(conn, desk.vault, key).differing == ()
        return [(one.joined_at, one.left_at) for one in members.memberships_of(conn, key)]


def test_the_same_stay_in_a_file_is_no_news_before_and_after_it_is_taken_back(desk: Desk) -> None:
    """Seen by a roster and ended by a callback: brought, taken back and brought again it stays as it was."""
    live(desk, NOW - timedelta(hours=9), is_in=True)
    live(desk, NOW - timedelta(hours=1), is_in=False, leaves=True)
    done = bring(desk, JOINED, LEFT)
    assert stays(desk) == [(JOINED, LEFT)]
    desk.undo(done)
    assert stays(desk) == [(JOINED, LEFT)]
    bring(desk, JOINED, LEFT)
    assert stays(desk) == [(JOINED, LEFT)]


def test_a_file_does_not_say_that_somebody_left_whom_a_look_showed_to_be_in(desk: Desk) -> None:
    """Who was seen in was in, whatever a file tells."""
    live(desk, NOW - timedelta(hours=9), is_in=True)
    bring(desk, JOINED, JOINED + timedelta(hours=2))
    assert stays(desk) == [(JOINED, None)]
    live(desk, NOW - timedelta(hours=1), is_in=True)
    assert stays(desk) == [(JOINED, None)]


def test_a_stay_of_a_log_ends_with_the_joining_a_roster_names(desk: Desk) -> None:
    """A log that knows of an earlier join and misses the leave adds a stay before the one that was seen."""
    live(desk, NOW - timedelta(hours=9), is_in=True)
    with desk.store.writing() as conn:
        (seen,) = members.memberships_of(conn, desk.workspace.communities[0].key)
        earlier = Move(seen.group_id, seen.person_id, JOINED - timedelta(hours=3), joins=True)
        rebuild(conn, [earlier, replace(earlier, at=JOINED + timedelta(hours=1), joins=False)], "import", NOW)
    expected = [(earlier.at, JOINED - timedelta(microseconds=1)), (JOINED, None)]
    assert stays(desk) == expected
    live(desk, NOW - timedelta(hours=1), is_in=True)
    assert stays(desk) == expected
