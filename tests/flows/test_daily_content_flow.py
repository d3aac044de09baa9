"""Daily content on a real sandbox: one task a group and day, cards for the rest, each exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

import pytest

from flows.daily_content import daily_content
from qunflow.daily_content.params import DailyContentParams
from qunflow.delivery import outbox
from qunflow.delivery.resident import tick
from qunflow.errors import ConfigurationError
from qunflow.runtime import Runtime
from qunflow.store import figures, runs

pytestmark = pytest.mark.usefixtures("prefect_server")

DAY = date(2026, 3, 2)
LIVE = DailyContentParams(dry_run=False)
KEY = "neighbours"


def board(here: Runtime, day: date = DAY) -> list[dict[str, Any]]:
    with here.store.reading() as conn:
        return outbox.board(conn, KEY, day)


def rate_of(here: Runtime, day: date) -> dict[str, Any]:
    with here.store.reading() as conn:
        found = figures.current(conn, KEY, "daily_content", day, name="delivery_rate")
    return {one.dimensions["owner"]: (one.value, one.denominator) for one in found}


def break_copy(here: Runtime, name: str, text: str) -> None:
    """Override a template in the workspace."""
    path = here.directory / "templates" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a step try again at once."""
    from tasks import daily_content as steps

    def without_waits(name: str) -> None:
        monkeypatch.setattr(steps, name, getattr(steps, name).with_options(retry_delay_seconds=0))

    return without_waits


def test_a_day_is_planned_with_one_task_a_group(house: Any) -> None:
    """Every slot of every group stands approved in the outbox; at most one of a group's is a mass task."""
    done = daily_content(LIVE)

    rows = board(house.runtime)
    tasks = Counter(row["group"] for row in rows if row["way"] == "mass_task")
    assert done["planned"] == done["approved"] == len(rows) > 20
    assert set(tasks.values()) == {1}
    assert {row["state"] for row in rows} <= {"approved", "sent"}
    assert done["checks_passed"] == done["checks_total"]


def test_what_let_the_day_out_is_recorded(house: Any) -> None:
    """The approvals say that this stage runs on standing approval."""
    from sqlalchemy import select

    from qunflow.store.tables import approvals

    daily_content(LIVE)

    with house.runtime.store.reading() as conn:
        assert set(conn.execute(select(approvals.c.approved_by)).scalars()) == {"standing approval: daily_content"}


def test_a_rehearsal_queues_nothing(house: Any) -> None:
    """Without sending, the copy is written and checked, and neither outbox nor platform know of it."""
    done = daily_content(DailyContentParams())

    assert done["rows_in"] > 20
    assert board(house.runtime) == []
    assert house.accepted() == []


def test_the_same_day_twice_sends_nothing_again(house: Any) -> None:
    """A second run finds everything planned, makes no second link and reaches nobody twice."""
    daily_content(LIVE)
    before, sent = board(house.runtime), house.accepted()

    again = daily_content(LIVE)

    assert board(house.runtime) == before
    assert house.accepted() == sent
    assert (again["planned"], again["sent"], again["figures_changed"]) == (0, 0, 0)


def test_an_edit_before_sending_replaces_what_has_not_gone_out(house: Any) -> None:
    """New copy for a slot supersedes the planned one; one message a group and slot stays alive."""
    daily_content(LIVE)
    break_copy(house.runtime, "daily_content/topic.j2", "{{ weekday }}换个话题,送 {{ coupon }} 元券。")

    daily_content(LIVE)

    topics = [row for row in board(house.runtime) if row["slot"] == "benefit-daily/topic"]
    alive = [row for row in topics if row["state"] != "cancelled"]
    assert {row["text"] for row in alive} == {"周一换个话题,送 3 元券。"}
    assert len(topics) == 2 * len(alive)


@pytest.mark.parametrize(
    ("copy", "line"),
    [
        ("好的\n{{ weekday }", "topic.j2:2"),
        ("{{ weekday }}{{ coupn }}{{ coupon }}", "topic.j2:1"),
        ("{% set x = 1 %}", ":1"),
    ],
)
def test_a_broken_slot_is_named_and_the_others_go_out(house: Any, copy: str, line: str) -> None:
    """The run fails in the end with file and line of the one slot; every other slot is queued."""
    whole = daily_content(DailyContentParams())["written"]
    break_copy(house.runtime, "daily_content/topic.j2", copy)

    with pytest.raises(ConfigurationError, match=line):
        daily_content(LIVE)

    rows = board(house.runtime)
    assert "benefit-daily/topic" not in {row["slot"] for row in rows}
    assert len(rows) == whole - 2
    with house.runtime.store.reading() as conn:
        run = runs.of_day(conn, KEY, DAY)[-1]
    assert (run.state, line in run.problem) == ("failed", True)


def test_a_slot_without_its_variables_is_held_back(house: Any) -> None:
    """No offer, no price: the slot is not sent with a hole, and the rest is (缺一个就不发)."""
    path = house.runtime.directory / "qunflow.yaml"
    here = house.runtime
    community = here.workspace.communities[0].model_copy(update={"offers": (), "campaigns": ()})
    bare = here.workspace.model_copy(update={"communities": (community,)})
    from dataclasses import replace

    from qunflow import runtime

    assert path.is_file()
    with runtime.using(replace(here, workspace=bare)):
        done = daily_content(LIVE)

    slots = {row["slot"] for row in board(here)}
    assert done["held"] > 0
    assert "benefit-daily/flash-sale" not in slots
    assert "benefit-daily/daily-sign" in slots


def test_only_the_chosen_groups_and_slots_are_planned(house: Any) -> None:
    """A run for one group and one slot leaves the others for later."""
    daily_content(DailyContentParams(dry_run=False, groups=("g1",), slots=("flash-sale",)))

    assert [(row["slot"], row["way"]) for row in board(house.runtime)] == [("benefit-daily/flash-sale", "mass_task")]


def test_completion_is_counted_when_the_owner_confirmed(house: Any) -> None:
    """In the morning the rate is blank; the day after it says what really reached the groups, by owner."""
    daily_content(LIVE)
    here = house.runtime
    morning = rate_of(here, DAY)
    for hour in (10, 11, 12, 13):
        tick(here.ports, now=house.move_to(DAY, time(hour, 20)))
    house.move_to(DAY + timedelta(days=1))
    daily_content(LIVE)

    rows = [row for row in board(here) if row["way"] in ("mass_task", "hand_send")]
    delivered = sum(row["outcome"] == "delivered" for row in rows)
    evening = rate_of(here, DAY)
    assert {rate for rate, _ in morning.values()} == {None}
    assert sum(count for _, count in evening.values()) == len(rows)
    assert round(sum(rate * count for rate, count in evening.values())) == delivered > 0


def test_a_busy_platform_is_tried_again(house: Any, quick: Callable[[str], None]) -> None:
    """A card the platform turned away for being busy goes out at the second try, and only once."""
    quick("queue_and_send")
    house.tell("faults", [{"path": "message/send", "mode": "errcode", "code": 45009, "times": 1}])

    daily_content(LIVE)

    due = [row for row in board(house.runtime) if row["state"] == "sent"]
    assert house.accepted().count("/cgi-bin/message/send") == len(due) > 0


def test_a_card_whose_fate_is_unknown_is_shown_and_settled_later(house: Any) -> None:
    """A reply that got lost is a warning of this run, not a failure; the next run settles it without a second card."""
    house.tell("faults", [{"path": "message/send", "mode": "reply_lost", "times": 1}])

    first = daily_content(LIVE)
    house.clock.at += timedelta(minutes=1)
    second = daily_content(LIVE)

    due = [row["state"] for row in board(house.runtime) if row["due_at"] <= house.clock.at]
    assert (first["unknown"], first["warnings"], second["warnings"]) == (1, 1, 0)
    assert set(due) == {"sent"}


def test_a_broken_playbook_stops_the_stage_with_its_place(house: Any) -> None:
    """A SOP nobody can read plans nothing, and says file, line and column."""
    path = house.runtime.directory / "templates" / "playbooks" / "benefit-daily.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("title: x\nslots:\n  - key: [\n", encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"benefit-daily\.yaml:\d+:\d+"):
        daily_content(LIVE)

    assert board(house.runtime) == []
