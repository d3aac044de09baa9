"""Approval by people: by somebody else than the author, later for a team of one, taken back at will."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from qunflow.delivery.approval import Approved, approve_as, approve_with_code, take_back
from qunflow.delivery.claims import claim
from qunflow.delivery.outbox import check, plan
from qunflow.delivery.ports import Ports
from qunflow.delivery.rewriting import rewrite
from qunflow.errors import BadInput
from qunflow.settings.workspace import Member
from qunflow.store import team
from qunflow.store.tables import approvals, audit_log
from tests.unit.delivery.platform_fake import DAY, NOON, a_plan, add_groups, states

LI = Member(userid="li", roles=("approver", "author"))
WANG = Member(userid="wang", roles=("approver",))
CHEN = Member(userid="chen", roles=("operator",))
SLOT = "noon"


def with_team(ports: Ports, *members: Member) -> Ports:
    return replace(ports, workspace=ports.workspace.model_copy(update={"team": members}))


def queued(ports: Ports, author: str = "") -> list[int]:
    """One checked message, written by a flow or by somebody."""
    (group,) = add_groups(ports.store, 1)
    with ports.store.writing() as conn:
        ids = plan(conn, [a_plan(group, slot_key=SLOT, author=author)], NOON).ids
        check(conn, ids)
    return list(ids)


def approved(ports: Ports, userid: str, ids: list[int]) -> Approved:
    with ports.store.writing() as conn:
        return approve_as(conn, ports.workspace, userid, ids, NOON)


def taken(ports: Ports, later: timedelta = timedelta()) -> int:
    """How many calls a worker may make at an instant; nothing is kept."""
    with ports.store.writing() as conn, conn.begin_nested() as undone:
        found = len(claim(conn, ports, worker="w", now=NOON + later).claims)
        undone.rollback()
    return found


def test_what_a_flow_wrote_any_approver_may_approve(ports: Ports) -> None:
    """It holds at once, and the audit log names the person."""
    here = with_team(ports, LI)
    assert approved(here, "li", queued(here)) == Approved(1, 0, 0)
    assert taken(here) == 1
    with here.store.reading() as conn:
        assert [row.actor for row in conn.execute(select(audit_log))] == ["li"]


@pytest.mark.parametrize("userid", ["chen", "stranger"])
def test_nobody_else_may_approve(ports: Ports, userid: str) -> None:
    """An operator and somebody unknown are told who may."""
    here = with_team(ports, LI, CHEN)
    ids = queued(here)
    with pytest.raises(BadInput, match="may not approve") as refusal:
        approved(here, userid, ids)
    assert "li" in refusal.value.next_step
    assert states(here.store) == ["checked"]


def test_an_author_leaves_it_to_the_other_approver(ports: Ports) -> None:
    """Four eyes wherever there are four."""
    here = with_team(ports, LI, WANG)
    ids = queued(here, author="li")
    assert approved(here, "li", ids) == Approved(0, 0, 1)
    assert approved(here, "wang", ids) == Approved(1, 0, 0)


def test_a_team_of_one_confirms_its_own_after_a_delay(ports: Ports) -> None:
    """Ten minutes in which nothing leaves and it can be taken back; labelled in the record."""
    here = with_team(ports, LI, CHEN)
    assert approved(here, "li", queued(here, author="li")) == Approved(1, 1, 0)
    assert (taken(here), taken(here, timedelta(minutes=10))) == (0, 1)
    with here.store.reading() as conn:
        assert conn.execute(select(approvals.c.self_confirmed)).scalar_one()


def test_an_approval_is_taken_back_before_it_goes(ports: Ports) -> None:
    """The message waits again, and approving it again is a new decision that holds at once."""
    here = with_team(ports, LI)
    ids = queued(here)
    approved(here, "li", ids)
    with here.store.writing() as conn:
        assert take_back(conn, "li", SLOT, DAY, NOON) == 1
        assert take_back(conn, "li", SLOT, DAY, NOON) == 0
    assert (taken(here), states(here.store)) == (0, ["checked"])
    approved(here, "li", ids)
    assert taken(here) == 1


def test_an_edit_voids_the_approval(ports: Ports) -> None:
    """The approved hash is the sent hash: other words wait for other eyes."""
    here = with_team(ports, LI, WANG)
    ids = queued(here)
    approved(here, "wang", ids)
    with here.store.writing() as conn:
        version = conn.execute(select(approvals.c.content_version)).scalar_one()
        assert rewrite(conn, SLOT, DAY, version, "别的话", "li", NOON) == 1
    assert taken(here) == 0
    assert sorted(states(here.store)) == ["cancelled", "checked"]


def test_words_that_were_changed_meanwhile_are_not_changed_again(ports: Ports) -> None:
    """Whoever read the old ones is told."""
    here = with_team(ports, LI)
    queued(here)
    with here.store.writing() as conn, pytest.raises(BadInput, match="waits any more"):
        rewrite(conn, SLOT, DAY, "0" * 32, "别的话", "li", NOON)


def test_a_code_is_used_up_only_when_it_approves_something(ports: Ports) -> None:
    """Tried again after its work is done, a step spends nothing; a spent code approves nothing."""
    here = with_team(ports, LI)
    ids = queued(here)
    with here.store.writing() as conn:
        code = team.issue(conn, "li", "code", NOON)
        assert approve_with_code(conn, here.workspace, code, ids, NOON).approved == 1
        assert approve_with_code(conn, here.workspace, code, ids, NOON).approved == 0
        take_back(conn, "li", SLOT, DAY, NOON)
        with pytest.raises(BadInput, match="not valid"):
            approve_with_code(conn, here.workspace, code, ids, NOON)
