"""Persons who turn out to be one are one everywhere, can be two again, and doubtful ones wait for somebody to look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest
from sqlalchemy import Connection, insert, select

from qunflow.acquisition.identity import Mark
from qunflow.acquisition.intake import GroupNews
from qunflow.delivery.model import Content, Planned
from qunflow.delivery.outbox import plan
from qunflow.errors import BadInput
from qunflow.runtime import Runtime
from qunflow.runtime.group_reading import Answer, keep_groups
from qunflow.runtime.identity import merge_people, person_of, split_people, with_unionids
from qunflow.runtime.replay import replayed
from qunflow.settings.workspace import Community
from qunflow.store import audit, evidence, leads, members, merging, people, rosters
from qunflow.store.engine import Store
from qunflow.store.evidence import Look, ToldMove
from qunflow.store.history import History
from qunflow.store.tables import groups, targets
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
        SimpleNamespace(
            store=store, vault=vault, history=history, workspace=SimpleNamespace(communities=[COMMUNITY], team=())
        ),
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


def test_what_was_said_to_either_was_said_to_the_one_they_are(scene: Scene) -> None:
    """Greetings and what is still to go out follow the person, so that nobody is greeted twice; a split gives back."""

    def said(conn: Connection) -> list[tuple[str, int]]:
        rows = conn.execute(select(targets.c.slot_key, targets.c.target_ref).where(targets.c.target_kind == "person"))
        return sorted((row.slot_key, row.target_ref) for row in rows)

    def message(slot: str, person: int) -> Planned:
        about: dict[str, Any] = {"community": "neighbours", "stage": "acquisition", "campaign": "", "day": AT.date()}
        when: dict[str, Any] = {"due_at": AT, "not_after": AT + HOUR, "marketing": True}
        to: dict[str, Any] = {"way": "private_task", "sender_userid": "helper_xm", "target_kind": "person"}
        return Planned(slot_key=slot, target_ref=person, content=Content(slot), **about, **when, **to)

    both = (scene.kept, scene.other)
    with scene.here.store.writing() as conn:
        plan(conn, [message("welcome", scene.other), *(message("invite", who) for who in both)], AT)
        before = said(conn)
        number = merge_people(conn, scene.here, scene.kept, scene.other, "by_hand", "周", AT)
        assert said(conn) == sorted([("welcome", scene.kept), *(("invite", who) for who in both)])
        assert merging.former_numbers(conn, scene.kept) == [scene.other]
        split_people(conn, scene.here, number, "周", AT)
        assert said(conn) == before
        assert merging.former_numbers(conn, scene.kept) == []


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


def test_a_form_an_account_and_a_coupon_lead_to_one_person(scene: Scene) -> None:
    """What came by phone alone is joined when an account brings the phone; an order with the coupon is theirs too."""
    coupon, buyer = Mark("coupon", "c1"), Mark("openid", "oP1")
    with scene.here.store.writing() as conn:
        by_form = person_of(conn, scene.here, [Mark("form_entry", "f/1"), PHONE], AT)
        by_account = person_of(conn, scene.here, [Mark("external_userid", "wm1"), PHONE], AT)
        by_coupon = person_of(conn, scene.here, [buyer], AT, {coupon: scene.kept})
        known = scene.here.vault.known_persons(conn, "form_entry", ["f/1"])
        coupons_kept = scene.here.vault.known_persons(conn, "coupon", ["c1"])

    assert (by_account, by_coupon, known) == (scene.kept, scene.kept, {"f/1": scene.kept})
    assert by_form != scene.kept and coupons_kept == {}


def test_what_a_person_has_undone_is_not_done_again_by_rule(scene: Scene) -> None:
    """A wrong join that was split, or a pair that was kept apart, stays two whatever the next record says."""
    union, external = Mark("unionid", "oU1"), Mark("external_userid", "wm1")
    with scene.here.store.writing() as conn:
        person_of(conn, scene.here, [union], AT)
        person_of(conn, scene.here, [union, external], AT)
        split_people(conn, scene.here, merging.merges(conn)[0].merge_id, "周", AT)
        assert person_of(conn, scene.here, [union, external], AT) == scene.kept
        assert merging.merges(conn) == []
        assert person_of(conn, scene.here, [union], AT) != scene.kept


def test_a_roster_line_joins_account_and_unionid(scene: Scene) -> None:
    """New unionids are linked, one that somebody is known by makes two accounts one person; again changes nothing."""
    here, vault = scene.here, scene.here.vault
    known, told = {"wm1": scene.kept, "wm2": scene.other}, {"wm1": "oU1", "wm2": "oU1"}
    with here.store.writing() as conn:
        buyer = person_of(conn, here, [Mark("unionid", "oU2"), PHONE], AT)
        found = with_unionids(conn, here, known, told | {"wm1": "oU2"}, AT)
        assert found == {"wm1": scene.kept, "wm2": scene.other}
        assert merging.aliases(conn) == {buyer: scene.kept}
        assert vault.known_persons(conn, "unionid", ["oU1", "oU2"]) == {"oU1": scene.other, "oU2": scene.kept}
        assert with_unionids(conn, here, known, told | {"wm1": "oU2"}, AT) == known
        assert len(merging.merges(conn)) == 1


def test_a_roster_that_shows_two_to_be_one_counts_them_once_and_replays(scene: Scene) -> None:
    """Two accounts join, a unionid makes them one, one account leaves, then the other: one stay, and replay agrees."""
    here, start = scene.here, AT + 20 * HOUR

    def look(hours: int, **union_of: str) -> GroupNews:
        at = start + hours * HOUR
        joined = {"wm8": start - HOUR, "wm9": start}
        listed = [
            {"userid": who, "type": 2, "join_time": int(joined[who].timestamp()), "join_scene": 3, "unionid": union}
            for who, union in union_of.items()
        ]
        with here.store.writing() as conn:
            (row,) = members.groups_of(conn, "neighbours")
            answers = {row: Answer({"member_list": listed, "member_version": f"v{hours}"}, at)}
            return keep_groups(conn, here, COMMUNITY, answers, [], at)[0]

    assert look(1, wm8="oU8", wm9="").members == 2
    assert look(2, wm8="oU8", wm9="oU8").members == 1
    assert look(3, wm9="oU8").members == 1
    assert look(4).members == 0
    with here.store.reading() as conn:
        kept = here.vault.known_persons(conn, "external_userid", ["wm8", "wm9"])
        stays = [one for one in members.memberships_of(conn, "neighbours") if one.person_id in kept.values()]
        assert len(set(kept.values())) == 1
        assert [(one.joined_at, one.left_at) for one in stays] == [(start - HOUR, start + 4 * HOUR)]
        found = replayed(conn, here.vault, "neighbours")
    assert not [person for _, person in found.differing if person in kept.values()]


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
