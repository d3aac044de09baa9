"""Persons who turn out to be one are one everywhere, can be two again, and doubtful ones wait for somebody to look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
from sqlalchemy import insert, select

from qunflow.acquisition.identity import Mark
from qunflow.errors import BadInput
from qunflow.runtime import Runtime
from qunflow.runtime.identity import merge_people, person_of, split_people
from qunflow.settings.workspace import Community
from qunflow.store import audit, evidence, leads, members, merging, people, rosters
from qunflow.store.engine import Store
from qunflow.store.evidence import Look, ToldMove
from qunflow.store.history import History
from qunflow.store.tables import groups
from qunflow.store.vault import Vault

AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
COMMUNITY = Community(key="neighbours", name="小满邻里", type="购物", helper="helper_xm")  # type: ignore[call-arg]
PHONE = Mark("phone", "+8613800138000")


@dataclass(frozen=True)
class Scene:
    """One group, and two persons who were in it one after the other, both friends of the helper with a lead each."""

    here: Runtime
    group: int
    kept: int
    other: int


@pytest.fixture
def scene(store: Store, vault: Vault, history: History) -> Scene:
    here = cast(
        Runtime,
        SimpleNamespace(store=store, vault=vault, history=history, workspace=SimpleNamespace(communities=[COMMUNITY])),
    )
    row = {"community": "neighbours", "group_key": "g1", "chat_id": "wr1", "name": "1群", "kind": "benefit_group"}
    with store.writing() as conn:
        group = int(conn.execute(insert(groups).returning(groups.c.group_id), row).scalar_one())
        kept, other = vault.persons_for(conn, "external_userid", ["wm1", "wm2"], AT).values()
        rosters.rewrite(conn, [stay(group, kept, AT), stay(group, other, AT + HOUR)], [], [])
        evidence.keep_moves(conn, [ToldMove(group, kept, AT, True), ToldMove(group, other, AT + HOUR, True)])
        evidence.keep_look(conn, Look(group, AT + 9 * HOUR, "v1", 2, 0, [], []))
        friends = [people.Contact(who, "helper_xm", "neighbours", "a", AT) for who in (kept, other)]
        people.add_contacts(conn, friends)
        entries = [leads.Lead("neighbours", "form/f", str(who), who, "a", AT) for who in (kept, other)]
        leads.add_leads(conn, entries)
        vault.seal(conn, other, {"name": "小林"}, AT)
        history.append(conn, "test", "clicks", clicks(kept, other))
    return Scene(here, group, kept, other)


def stay(group: int, person: int, at: datetime) -> dict[str, Any]:
    when = {"joined_at": at, "left_at": None, "left_known_by": None, "last_seen_at": AT + 9 * HOUR}
    how = {"join_scene": 3, "pulled_in": False, "inviter_userid": "", "channel": "a"}
    return {"group_id": group, "person_id": person, **when, **how}


def clicks(*persons: int) -> pd.DataFrame:
    rows = [
        {"event_key": f"click:{who}", "happened_at": AT, "recorded_at": AT, "local_day": date(2026, 3, 2)}
        | {"kind": "click", "person_id": who}
        for who in persons
    ]
    return pd.DataFrame(rows)


def everything(scene: Scene) -> dict[str, Any]:
    """What the house says of the two: who they are known as, in, friends with, leads and clicks."""
    here = scene.here
    with here.store.reading() as conn:
        return {
            "known": here.vault.known_persons(conn, "external_userid", ["wm1", "wm2"]),
            "in": sorted((one.person_id, one.joined_at) for one in members.memberships_of(conn, "neighbours")),
            "friends": [one.person_id for one in people.contacts_of(conn, "neighbours")],
            "leads": sorted((one.person_id, one.duplicate_of or 0) for one in leads.leads_of(conn, "neighbours")),
            "clicks": sorted(here.history.query("SELECT person_id FROM events WHERE kind = 'click'")["person_id"]),
        }


def test_two_numbers_become_one_person_everywhere(scene: Scene) -> None:
    """Both accounts lead to one; the group counts them once, the second lead repeats the first, clicks are theirs."""
    with scene.here.store.writing() as conn:
        merge_people(conn, scene.here, scene.kept, scene.other, "by_hand", "周", AT + 10 * HOUR)

    now = everything(scene)
    assert now["known"] == {"wm1": scene.kept, "wm2": scene.kept}
    assert now["in"] == [(scene.kept, AT)]
    assert now["friends"] == [scene.kept]
    assert [person for person, _ in now["leads"]] == [scene.kept] * 2
    assert sum(first == 0 for _, first in now["leads"]) == 1
    assert now["clicks"] == [scene.kept] * 2


def test_a_split_gives_back_what_the_merge_took(scene: Scene) -> None:
    """Everything is as before, both acts are in the audit log, and the log names nobody."""
    before = everything(scene)
    with scene.here.store.writing() as conn:
        number = merge_people(conn, scene.here, scene.kept, scene.other, "by_hand", "周", AT + 10 * HOUR)
        split_people(conn, scene.here, number, "周", AT + 11 * HOUR)

    assert everything(scene) == before
    with scene.here.store.reading() as conn:
        acts = audit.entries(conn)
        assert scene.here.vault.values_of(conn, "external_userid", [scene.other]) == {scene.other: "wm2"}
    assert [one.action for one in acts] == ["split_people", "merge_people"]
    assert "wm" not in repr([(one.subject, one.detail) for one in acts])


def test_nobody_is_merged_twice_nor_split_twice(scene: Scene) -> None:
    """A number that was merged is no person to merge; a merge that was split does not stand."""
    with scene.here.store.writing() as conn:
        number = merge_people(conn, scene.here, scene.kept, scene.other, "by_hand", "周", AT)
        with pytest.raises(BadInput):
            merge_people(conn, scene.here, scene.kept, scene.other, "by_hand", "周", AT)
        split_people(conn, scene.here, number, "周", AT)
        with pytest.raises(BadInput):
            split_people(conn, scene.here, number, "周", AT)


def test_a_record_that_names_two_accounts_joins_them(scene: Scene) -> None:
    """A line of the platform with an external id and a unionid known apart makes them one, by rule."""
    external, union = Mark("external_userid", "wm1"), Mark("unionid", "oU1")
    with scene.here.store.writing() as conn:
        apart = person_of(conn, scene.here, [union], AT)
        assert apart != scene.kept
        assert person_of(conn, scene.here, [union, external], AT) == scene.kept
        assert merging.aliases(conn) == {apart: scene.kept}
        assert person_of(conn, scene.here, [union], AT) == scene.kept


def test_one_phone_of_two_unionids_waits_for_a_person(scene: Scene) -> None:
    """Nobody is joined; the pair is on the list once, and is gone from it when somebody decided."""
    first, second = [Mark("unionid", "oU1"), PHONE], [Mark("unionid", "oU2"), PHONE]
    with scene.here.store.writing() as conn:
        one = person_of(conn, scene.here, first, AT)
        other = person_of(conn, scene.here, second, AT)
        assert person_of(conn, scene.here, second, AT) == other != one
        (review,) = merging.reviews(conn)
        assert (review.reason, {review.person_id, review.other_id}) == ("phone_two_unionids", {one, other})
        assert scene.here.vault.known_persons(conn, "phone", [PHONE.value]) == {PHONE.value: one}
        assert merging.keep_apart(conn, review.review_id, "周", AT)
        assert merging.reviews(conn) == []
        assert person_of(conn, scene.here, second, AT) == other
        assert merging.reviews(conn) == []


def test_a_form_a_coupon_and_a_link_lead_to_one_person(scene: Scene) -> None:
    """What came in by phone alone is joined when an account brings the same phone."""
    with scene.here.store.writing() as conn:
        by_form = person_of(conn, scene.here, [Mark("form_entry", "f/1"), PHONE], AT)
        by_coupon = person_of(conn, scene.here, [Mark("coupon", "c1"), PHONE], AT)
        by_account = person_of(conn, scene.here, [Mark("external_userid", "wm1"), PHONE], AT)
        known = scene.here.vault.known_persons(conn, "form_entry", ["f/1"])

    assert (by_form, by_account, known) == (by_coupon, scene.kept, {"f/1": scene.kept})


def test_what_a_person_is_known_by_is_sealed_with_the_key_of_the_one_kept(scene: Scene) -> None:
    """After a merge the vault opens both ids; nothing of them stands in the note."""
    with scene.here.store.writing() as conn:
        merge_people(conn, scene.here, scene.kept, scene.other, "by_hand", "周", AT)
        assert scene.here.vault.external_userids(conn, [scene.kept])[scene.kept] in ("wm1", "wm2")
        noted = conn.execute(select(merging.person_merges.c.moved)).scalar_one()
    assert "wm2" not in repr(noted)


def test_erasing_somebody_forgets_the_numbers_merged_into_them(scene: Scene) -> None:
    """Neither number has a key, a name or an id afterwards."""
    vault = scene.here.vault
    with scene.here.store.writing() as conn:
        merge_people(conn, scene.here, scene.kept, scene.other, "by_hand", "周", AT)
        assert vault.unseal(conn, scene.kept) == {"name": "小林"}
        vault.erase(conn, scene.kept, AT + HOUR)

        assert vault.known_persons(conn, "external_userid", ["wm1", "wm2"]) == {}
        assert vault.unseal_many(conn, [scene.kept, scene.other]) == {}
