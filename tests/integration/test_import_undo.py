"""Taking an import back: exactly what it brought, or nothing and why."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, update

from qunflow.errors import BadInput
from qunflow.store import coupons, members, people
from qunflow.store.engine import Store
from qunflow.store.importing import record
from qunflow.store.importing.kinds import ImportKind
from qunflow.store.tables import contents, memberships, targets
from qunflow.store.vault import Vault
from tests.conftest import MASTER_KEY
from tests.integration.import_desk import COUPONS, GROUPS, MEMBERS, NOW, ORDERS, SAMPLES, Desk

IDS = ["wmP00000001", "wmP00000002", "wmP00000003", ""]
PHONES = ["13800138000", "13900139000", "+86 138 0013 8000", "12", ""]
GROUP_NAMES = ["小满老友会", "小满邻里·春熙路1群", "别人的群", ""]
TIMES = ["2026-02-01 10:00", "2026-02-03 10:00", "2026-02-05 10:00", "", "前天"]
EXAMPLES = 400 if os.environ.get("QUNFLOW_SOAK") else 5


@pytest.fixture
def each_desk(store: Store, vault: Vault, tmp_path: Path) -> Desk:
    """A desk on each engine."""
    return Desk(store, vault, tmp_path)


@pytest.fixture
def desk(sqlite_template: Path) -> Iterator[Desk]:
    """A desk over an SQLite file."""
    with fresh_desk(sqlite_template) as found:
        yield found


@contextmanager
def fresh_desk(template: Path) -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(template, Path(folder) / "q.sqlite3")
        store = Store.open(f"sqlite:///{folder}/q.sqlite3")
        yield Desk(store, Vault(store, MASTER_KEY), Path(folder))
        store.close()


member_rows = st.fixed_dictionaries(
    {
        "外部联系人ID": st.sampled_from(IDS),
        "手机号": st.sampled_from(PHONES),
        "客户昵称": st.sampled_from(["甲", "乙", ""]),
        "群名称": st.sampled_from(GROUP_NAMES),
        "入群时间": st.sampled_from(TIMES),
        "退群时间": st.sampled_from(TIMES),
        "添加人账号": st.sampled_from(["helper_xm", ""]),
        "添加时间": st.sampled_from(TIMES),
    }
)
order_rows = st.fixed_dictionaries(
    {
        "订单号": st.sampled_from(["E1", "E2", "E3", ""]),
        "实付金额": st.sampled_from(["10", "29.9", "?"]),
        "付款时间": st.sampled_from(TIMES),
        "手机号": st.sampled_from(PHONES),
        "退款金额": st.sampled_from(["", "5", "29.9"]),
    }
)
coupon_rows = st.fixed_dictionaries(
    {
        "券码": st.sampled_from(["C1", "C2", "C3", ""]),
        "面额": st.just("3"),
        "券key": st.sampled_from(["welcome3", "orange3", "nobody"]),
        "有效期至": st.sampled_from(["2026-12-31", "2026-01-01", ""]),
        "手机号": st.sampled_from(PHONES),
        "核销时间": st.sampled_from(["", "2026-02-01"]),
    }
)
group_rows = st.fixed_dictionaries(
    {
        "群名称": st.sampled_from(["新群一", "新群: 二", "小满老友会", ""]),
        "群ID": st.sampled_from(["wrNew01", "wrNew02", ""]),
        "群主": st.sampled_from(["owner_a", "王店长"]),
        "建群时间": st.sampled_from(["2026-02-01", ""]),
    }
)
files: Any = st.lists(
    st.one_of(
        *(
            st.tuples(st.just(kind), st.lists(rows, min_size=1, max_size=5))
            for kind, rows in (
                ("members", member_rows),
                ("orders", order_rows),
                ("coupons", coupon_rows),
                ("groups", group_rows),
            )
        )
    ),
    min_size=1,
    max_size=4,
)
_salt = count()


@pytest.mark.soak
@settings(max_examples=EXAMPLES, deadline=None, derandomize=not os.environ.get("QUNFLOW_SOAK"))
@given(brought=files)
def test_imports_taken_back_leave_every_row_as_it_was(sqlite_template: Path, brought: list[Any]) -> None:
    """Any files of any kinds, one on another, taken back from the last: each step restores what was before it."""
    with fresh_desk(sqlite_template) as desk:
        states: list[tuple[str, dict[str, list[str]]]] = []
        for kind, rows in brought:
            before = desk.everything()
            path = desk.write([{**row, "空": str(next(_salt))} for row in rows])
            try:
                done = desk.bring(kind, path)
            except BadInput:
                assert desk.everything() == before
                continue
            states.append((str(done.kept.import_id), before))
        for number, before in reversed(states):
            assert desk.undo(number).reasons == ()
            assert desk.everything() == before


@pytest.mark.parametrize("kind", SAMPLES)
def test_what_was_taken_back_can_be_brought_again(each_desk: Desk, kind: ImportKind) -> None:
    """The same file, imported, taken back and imported again, is as if it had come once."""
    desk = each_desk
    path = desk.write(SAMPLES[kind])
    before = desk.everything()
    first = desk.bring(kind, path)

    assert desk.undo(first).reasons == ()
    assert desk.everything() == before
    again = desk.bring(kind, path)

    assert not again.kept.already
    assert (again.preview, again.kept.events) == (first.preview, first.kept.events)
    with desk.store.reading() as conn:
        rows = record.imports_of(conn)
    assert [row.undone_at is None for row in rows] == [True, False]


def test_a_log_is_taken_back_with_its_persons_and_stays(desk: Desk) -> None:
    """Events, strangers and memberships of a log go together; stays that were there before are again as they were."""
    desk.bring("members", MEMBERS)
    before = desk.everything()
    group = "小满老友会"
    log = [
        {"成员ID": "wmAlice0001", "事件": "退群", "时间": "2026-03-05 10:00", "群名称": group},
        {"成员ID": "wmNobody001", "事件": "入群", "时间": "2026-03-04 10:00", "群名称": group},
        {"成员ID": "", "事件": "发言", "时间": "2026-03-04 10:00", "群名称": group},
    ]

    report = desk.bring_events(log)

    assert (report.kept.events, report.memberships, report.kept.rows_quarantined) == (2, 2, 1)
    assert desk.everything() != before
    assert desk.undo(str(report.kept.import_id)).reasons == ()
    assert desk.everything() == before
    assert desk.bring_events(log).kept.events == 2


def test_events_are_seen_no_more_and_their_files_go_later(desk: Desk) -> None:
    """History stays append-only: the manifest says since when a file is withdrawn, and sweeping deletes it."""
    done = desk.bring("members", MEMBERS)
    assert len(desk.events()) == 2

    desk.undo(done)

    assert desk.events() == []
    assert {row["withdrawn_at"] for row in desk.rows("history_batches")} == {NOW}
    swept = desk.store.write(lambda conn: desk.history.sweep(conn, NOW + timedelta(days=3650)))
    assert swept == len(desk.rows("history_batches"))


def test_putting_files_together_leaves_imports_apart(desk: Desk) -> None:
    """Compaction must not mix what can be taken back with what cannot."""
    first = desk.bring("members", MEMBERS[:1])
    desk.bring("orders", ORDERS)

    assert desk.store.write(lambda conn: desk.history.compact(conn, date(2026, 3, 1), NOW)) == 0
    assert desk.history.query("SELECT count(*) AS n FROM events WHERE local_day = '2026-03-01'")["n"].iloc[0] == 2
    assert [reason.name for reason in desk.undo(first).reasons] == ["in_use", "in_history"]


def given_out(desk: Desk) -> None:
    desk.store.write(lambda conn: coupons.redeem(conn, "OIL0001", NOW))


def bought_with(desk: Desk) -> None:
    body = {"order_no": "P1", "status": "paid", "amount_fen": 100, "paid_at": NOW.isoformat(), "coupon": "OIL0001"}
    desk.push(body)


def pushed(desk: Desk) -> None:
    desk.push(
        {"order_no": "E20260301000001", "status": "paid", "amount_fen": 2990, "paid_at": "2026-03-02T10:00:00+08:00"}
    )


def alice(desk: Desk) -> int:
    with desk.store.reading() as conn:
        return desk.vault.known_persons(conn, "external_userid", ["wmAlice0001"])["wmAlice0001"]


def left(desk: Desk) -> None:
    gone = update(memberships).where(memberships.c.person_id == alice(desk))
    desk.store.write(lambda conn: conn.execute(gone.values(left_at=NOW, left_known_by="callback")))


def left_alone(desk: Desk) -> None:
    person = alice(desk)
    desk.store.write(lambda conn: people.suppress(conn, [person], "opt_out", NOW, "test"))


def written_to(desk: Desk) -> None:
    content = {"content_version": "v1", "text": "x", "attachments": [], "created_at": NOW}
    row = {
        "community": "neighbours",
        "stage": "acquisition",
        "slot_key": "s",
        "local_day": date(2026, 3, 10),
        "way": "private_task",
        "sender_userid": "helper_xm",
        "target_kind": "person",
        "target_ref": alice(desk),
        "content_version": "v1",
        "due_at": NOW,
        "not_after": NOW,
        "marketing": True,
        "planned_at": NOW,
    }
    desk.store.write(lambda conn: (conn.execute(insert(contents), content), conn.execute(insert(targets), row)))


def another_import(desk: Desk) -> None:
    desk.bring("members", [*MEMBERS, {**MEMBERS[0], "外部联系人ID": "wmOther0001", "手机号": ""}])


BUILT_ON: list[tuple[ImportKind, Any, str]] = [
    ("coupons", given_out, "changed"),
    ("coupons", bought_with, "code_in_order"),
    ("orders", pushed, "pushed"),
    ("members", left, "changed"),
    ("members", left_alone, "in_use"),
    ("members", written_to, "written_to"),
    ("members", another_import, "later_import"),
]


@pytest.mark.parametrize(("kind", "built", "reason"), BUILT_ON)
def test_what_something_was_built_on_stays_and_says_why(desk: Desk, kind: ImportKind, built: Any, reason: str) -> None:
    """Nothing is taken back by halves: every row stays, and the reason is counted."""
    done = desk.bring(kind, SAMPLES[kind])
    built(desk)
    before = desk.everything()

    refused = desk.undo(done)

    assert reason in {one.name for one in refused.reasons}
    assert all(one.count > 0 for one in refused.reasons)
    assert desk.everything() == before


def test_groups_somebody_is_in_stay(desk: Desk) -> None:
    """Settings are not pulled away under members; without them the lines go, whatever else was edited meanwhile."""
    done = desk.bring("groups", GROUPS)
    desk.store.write(lambda conn: members.sync_groups(conn, desk.workspace))
    desk.bring("members", [{**MEMBERS[0], "群名称": "小满8群"}])
    assert [one.which for one in desk.undo(done).reasons] == ["memberships"]

    desk.undo("2")
    edited = "# 店长改过\n" + desk.settings.read_text()
    desk.settings.write_text(edited)
    assert desk.undo(done).reasons == ()
    assert desk.settings.read_text() == edited.replace(done.preview.lines, "")


def test_added_lines_that_were_edited_are_left_to_a_person(desk: Desk) -> None:
    """What a person wrote is not deleted."""
    done = desk.bring("groups", GROUPS)
    desk.settings.write_text(desk.settings.read_text().replace("小满8群", "小满八群"))

    assert [one.name for one in desk.undo(done).reasons] == ["lines_changed"]


def test_an_erased_person_does_not_keep_an_import_from_going(desk: Desk) -> None:
    """Who asked to be forgotten stays forgotten, by number only; everything else goes."""
    done = desk.bring("members", MEMBERS)
    person = alice(desk)
    desk.store.write(lambda conn: desk.vault.erase(conn, person, NOW))

    assert desk.undo(done).reasons == ()
    assert [row["person_id"] for row in desk.rows("persons")] == [person]
    assert desk.rows("memberships") == desk.rows("identities") == []


def test_an_order_that_was_known_is_again_as_it_was(desk: Desk) -> None:
    """A refund a file told of is taken back; the order of the push stays."""
    body = {"order_no": "E20260301000002", "status": "paid", "amount_fen": 105900}
    desk.push({**body, "paid_at": "2026-03-02T10:00:00+08:00"})
    before = desk.everything()

    done = desk.bring("orders", ORDERS)

    assert done.preview.details["orders_changed"] == 1
    assert [row["refunded_fen"] for row in desk.rows("orders")] == [5900, 0]
    assert desk.undo(done).reasons == ()
    assert desk.everything() == before


def test_a_name_that_is_not_there_is_told(desk: Desk) -> None:
    """An unknown, a repeated and an undone import each get their sentence."""
    path = desk.write(MEMBERS)
    done = desk.bring("members", path)
    with pytest.raises(BadInput, match="no import 'nobody'"):
        desk.undo("nobody")
    assert desk.undo(path.name).row.import_id == done.kept.import_id
    with pytest.raises(BadInput, match="taken back before"):
        desk.undo(done)


@pytest.mark.parametrize(
    "step", ["history.History.append", "quarantine.keep", "importing.notes.stamped", "importing.notes.packed"]
)
def test_an_import_that_fails_half_way_leaves_nothing(desk: Desk, step: str) -> None:
    """Rows, events and the note of an import are there together or not at all."""
    before = desk.everything()
    name = "qunflow.store.history.History.append" if step == "history.append" else f"qunflow.store.{step}"

    with patch(name, side_effect=OSError("stop")), pytest.raises(OSError, match="stop"):
        desk.bring("members", MEMBERS)

    assert desk.everything() == before
    assert desk.rows("imports") == []


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from unittest.mock import patch
    from qunflow.store.engine import Store
    from qunflow.store.vault import Vault
    from tests.conftest import MASTER_KEY
    from tests.integration.import_desk import Desk, SAMPLES

    folder, kind, step = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    store = Store.open(f"sqlite:///{folder}/q.sqlite3")
    desk = Desk(store, Vault(store, MASTER_KEY), folder)
    with patch(step, side_effect=lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)):
        desk.bring(kind, SAMPLES[kind])
"""


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("members", "quarantine.keep"),
        ("groups", "importing.groups.write_durably"),
    ],
)
def test_a_killed_import_leaves_nothing_half(
    tmp_path: Path, sqlite_template: Path, kind: ImportKind, step: str
) -> None:
    """SIGKILL between the rows and the commit: neither rows nor events nor settings, and the file can come again."""
    shutil.copy(sqlite_template, tmp_path / "q.sqlite3")
    command = [sys.executable, "-W", "ignore", "-c", dedent(KILLED), str(tmp_path), kind, f"qunflow.store.{step}"]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    shutil.rmtree(tmp_path / "brand")
    store = Store.open(f"sqlite:///{tmp_path}/q.sqlite3")
    desk = Desk(store, Vault(store, MASTER_KEY), tmp_path)

    assert desk.rows("imports") == desk.rows("memberships") == desk.events() == []
    assert not desk.bring(kind, SAMPLES[kind]).kept.already
    store.close()


def test_the_quarantine_of_an_import_goes_with_it(desk: Desk) -> None:
    """Refused rows come with a file and go with it."""
    done = desk.bring("coupons", [*COUPONS, {**COUPONS[0], "券码": ""}])
    assert len(desk.rows("quarantine")) == 1

    desk.undo(done)

    assert desk.rows("quarantine") == []
