"""What needs a person waits for one: the flow ends, nothing goes out, and a one-time code or the page lets it go."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from flows.daily_content import daily_content
from qunflow import runtime
from qunflow.daily_content.params import DailyContentParams
from qunflow.delivery import outbox
from qunflow.delivery.approval import approve_as
from qunflow.delivery.rewriting import rewrite
from qunflow.errors import BadInput
from qunflow.runtime import Runtime
from qunflow.settings.workspace import Approval
from qunflow.store import team
from qunflow.store.tables import approvals

pytestmark = pytest.mark.usefixtures("prefect_server")

DAY = date(2026, 3, 2)
LIVE = DailyContentParams(dry_run=False)
EFFECTS = {"externalcontact/add_msg_template", "message/send"}


@pytest.fixture
def careful(house: Any) -> Any:
    """The house without any standing approval."""
    workspace = house.runtime.workspace.model_copy(update={"approval": Approval()})
    here = replace(house.runtime, workspace=workspace)
    with runtime.using(here):
        yield replace(house, runtime=here)


def sent(house: Any) -> list[str]:
    return [path for path in house.accepted() if path in EFFECTS]


def board(here: Runtime) -> list[dict[str, Any]]:
    with here.store.reading() as conn:
        return outbox.board(conn, "neighbours", DAY)


def code_of(house: Any, userid: str = "ops_li") -> str:
    with house.runtime.store.writing() as conn:
        return team.issue(conn, userid, "code", house.runtime.clock.now())


def test_the_flow_ends_and_nothing_goes_out(careful: Any) -> None:
    """Everything is planned and checked, and waits."""
    done = daily_content(LIVE)
    assert done["awaiting"] == done["planned"] > 20
    assert sent(careful) == []
    assert {row["state"] for row in board(careful.runtime)} == {"checked"}


def test_a_one_time_code_lets_it_go_in_the_name_of_its_person(careful: Any) -> None:
    """The approvals name the approver; running the day again needs no code, as nothing waits any more."""
    daily_content(DailyContentParams(dry_run=False, approval_code=code_of(careful)))
    with careful.runtime.store.reading() as conn:
        assert set(conn.execute(select(approvals.c.approved_by)).scalars()) == {"ops_li"}
    before = sent(careful)
    assert "awaiting" not in daily_content(LIVE)
    assert sent(careful) == before


@pytest.mark.parametrize("whose", ["owner_zhou", ""])
def test_a_code_that_is_not_an_approvers_lets_nothing_go(careful: Any, whose: str) -> None:
    """An operator's code, or one that nobody gave out."""
    code = code_of(careful, whose) if whose else "222222222"
    with pytest.raises(BadInput, match=r"may not approve|not valid"):
        daily_content(DailyContentParams(dry_run=False, approval_code=code))
    assert sent(careful) == []


def test_words_changed_by_hand_outlive_another_run(house: Any) -> None:
    """A flow that runs again neither puts its own words back nor lets the new ones out."""
    here = house.runtime
    with runtime.using(replace(here, workspace=here.workspace.model_copy(update={"approval": Approval()}))):
        daily_content(LIVE)
    row = next(row for row in board(here) if row["state"] == "checked")
    with here.store.writing() as conn:
        rewrite(conn, row["slot"], DAY, row["content_version"], "改过的话", "ops_li", here.clock.now())
    daily_content(LIVE)
    mine = [one for one in board(here) if one["text"] == "改过的话"]
    assert mine
    assert {one["state"] for one in mine} == {"checked"}
    with here.store.writing() as conn:
        approve_as(conn, here.workspace, "ops_li", [one["target_id"] for one in mine], here.clock.now())
    assert {one["state"] for one in board(here) if one["text"] == "改过的话"} == {"approved"}
