"""What is done about retention, on a store with a history: alarms, to-dos, proposals, and the loop that tells back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from sqlalchemy import insert, select, update

from data_checks.retention_care import CARE, WIN_BACK
from data_checks.schema import column_results
from qunflow import runtime
from qunflow.clock import FixedClock
from qunflow.delivery.approval import approve_as
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.notices import title_of
from qunflow.delivery.outbox import check, plan
from qunflow.retention.care.judging import GroupCare, Seen
from qunflow.retention.care.reactions import Unanswered
from qunflow.retention.dirt import Dirt
from qunflow.retention.params import RetentionParams
from qunflow.retention.plan import CohortMeasure, DayMeasure, GroupMeasure, Measurement, Plan, Reading
from qunflow.runtime import Runtime, open_runtime
from qunflow.runtime.stage import StageRun
from qunflow.settings.scaffold import write_workspace
from qunflow.store import figures, members, people, todo_answers, todos
from qunflow.store.people import Contact
from qunflow.store.tables import memberships, outside_sends, persons, targets
from tasks import retention as measuring
from tasks import retention_care as caring
from tasks.retention_care_page import engineers_page
from tests.seating import seat_all

DAY = date(2026, 3, 31)
NOW = datetime(2026, 3, 31, 2, tzinfo=UTC)  # 10:00 there


@dataclass(frozen=True)
class Found:
    """One run of the steps."""

    board: tuple[GroupMeasure, ...]
    seen: Seen
    cared: tuple[GroupCare, ...]
    ignored: tuple[Unanswered, ...]
    figures: int
    todos: int
    proposals: int

    def group(self, nth: int) -> GroupCare:
        return self.cared[nth]


@pytest.fixture
def here(tmp_path: Path, sqlite_template: Path) -> Iterator[Runtime]:
    """Three old groups with three months of history, the first losing people every day of its last week."""
    variables = {
        "QUNFLOW_WECOM_BASE_URL": "http://127.0.0.1:9",
        "QUNFLOW_WECOM_CORP_ID": "wwtest",
        "QUNFLOW_WECOM_SECRET": "test-secret",
        "QUNFLOW_WECOM_AGENT_ID": "1000002",
    }
    folder = write_workspace(tmp_path / "brand", None, date(2026, 3, 1), variables=variables)
    shutil.copy(sqlite_template, folder / "state" / "qunflow.sqlite3")
    opened = replace(open_runtime(folder), clock=FixedClock(NOW))
    opened.store.write(lambda conn: members.sync_groups(conn, opened.workspace))
    with runtime.using(opened):
        bring(opened)
        yield opened
    opened.close()


def lived() -> Iterator[tuple[str, int, int, datetime]]:
    """
    Kind, person, group and instant of sixty people in each of two groups since January, ten in a third.

    Of the first, two leave on each of the last seven days after one in February; half of it talks until the end, the
    rest until February. The second talks; of the third nobody has ever said anything.
    """
    for group, first, count in ((0, 100, 60), (1, 200, 60), (2, 300, 10)):
        for nth in range(count):
            yield "join", first + nth, group, datetime(2026, 1, 1 + nth % 5, 2, tzinfo=UTC)
    for back in range(80):
        noon = datetime(2026, 3, 30, 4, tzinfo=UTC) - timedelta(days=back)
        for nth in range(30 if back < 45 else 60):
            if (nth + back) % 3 == 0:
                yield "message", 100 + nth, 0, noon + timedelta(minutes=nth)
        for nth in range(0, 60, 4):
            yield "message", 200 + (nth + back) % 60, 1, noon + timedelta(minutes=nth)
    yield "leave", 159, 0, datetime(2026, 2, 20, 7, tzinfo=UTC)
    for back in range(7):
        for extra in (0, 1):
            yield (
                "leave",
                100 + 2 * back + extra,
                0,
                datetime(2026, 3, 30, 7 + extra, tzinfo=UTC) - timedelta(days=back),
            )


def bring(here: Runtime) -> None:
    """Memberships, and the history of them, as acquisition would have kept them."""
    with here.store.writing() as conn:
        groups = [one.group_id for one in members.groups_of(conn, "neighbours")]
        rows = [(kind, who, groups[group], at) for kind, who, group, at in lived()]
        conn.execute(
            insert(persons), [{"person_id": who, "created_at": NOW} for who in sorted({one[1] for one in rows})]
        )
        left = {(who, group): at for kind, who, group, at in rows if kind == "leave"}
        seats = [(group, who, at, left.get((who, group))) for kind, who, group, at in rows if kind == "join"]
        seat_all(conn, seats)
        frame = pd.DataFrame(
            {
                "event_key": f"{kind}:{who}:{group}:{at.isoformat()}",
                "happened_at": at,
                "recorded_at": NOW,
                "local_day": (at + timedelta(hours=8)).date(),
                "kind": kind,
                "person_id": who,
                "group_id": group,
            }
            for kind, who, group, at in rows
        )
        here.history.append(conn, "test", "test:all", frame)


def live(here: Runtime, *, dry_run: bool = False, after: Found | None = None) -> Found:
    """The steps as the flow runs them; ``after`` an earlier run, on the groups it measured."""
    run = StageRun("retention", here, here.workspace.communities[0], DAY, NOW, dry_run, False)
    plan_ = measuring.plan_measurement.fn(run, RetentionParams())
    board = after.board if after else measuring.measure_groups.fn(plan_)
    seen = caring.look_closer.fn(run, plan_)
    cared = caring.weigh.fn(run, judged(plan_, board, seen), seen)
    ignored = caring.ignored_activities.fn(run, seen)
    asked = caring.ask_people.fn(run, cared, ignored)
    kept = caring.keep_care.fn(run, cared, seen)
    planned = caring.choose_win_back.fn(run, cared, seen)
    for frame, suite in ((caring.care_frame(cared), CARE), (caring.proposals_frame(planned), WIN_BACK)):
        assert all(result.passed for result in column_results(frame, suite.columns))
    return Found(board, seen, cared, ignored, kept, asked, caring.propose_win_back.fn(run, planned))


def judged(plan_: Plan, board: tuple[GroupMeasure, ...], seen: Seen) -> tuple[GroupMeasure, ...]:
    day = DayMeasure(plan_, Dirt(**{one.name: 0 for one in fields(Dirt)}), CohortMeasure((), (), (), (), ()), board)
    return caring.judge_alarms(Measurement(day, (), Reading(0, 0, 0.0)), seen).day.board


def post(here: Runtime, slot: str, at: datetime, *, group: int = 0, replies: int | None = None) -> None:
    """A card that was posted in a group."""
    community = here.workspace.communities[0]
    with here.store.writing() as conn:
        numbers = members.sync_groups(conn, here.workspace)
        one = community.groups[group]
        day = (at + timedelta(hours=8)).date()
        planned = Planned(
            community=community.key,
            stage="daily_content",
            campaign="",
            slot_key=slot,
            day=day,
            way="hand_send",
            sender_userid=one.admin,
            target_kind="chat",
            target_ref=numbers[community.key, one.key],
            content=Content(f"{slot} {at}"),
            due_at=at,
            not_after=at + timedelta(hours=1),
            marketing=True,
        )
        [number] = plan(conn, [planned], at).ids
        check(conn, [number])
        sent = {"state": "sent", "outcome": "delivered", "sent_at": at, "outcome_at": at, "reply_count": replies}
        conn.execute(update(targets).where(targets.c.target_id == number).values(**sent))


def befriend(here: Runtime) -> None:
    """Everybody is a contact of the helper."""
    community = here.workspace.communities[0]
    with here.store.writing() as conn:
        known = sorted(set(conn.execute(select(memberships.c.person_id)).scalars()))
        added = datetime(2026, 1, 1, tzinfo=UTC)
        people.add_contacts(conn, [Contact(one, community.helper, community.key, "", added) for one in known])


def kept(here: Runtime, name: str) -> dict[str, object]:
    with here.store.reading() as conn:
        found = figures.current(conn, "neighbours", caring.STAGE, DAY, name=name)
    return {one.dimensions.get("group", ""): one.value for one in found}


def open_notes(here: Runtime) -> list[str]:
    with here.store.reading() as conn:
        return [str(one.details["note"]) for one in todos.listed(conn) if one.state == "open"]


def test_only_the_group_that_loses_people_rings(here: Runtime) -> None:
    """Seven days with two leavers each ring by both rules; the calm groups do not ring at all."""
    found = live(here)

    assert [len(one.line.ringing) for one in found.cared] == [2, 0, 0]
    counts = found.group(0).line.counts
    assert (counts.leavers_of_before, counts.members_before) == (14, 59)
    assert (counts.leave_streak_days, counts.leavers_in_streak) == (7, 14)


def test_the_push_before_the_leaves_is_told(here: Runtime) -> None:
    """The windows of the ringing group, with what its own weeks before let expect, in a sentence for its admin."""
    for back in (2, 4, 6):
        post(here, "benefit-daily/flash-sale", datetime(2026, 3, 30, 6, tzinfo=UTC) - timedelta(days=back))
    post(here, "benefit-daily/flash-sale", datetime(2026, 3, 28, 6, tzinfo=UTC), group=1)

    found = live(here)

    windows = found.group(0).windows
    assert [one.leaves for one in windows] == [2, 2, 2]
    assert windows[0].expected is not None
    assert windows[0].expected.leaves == 0
    assert (found.group(1).windows, found.group(0).looked_at) == ((), 3)
    page = engineers_page(
        found.cared, {"benefit-daily/flash-sale": "秒杀开抢"}, ZoneInfo("Asia/Shanghai"), here.language
    )
    assert "| 03-24 14:00 | 秒杀开抢 | 2 | 0.00 (0.00–" in page
    assert "一共看了 3 条推送" in page
    assert any("03-24 14:00 的推送后 24 小时走了 2 人，平常约 0 人" in note for note in open_notes(here))


def test_what_was_sent_beside_is_a_push_too(here: Runtime) -> None:
    """Adverts from the owner's phone count as pushes and as adverts."""
    at = datetime(2026, 3, 28, 6, tzinfo=UTC)
    with here.store.writing() as conn:
        group_id = members.groups_of(conn, "neighbours")[0].group_id
        row = {"platform_id": "m1", "target_kind": "chat", "target_ref": group_id, "sender_userid": "x", "sent_at": at}
        conn.execute(insert(outside_sends), row)

    [window] = live(here).group(0).windows

    assert (window.push.slot_key, window.push.posted_at, window.leaves) == ("", at, 2)


def test_stages_layers_and_silence_become_figures(here: Runtime) -> None:
    """Two groups talk; the one without a word is dead, and as none of its kind has room it is to be closed."""
    found = live(here)

    assert kept(here, "life_stage") == {"g1": "talking", "g2": "talking", "g3": "dead"}
    assert kept(here, "advice") == {"g1": "keep", "g2": "keep", "g3": "close"}
    assert kept(here, "silent_members") == {"g1": 29, "g2": 0, "g3": 10}
    assert sum(found.group(1).layers.values()) == 60
    assert found.figures > 0


def test_the_same_day_twice_does_nothing_new(here: Runtime) -> None:
    """No figure, to-do or proposal is made a second time."""
    befriend(here)
    post(here, "benefit-daily/flash-sale", datetime(2026, 3, 28, 6, tzinfo=UTC))

    first = live(here)
    again = live(here, after=first)

    assert (first.todos, first.proposals) == (2, 5)
    assert (again.figures, again.todos, again.proposals) == (0, 0, 0)


def test_a_rehearsal_asks_and_writes_to_nobody(here: Runtime) -> None:
    """It tells how many would be proposed, and leaves to-dos and outbox as they are."""
    befriend(here)

    found = live(here, dry_run=True)

    assert (found.todos, found.proposals) == (0, 5)
    with here.store.reading() as conn:
        assert todos.listed(conn) == []
        assert conn.execute(select(targets)).all() == []


def test_a_proposal_waits_for_a_person(here: Runtime) -> None:
    """Private, marketing, in the helper's name; checked and no more, until an approver says so."""
    befriend(here)
    live(here)

    assert title_of(here.ports.titles(), "win-back/2/1") == "召回潜水的群友"
    with here.store.writing() as conn:
        rows = conn.execute(select(targets)).all()
        assert {(one.state, one.way, one.sender_userid, one.marketing, one.stage) for one in rows} == {
            ("checked", "private_task", "helper_xm", True, "retention")
        }
        approved = approve_as(conn, here.workspace, "ops_li", [one.target_id for one in rows], NOW)
    assert approved.approved == 5


def test_who_left_is_asked_why_once(here: Runtime) -> None:
    """Five weeks after the leave, in the words for it, and never again; those of last week are not asked yet."""
    befriend(here)
    first = live(here)

    again = live(here, after=first)

    with here.store.reading() as conn:
        rows = conn.execute(select(targets).where(targets.c.slot_key.startswith("left-feedback/"))).all()
    assert [(one.target_ref, one.state) for one in rows] == [(159, "checked")]
    assert again.proposals == 0


def test_who_wants_peace_is_left_in_it(here: Runtime) -> None:
    """Whoever opted out or has an open case is not proposed; without any contact nobody is."""
    alone = live(here, dry_run=True)
    assert alone.proposals == 0
    befriend(here)
    with here.store.writing() as conn:
        known = set(conn.execute(select(memberships.c.person_id)).scalars())
        people.suppress(conn, known, "opt_out", NOW, "test")

    assert live(here, after=alone).proposals == 0


def test_the_loop_of_an_ignored_activity_closes(here: Runtime) -> None:
    """Asked once a week, answered on the phone, told back with the change and what came of it."""
    slot = "benefit-daily/topic"
    post(here, slot, datetime(2026, 3, 12, 6, tzinfo=UTC), replies=4)
    for back in (1, 3):
        post(here, slot, datetime(2026, 3, 30, 6, tzinfo=UTC) - timedelta(days=back), replies=0)

    first = live(here)
    again = live(here, after=first)

    assert ([one.slot_key for one in first.ignored], again.todos) == ([slot], 0)
    with here.store.writing() as conn:
        [asked] = [one for one in todos.listed(conn) if "reasons" in one.details]
        assert "“话题”上周发了 2 次（1 个群），没有人理" in asked.details["note"]
        at = datetime(2026, 3, 28, tzinfo=UTC)
        assert todo_answers.answer(conn, asked.todo_id, "bad_time", "改到 20:30", by="admin_lin", at=at)
    live(here, after=first)
    with here.store.reading() as conn:
        told = {
            one.name: (one.value, one.numerator, one.denominator)
            for one in figures.current(conn, "neighbours", caring.STAGE, DAY)
            if one.dimensions.get("slot") == slot and "at" not in one.dimensions
        }
    assert told["no_reaction"][0] == "bad_time"
    assert told["no_reaction_change"][0] == "改到 20:30"
    assert told["reactions_since"] == (0, 0, 1)


def test_alarms_are_judged_without_the_history(here: Runtime) -> None:
    """With the files moved away nobody is called silent or dead: what is missing is told, and nothing else is done."""
    whole = live(here, dry_run=True)
    for path in (here.directory / "history").rglob("*.parquet"):
        path.unlink()
    run = StageRun("retention", here, here.workspace.communities[0], DAY, NOW, False, False)

    plan_ = measuring.plan_measurement.fn(run, RetentionParams())
    seen = caring.look_closer.fn(run, plan_)

    board = judged(plan_, whole.board, seen)
    assert [line.alarms for line in board] == [one.line.alarms for one in whole.cared]
    assert "it is missing" in str(caring.act(run, board, seen)["not_cared_for"])
    assert open_notes(here) == []
