"""A file that is taken back leaves what looks and callbacks say, also what they said while it stood."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from qunflow.runtime import Runtime
from qunflow.runtime.group_reading import Answer, keep_groups
from qunflow.runtime.replay import replayed
from qunflow.store import inbox, members
from qunflow.store.engine import Store
from qunflow.store.vault import Vault
from tasks.acquisition_contacts import callbacks_waiting
from tests.conftest import MASTER_KEY
from tests.integration.import_desk import NOW, Desk

WHO = "wmAlice0001"
START = NOW - timedelta(days=3)
HISTORIES = 400 if os.environ.get("QUNFLOW_SOAK") else 14
Interval = tuple[datetime, datetime | None]
Act = tuple[str, Any]


@contextmanager
def desk_in(folder: Path, template: Path) -> Iterator[Desk]:
    """A desk over an SQLite file where one customer is known already."""
    folder.mkdir()
    shutil.copy(template, folder / "q.sqlite3")
    store = Store.open(f"sqlite:///{folder}/q.sqlite3")
    desk = Desk(store, Vault(store, MASTER_KEY), folder)
    store.write(lambda conn: desk.vault.persons_for(conn, "external_userid", [WHO], START))
    yield desk
    store.close()


def acts_of(dice: random.Random) -> list[Act]:
    """What happens to one customer in three days: callbacks that come or get lost, looks, and a file among them."""
    at, truth = START, list[Interval]()
    for _ in range(dice.randint(1, 3)):
        at += timedelta(seconds=dice.randint(100, 40_000))
        left = at + timedelta(seconds=dice.randint(100, 40_000))
        truth.append((at, left))
        at = left
    if dice.random() < 0.4:
        truth[-1] = (truth[-1][0], None)
    timed: list[tuple[datetime, Act]] = []
    for joined, left in truth:
        for moved, what in ((joined, "add_member"), (left, "del_member")):
            if moved is not None and dice.random() < 0.7:
                timed.append((moved + timedelta(seconds=dice.randint(1, 90_000)), ("told", (moved, what))))
    # A look at what a file brought makes it more than the file's: it is not taken back then.
    for _ in range(dice.choice((0, 0, 1, 3))):
        looked = START + timedelta(seconds=dice.randint(0, 200_000))
        inside = [one for one in truth if one[0] <= looked and (one[1] is None or looked < one[1])]
        timed.append((looked, ("look", inside[0][0] if inside else None)))
    at = truth[0][0] + timedelta(seconds=dice.randint(0, 150_000))
    file = [one for one in truth if one[0] <= at and dice.random() < 0.8] or truth[:1]
    lines = [(joined, left if left and left <= at and dice.random() < 0.7 else None) for joined, left in file]
    timed.append((at, ("file", lines)))
    return [(what, (at, of)) for at, (what, of) in sorted(timed, key=lambda one: one[0])]


def told(desk: Desk, moved: datetime, what: str, at: datetime) -> None:
    chat = f"<Event>change_external_chat</Event><ChatId>{desk.workspace.communities[0].groups[0].chat_id}</ChatId>"
    change = f"<ChangeType>update</ChangeType><UpdateDetail>{what}</UpdateDetail><MemChangeList>{WHO}</MemChangeList>"
    body = f"<xml><CreateTime>{int(moved.timestamp())}</CreateTime>{chat}{change}</xml>".encode()
    desk.store.write(lambda conn: inbox.keep(conn, [inbox.sealed(desk.vault, "wecom", f"{moved}{what}", body)], at))
    kept(desk, None, at)


def kept(desk: Desk, roster: dict[str, Any] | None, at: datetime) -> None:
    parts = SimpleNamespace(store=desk.store, vault=desk.vault, history=desk.history, workspace=desk.workspace)
    here, community = cast(Runtime, parts), desk.workspace.communities[0]
    waiting = callbacks_waiting(here)[0]
    with desk.store.writing() as conn:
        chat = community.groups[0].chat_id
        row = next(one for one in members.groups_of(conn, community.key) if one.chat_id == chat)
        keep_groups(conn, here, community, {row: Answer(roster, at)}, waiting, at)


def looked(desk: Desk, since: datetime | None, at: datetime) -> None:
    listed = [{"userid": WHO, "type": 2, "join_time": int(since.timestamp()), "join_scene": 3}] if since else []
    kept(desk, {"member_list": listed, "member_version": at.isoformat()}, at)


def to_the_minute(at: datetime | None) -> str:
    return f"{at + timedelta(hours=8):%Y-%m-%d %H:%M}" if at else ""


def brought(desk: Desk, lines: Sequence[Interval], at: datetime) -> str:
    about = {"外部联系人ID": WHO, "群名称": desk.workspace.communities[0].groups[0].name}
    rows = [{**about, "入群时间": to_the_minute(joined), "退群时间": to_the_minute(left)} for joined, left in lines]
    return str(desk.bring("members", rows, now=at).kept.import_id)


def lived(desk: Desk, acts: Sequence[Act], *, with_file: bool) -> str:
    """Let it all happen; returns the number of the import, if there was one."""
    number = ""
    for what, (at, of) in acts:
        if what == "told":
            told(desk, *of, at)
        elif what == "look":
            looked(desk, of, at)
        elif with_file:
            number = brought(desk, of, at)
    return number


def stays(desk: Desk) -> list[tuple[datetime, datetime | None, str | None]]:
    with desk.store.reading() as conn:
        key = desk.workspace.communities[0].key
        assert replayed(conn, desk.vault, key).differing == ()
        return [(one.joined_at, one.left_at, one.left_known_by) for one in members.memberships_of(conn, key)]


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_taken_back_a_file_was_as_good_as_never_there(seed: int, tmp_path: Path, sqlite_template: Path) -> None:
    """Whatever was told and seen while it stood: the memberships are those of a history without the file."""
    acts = acts_of(random.Random(seed))
    with desk_in(tmp_path / "with", sqlite_template) as desk, desk_in(tmp_path / "without", sqlite_template) as plain:
        number = lived(desk, acts, with_file=True)
        lived(plain, acts, with_file=False)
        if not desk.undo(number).reasons:
            assert stays(desk) == stays(plain)
            last = [of for what, (_, of) in acts if what == "look"]
            for one in (desk, plain):
                looked(one, last[-1] if last else None, NOW + timedelta(hours=1))
            assert stays(desk) == stays(plain)
