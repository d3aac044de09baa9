"""The people's side against the sandbox over HTTP: settled by hand, taken over, recalled, and never there twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import update

from qunflow.delivery.corrections import recall
from qunflow.delivery.problems import Settlement, problems, settle_by_hand
from qunflow.delivery.resident import tick
from qunflow.delivery.sender import drain
from qunflow.settings.workspace import Community, Group, Member, Workspace
from qunflow.store import absences
from qunflow.store.tables import targets
from tests.integration.test_delivery_sandbox import House, house, store

__all__ = ["house", "store"]
TASK = "externalcontact/add_msg_template"


@pytest.fixture
def team(house: House) -> House:
    """The same house with a team and its groups in the settings."""
    world = house.ask("world").json()["groups"]
    known = ("key", "name", "kind", "chat_id", "owner", "admin")
    opened = date(2026, 1, 1)
    groups = tuple(Group(**{name: one[name] for name in known}, opened_on=opened) for one in world)
    community = Community(key="neighbours", name="邻里", type="购物", helper="helper_xm", groups=groups)
    people = (Member(userid="boss", roles=("approver",)), Member(userid="owner_zhou"), Member(userid="admin_lin"))
    house.ports = replace(house.ports, workspace=Workspace(brand="小满", communities=(community,), team=people))
    return house


def beats(house: House, *pauses_s: int) -> None:
    """Rounds of the resident sender, after each pause."""
    for pause in pauses_s:
        house.wait(pause)
        tick(house.ports, now=house.now)


def settle(house: House, how: Settlement) -> None:
    with house.ports.store.writing() as conn:
        (one,) = problems(conn, house.ports.workspace, house.now)
        settle_by_hand(conn, house.ports.workspace, one.number, how, by="boss", at=house.now)


@pytest.mark.parametrize("how", ["arrived", "dropped"])
@pytest.mark.parametrize(("mode", "held"), [("reply_lost", 1), ("dropped", 0)])
def test_what_a_person_settled_is_not_sent_again(team: House, mode: str, held: int, how: Settlement) -> None:
    """Whether it had arrived or not, and long after every wait is over."""
    team.tell("faults", [{"path": TASK, "mode": mode, "times": 1}])
    team.queue(team.message(0))
    assert drain(team.ports, now=team.now).unknown == 1
    settle(team, how)
    beats(team, 0, 601, 601, 1_801)
    assert len(team.log("add_msg_template")) == held
    assert team.column("state")[0] == "reconciled"


def test_a_dead_letter_sent_again_is_there_once(team: House) -> None:
    """It had never arrived; later rounds add nothing."""
    team.tell("faults", [{"path": TASK, "mode": "dropped", "times": 1}])
    team.queue(team.message(0))
    drain(team.ports, now=team.now)
    with team.ports.store.writing() as conn:
        conn.execute(update(targets).values(state="dead", reason="too old to be found at the platform"))
        from qunflow.store.tables import calls

        conn.execute(update(calls).values(settled_at=team.now))
    settle(team, "again")
    beats(team, 0, 601, 601)
    assert len(team.log("add_msg_template")) == 1
    assert team.column("state")[0] == "sent"


def test_an_absent_owners_task_is_withdrawn_and_posted_by_hand_once(team: House) -> None:
    """Of two groups one was confirmed already: only the other gets a card, and one only."""
    team.queue(team.message(0))
    drain(team.ports, now=team.now)
    team.wait(5)
    with team.ports.store.writing() as conn:
        end = team.now + timedelta(hours=5)
        absences.note(conn, "owner_zhou", team.now, end, "admin_lin", by="boss", at=team.now)
    beats(team, 0, 60, 7 * 3_600, 3_000)
    assert len(team.log("cancel_groupmsg_send")) == 1
    rows = list(zip(team.column("way"), team.column("sender_userid"), team.column("outcome"), strict=True))
    assert [row for row in rows if row[0] == "mass_task"] == [("mass_task", "owner_zhou", "cancelled")]
    assert len([row for row in rows if row[0] == "hand_send"]) == 1


def test_what_the_owner_confirmed_in_the_last_second_is_not_posted_again(team: House) -> None:
    """Nobody had asked the platform since."""
    team.queue(team.message(0))
    drain(team.ports, now=team.now)
    team.wait(5)
    [row] = team.log("add_msg_template")
    team.tell("act", {"act": "confirm", "msgid": row["msgid"], "userid": "owner_zhou"})
    with team.ports.store.writing() as conn:
        absences.note(conn, "owner_zhou", team.now, team.now + timedelta(hours=5), "admin_lin", by="boss", at=team.now)
    beats(team, 0, 60)
    assert team.log("cancel_groupmsg_send") == []
    assert [way for way in team.column("way") if way == "hand_send"] == []
    assert team.column("outcome")[0] == "delivered"


def test_a_recalled_task_leaves_the_platform(team: House) -> None:
    """Before anybody could confirm it."""
    team.queue(team.message(0, "错了"))
    drain(team.ports, now=team.now)
    team.wait(5)
    with team.ports.store.writing() as conn:
        place = team.ports.workspace.communities[0]
        recall(conn, place, "slot-错了", team.now.date(), by="boss", at=team.now)
    beats(team, 0, 60)
    assert len(team.log("cancel_groupmsg_send")) == 1
    assert team.column("outcome")[0] == "cancelled"
