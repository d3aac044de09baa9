"""Rings, owners' own sends, outages and people who leave the corp: what a spec file makes happen, seen from outside."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qunflow.sandbox.options import Limits
from tests.integration.sandbox_caller import HELPER, hearing
from tests.spec.season_of_people import FIRST_DAY, Season, season

NOBODY: dict[str, Any] = {"people": 0, "arrivals_per_day": 0}
RING = {"key": "r1", "channel": "fission-d", "at": "2026-03-03T19:00:00+08:00", "size": 14, "minutes": 40,
        "phones": 3, "devices": 2, "inviters": 2, "stays_days": 2}  # fmt: skip
OWNER = {"userid": "owner_zhou", "name": "周启明", "role": "owner"}


def group_of(owner: dict[str, Any]) -> dict[str, Any]:
    """A community of one owner with one group."""
    group = {"key": "g1", "name": "一群", "kind": "benefit_group", "owner": owner["userid"], "admin": owner["userid"]}
    helper = {"userid": HELPER, "name": "小满", "role": "helper"}
    return {"staff": [helper, owner], "groups": [{**group, "share": 1}]}


@pytest.fixture(scope="module")
def ringed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A season with a ring, whom everybody's greeting leads to a group: the truth, and the entries of the form."""
    spec = {"people": 100, "arrivals_per_day": 20, "rings": [RING]}
    with season(tmp_path_factory.mktemp("ring"), spec) as one:
        made = one.call("groupchat/add_join_way", scene=2, chat_id_list=[one.chat()])
        code = one.call("groupchat/get_join_way", config_id=made["config_id"])["join_way"]["qr_code"]
        one.until(1, 20)
        greeting = f"送你一张 3 元券 0123456789ABCDEFGHJK,进群就能用:{code}"
        one.tell(HELPER, greeting, external_userid=sorted(one.channels()))
        for day in (1, 2, 3):
            one.until(day, 20.5)
            one.tell_group(0, f"想要的扣 1:砂糖橘 29.9 元一份,{one.links}/Ab12Cd34Ef")
        one.until(6, 0)
        return one.truth(), [push["entry"] for push in one.pushed if "entry" in push]


def test_a_ring_comes_in_a_burst_from_few_hands(ringed: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    """Fourteen accounts within 40 minutes of one channel, with three phones, two addresses, and two who invited."""
    truth, entries = ringed
    ring = [one for one in truth["people"] if one["ring"]]
    came = [datetime.fromisoformat(one["arrived_at"]) for one in ring]
    of_ring = [entry for entry in entries if entry["x_field_1"] == "fission-d" and _in_burst(entry["created_at"])]
    addresses = Counter(entry["info_remote_ip"] for entry in of_ring)

    assert len(ring) == 14
    assert max(came) - min(came) <= timedelta(minutes=61)
    assert {one["channel"] for one in ring} == {"fission-d"}
    assert len({one["invited_by"] for one in ring} - {""}) == 2
    assert sum(count for _, count in addresses.most_common(2)) >= 14
    shared = {entry["info_remote_ip"] for entry in of_ring if addresses[entry["info_remote_ip"]] > 4}
    assert len({_digits(entry["field_2"]) for entry in of_ring if entry["info_remote_ip"] in shared}) <= 3 + 2


def test_a_ring_takes_what_is_given_never_talks_and_goes(ringed: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    """Most are in the group, none says, taps or buys anything, all are gone after about two days."""
    truth, _ = ringed
    ring = {one["external_userid"] for one in truth["people"] if one["ring"]}
    did = Counter(event["kind"] for event in truth["events"] if event["external_userid"] in ring)

    assert set(did) <= {"contact_added", "contact_deleted", "join", "leave", "checkin"}
    assert did["join"] >= 9
    assert did["leave"] == did["join"]
    assert did["contact_deleted"] == did["contact_added"] == 14
    assert any(event["kind"] == "click" for event in truth["events"])


def test_a_ring_that_the_file_no_longer_has_stays_away(tmp_path: Path) -> None:
    """Started again on its file with another spec, a sandbox goes on without the accounts that were planned."""
    db = str(tmp_path / "state.sqlite3")
    with season(tmp_path, {**NOBODY, "rings": [RING]}, db=db) as one:
        one.until(0, 1)
    with season(tmp_path, NOBODY, db=db) as one:
        one.until(2, 0)
        assert one.truth()["people"] == []


def _in_burst(created_at: str) -> bool:
    at = datetime.fromisoformat(created_at) - FIRST_DAY
    return timedelta(hours=43) <= at <= timedelta(hours=44.1)


def _digits(phone: str) -> str:
    return "".join(filter(str.isdigit, phone))[-11:]


def status_on_sunday(folder: Path, own_sends: int) -> int:
    """What became of a task that the product makes on Sunday night, with a quota of seven a week."""
    spec = {**NOBODY, **group_of({**OWNER, "own_sends": own_sends})}
    with season(folder, spec, limits=Limits(quota_mode="week_7")) as one:
        one.until(6, 23)
        made = one.call("add_msg_template", chat_type="group", sender="owner_zhou", text={"content": "周日晚上好"})
        one.act("confirm", msgid=made["msgid"], userid="owner_zhou")
        one.wait(5)
        (sent,) = one.call("get_groupmsg_send_result", msgid=made["msgid"], userid="owner_zhou")["send_list"]
        return int(sent["status"])


def test_own_sends_of_an_owner_leave_the_product_no_quota(tmp_path: Path) -> None:
    """Six a week leave room for one message; after seven the product's own task is refused with status 3."""
    assert status_on_sunday(tmp_path, 6) == 1
    assert status_on_sunday(tmp_path, 7) == 3


def test_an_owner_sends_as_often_a_week_as_the_spec_says(tmp_path: Path) -> None:
    """Three a week, four weeks long; the platform lists them as the member's own."""
    with season(tmp_path, {**NOBODY, **group_of({**OWNER, "own_sends": 3})}) as one:
        one.until(28, 0)
        start = int(FIRST_DAY.timestamp())
        span = {"start_time": start, "end_time": start + 28 * 86_400}
        listed = one.call("get_groupmsg_list_v2", chat_type="group", filter_type=1, **span)["group_msg_list"]
    weeks = Counter((one["create_time"] - start) // (7 * 86_400) for one in listed)
    assert weeks == {0: 3, 1: 3, 2: 3, 3: 3}
    assert {one["creator"] for one in listed} == {"owner_zhou"}


def confirmed_after_s(folder: Path, habit: str) -> list[int]:
    """How long an owner of a habit let each of twelve tasks of twelve days wait; those left alone are missing."""
    with season(folder, {**NOBODY, **group_of({**OWNER, "habit": habit})}) as one:
        made = []
        for day in range(12):
            one.until(day, 10)
            text = {"content": f"第 {day} 天的问候"}
            made.append(one.call("add_msg_template", chat_type="group", sender="owner_zhou", text=text)["msgid"])
        one.until(13, 0)
        shares = [one.call("get_groupmsg_task", msgid=msgid)["task_list"][0] for msgid in made]
    tens = [int(FIRST_DAY.timestamp()) + day * 86_400 + 36_000 for day in range(12)]
    return [share["send_time"] - ten for share, ten in zip(shares, tens, strict=True) if share["status"] == 2]


def test_owners_confirm_by_habit(tmp_path: Path) -> None:
    """The prompt nearly always and within half an hour, the late sometimes and after forty minutes, the third never."""
    prompt, late = confirmed_after_s(tmp_path, "prompt"), confirmed_after_s(tmp_path, "late")
    assert len(prompt) >= 10
    assert max(prompt) < 1_800
    assert 5 <= len(late) < 12
    assert min(late) >= 2_400
    assert confirmed_after_s(tmp_path, "never") == []


OUTAGE = {"since": "2026-03-02T10:00:00+08:00", "until": "2026-03-02T12:00:00+08:00"}


def test_a_call_fails_in_its_window_and_only_there(tmp_path: Path) -> None:
    """Ten to twelve, that call alone; what a test posts neither shows nor ends it."""
    outage = {**OUTAGE, "path": "externalcontact/groupchat/list", "code": -1}
    with season(tmp_path, {**NOBODY, "outages": [outage]}) as one:
        codes = {}
        for hour in (9.9, 10.0, 11.9, 12.0):
            one.until(0, hour)
            one.http.post("/_sandbox/faults", json=[]).raise_for_status()
            codes[hour] = one.code("groupchat/list", limit=10)
            assert one.ask("get_follow_user_list")["errcode"] == 0
        assert one.http.get("/_sandbox/faults").json() == {"plan": []}
    assert codes == {9.9: 0, 10.0: -1, 11.9: -1, 12.0: 0}


@pytest.mark.parametrize(("mode", "times"), [("dropped", 0), ("duplicate", 2)])
def test_callbacks_are_lost_or_doubled_in_a_window(tmp_path: Path, mode: str, times: int) -> None:
    """One new friend before the window, one within; the product hears of the second never, or twice."""
    spec = {**NOBODY, "outages": [{**OUTAGE, "path": "callback", "mode": mode}]}
    with hearing() as (callback, heard), season(tmp_path, spec, callback=callback) as one:
        one.until(0, 9)
        before = one.friend(name="早")
        one.until(0, 11)
        within = one.friend(name="中")
    told = Counter(event["ExternalUserID"] for event in heard)
    assert (told[before], told[within]) == (1, times)


def newcomers_added(one: Season) -> set[str]:
    """Whom the newcomers of two days added."""
    one.until(0, 8)
    one.act("resign", userid=HELPER)
    start = int(FIRST_DAY.timestamp())
    one.until(2, 0)
    members = one.ask("get_follow_user_list")["follow_user"]
    added = set()
    for userid in members:
        answer = one.call("batch/get_by_user", userid_list=[userid], limit=100)
        times = [row["follow_info"]["createtime"] for row in answer.get("external_contact_list", [])]
        added |= {userid} if any(at > start + 8 * 3_600 for at in times) else set()
    return added


def test_after_the_helper_has_left_newcomers_add_the_next_one(tmp_path: Path) -> None:
    """The channels' codes lead to another member of that role; without one people come and find nobody."""
    spec = {"people": 60, "arrivals_per_day": 20, **group_of(OWNER)}
    second = {"userid": "helper_two", "name": "小圆", "role": "helper"}
    with season(tmp_path, {**spec, "staff": [*spec["staff"], second]}) as one:
        assert newcomers_added(one) == {"helper_two"}
    with season(tmp_path, spec) as one:
        assert newcomers_added(one) == set()


def test_the_same_seed_gives_the_same_season_with_everything_planted(tmp_path: Path) -> None:
    """Rings, own sends and outages are named by what they are, so two runs tell the same truth and seed 2 another."""
    spec = {
        "people": 80, "arrivals_per_day": 9, "rings": [RING], **group_of({**OWNER, "own_sends": 4}),
        "channels": [{"key": "fission-d", "name": "带新", "cost_fen": 1, "weight": 1, "junk": 0.2, "leaving": 1.5}],
    }  # fmt: skip
    truths = []
    for seed in (1, 1, 2):
        with season(tmp_path, spec, seed=seed) as one:
            one.until(3, 0)
            truths.append(one.truth())
    assert truths[0] == truths[1]
    assert truths[0] != truths[2]
