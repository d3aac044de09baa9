"""The generated past: reproducible, plausible, quick."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from time import process_time

import pytest

from qunflow.errors import ConfigurationError
from qunflow.sandbox.options import Options
from qunflow.sandbox.outside import Outside
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.storage import Storage
from qunflow.sandbox.world import exports
from qunflow.sandbox.world.community import Community
from qunflow.sandbox.world.founding import found_community
from qunflow.sandbox.world.spec_file import read_spec


def founded(seed: int, spec: Path | None = None) -> Community:
    """A community with its past, in memory."""
    options = Options("wwtest", "secret", seed=seed, spec=spec)
    return found_community(Platform(options, Storage(":memory:")), Outside(options.hooks))


@pytest.fixture(scope="module")
def community() -> Community:
    """The community of seed 1."""
    return founded(1)


def rows(text: str) -> list[dict[str, str]]:
    """The rows of an export."""
    return list(csv.DictReader(io.StringIO(text)))


def test_the_same_seed_gives_the_same_exports_and_another_seed_others(community: Community) -> None:
    """Byte for byte the same, or different."""
    again, other = founded(1), founded(2)
    assert exports.events_csv(community) == exports.events_csv(again)
    assert exports.leads_csv(community) == exports.leads_csv(again)
    assert exports.events_csv(community) != exports.events_csv(other)


def test_sixty_days_of_six_hundred_people_take_less_than_three_seconds() -> None:
    """Founding is quick enough to be done at every start of a demo."""
    began = process_time()
    founded(5)
    assert process_time() - began < 3


def test_the_export_agrees_with_the_roster(community: Community) -> None:
    """Joins minus leaves of the export are exactly the people in the groups now."""
    inside: set[tuple[str, str]] = set()
    for row in rows(exports.events_csv(community)):
        seat = (row["群ID"], row["成员ID"])
        if row["事件"] == "入群" and row["成员ID"]:
            inside.add(seat)
        elif row["事件"] == "退群":
            inside.discard(seat)
    platform = community.platform
    assert inside == {(seat.chat_id, seat.userid) for seat in platform.seats if seat.kind == 2}


def test_the_export_has_every_kind_of_event_in_the_order_of_time(community: Community) -> None:
    """Six words, local times that rise, money only on orders."""
    found = rows(exports.events_csv(community))
    assert set(Counter(row["事件"] for row in found)) == {"入群", "退群", "发言", "打卡", "点击", "下单"}
    assert [row["时间"] for row in found] == sorted(row["时间"] for row in found)
    assert all(bool(row["金额"]) == (row["事件"] == "下单") for row in found)
    assert "2026-01-01 00:00:00" <= found[0]["时间"] < found[-1]["时间"] < "2026-03-02 00:00:00"


def test_nobody_acts_in_a_group_before_joining_it(community: Community) -> None:
    """The simulated people leave no impossible history; the dirt is only repeated and nameless rows."""
    joined: set[tuple[str, str]] = set()
    for row in rows(exports.events_csv(community)):
        if row["成员ID"] and row["事件"] == "入群":
            joined.add((row["群ID"], row["成员ID"]))
        elif row["成员ID"]:
            assert (row["群ID"], row["成员ID"]) in joined


def test_the_form_export_has_its_dirt(community: Community) -> None:
    """Somebody sent twice, somebody's phone is none, and some rows are empty."""
    found = rows(exports.leads_csv(community))
    phones = [row["手机号"] for row in found if row["手机号"]]
    assert len(phones) > len(set(phones))
    assert any(len("".join(filter(str.isdigit, phone))) not in (11, 13) for phone in phones)
    assert any(not any(row.values()) for row in found)
    assert {row["来源渠道"] for row in found} - {""} == {"poster-a", "store-b", "article-c", "fission-d"}


def test_groups_keep_room_for_newcomers(community: Community) -> None:
    """After the past each group is below the size at which a code stops filling it."""
    world = exports.outline(community)
    assert [group["kind"] for group in world["groups"]] == ["benefit_group", "benefit_group", "member_group"]
    assert all(20 < group["members"] < 190 for group in world["groups"])


def test_those_pulled_in_stay_less() -> None:
    """Over five seeds, fewer of the pulled in are still there after two weeks than of those who came themselves."""
    stayed: dict[bool, list[bool]] = {True: [], False: []}
    for seed in range(1, 6):
        community = founded(seed)
        pulled = {person.who: person.pulled for person in community.people}
        events = community.platform.storage.events(0, 2**40, ("join", "leave"))
        left = {(who, chat): at for at, kind, who, chat, _ in events if kind == "leave"}
        for at, kind, who, chat, _ in events:
            if kind == "join" and at < community.platform.now() - 14 * 86_400:
                stayed[pulled[who]].append(left.get((who, chat), 2**40) - at > 14 * 86_400)
    assert sum(stayed[True]) / len(stayed[True]) < sum(stayed[False]) / len(stayed[False]) - 0.04


def test_a_spec_file_changes_the_community(tmp_path: Path) -> None:
    """Fewer people, another group; what is not named keeps its default."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "people: 40\npast_days: 10\ngroups:\n"
        "  - {key: a, name: 一号群, kind: benefit_group, owner: owner_zhou, admin: admin_lin, share: 1}\n",
        encoding="utf-8",
    )
    community = founded(1, spec)
    assert len(community.people) == 40
    assert [group["name"] for group in exports.outline(community)["groups"]] == ["一号群"]


@pytest.mark.parametrize("text", ["persons: 3\n", "groups: [{name: 群}]\n", "people: [\n"])
def test_a_wrong_spec_file_is_named(tmp_path: Path, text: str) -> None:
    """Unknown keys, incomplete groups and broken YAML are configuration errors that name the file."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"spec\.yaml"):
        read_spec(spec)
