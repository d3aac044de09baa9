"""Acquisition on a real sandbox: people come in once, nothing goes out by accident, a repetition changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from flows.acquisition import acquisition
from qunflow import runtime
from qunflow.acquisition.params import AcquisitionParams
from qunflow.errors import BadInput, ChannelRefused, ChannelUnavailable, ConfigurationError
from qunflow.runtime import Runtime
from qunflow.store import figures, inbox, live_codes, members, people, quarantine, runs, tables

pytestmark = pytest.mark.usefixtures("prefect_server")

DAY = date(2026, 3, 2)
LIVE = AcquisitionParams(dry_run=False)
KEY = "neighbours"
COUNTED = (
    "leads",
    "contacts",
    "memberships",
    "targets",
    "invitations",
    "coupons",
    "quarantine",
    "figures",
    "live_codes",
)


def drop_leads(house: Any, name: str = "leads.csv", content: bytes | None = None) -> None:
    folder = house.runtime.directory / "leads"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content if content is not None else house.ask("export/leads.csv").encode())


def count(here: Runtime, *names: str) -> dict[str, int]:
    with here.store.reading() as conn:
        return {
            name: conn.execute(select(func.count()).select_from(getattr(tables, name))).scalar_one() for name in names
        }


def callback(house: Any, event: str, change: str, at: datetime, **fields: str) -> None:
    """Put a callback into the inbox as the web side does after checking its signature."""
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    head = f"<CreateTime>{int(at.timestamp())}</CreateTime><Event>{event}</Event><ChangeType>{change}</ChangeType>"
    body = f"<xml>{head}{inner}</xml>".encode()
    here = house.runtime
    here.store.write(lambda conn: inbox.keep(conn, [inbox.sealed(here.vault, "wecom", str(hash(body)), body)], at))


def befriend(house: Any, at: datetime, channel: str = "poster-a") -> str:
    """A stranger adds the helper; returns their id on the platform."""
    done = house.tell("act", {"act": "add_contact", "state": channel})
    ids = {"UserID": house.runtime.workspace.communities[0].helper, "ExternalUserID": done["external_userid"]}
    code = {"State": channel, "WelcomeCode": done["welcome_code"]}
    callback(house, "change_external_contact", "add_external_contact", at, **ids, **code)
    return str(done["external_userid"])


def person(here: Runtime, external_userid: str) -> int:
    with here.store.reading() as conn:
        return here.vault.known_persons(conn, "external_userid", [external_userid])[external_userid]


def value(here: Runtime, name: str, **dimensions: str) -> Any:
    with here.store.reading() as conn:
        found = figures.current(conn, KEY, "acquisition", DAY, name=name)
    return next(one.value for one in found if one.dimensions == dimensions)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a step try again at once."""
    from tasks import acquisition as steps

    def without_waits(name: str) -> None:
        monkeypatch.setattr(steps, name, getattr(steps, name).with_options(retry_delay_seconds=0))

    return without_waits


def test_a_day_brings_people_in(house: Any) -> None:
    """Leads are kept or set aside, rosters become memberships, each channel gets a code, the funnel is written."""
    drop_leads(house)

    done = acquisition(LIVE)

    here = house.runtime
    rows = house.ask("export/leads.csv").strip().count("\n")
    with here.store.reading() as conn:
        reasons = quarantine.reasons(conn, "acquisition")
        codes = live_codes.codes_of(conn, KEY)
        there = members.member_counts(conn, KEY)
        groups = {group.group_id: group.chat_id for group in members.groups_of(conn, KEY)}
        people_now = {one.person_id for one in members.memberships_of(conn, KEY) if one.left_at is None}
    channels = [channel.key for channel in here.workspace.communities[0].acquisition.channels]
    assert (done["rows_in"], done["new_leads"] + done["quarantined"]) == (rows, rows)
    assert sum(reasons.values()) == done["quarantined"] > 0
    assert [code.channel for code in codes] == sorted([*channels, "other"])
    assert all(code.url.startswith("http") for code in codes)
    for group_id, chat_id in groups.items():
        listed = here.wecom.group(chat_id)["member_list"]
        assert there[group_id] == sum(one["type"] == 2 for one in listed)
    assert value(here, "unique_members") == len(people_now)
    assert done["checks_passed"] == done["checks_total"]


def test_a_rehearsal_reaches_nobody(house: Any) -> None:
    """Without sending, what was seen is kept, and the platform accepted nothing."""
    drop_leads(house)
    befriend(house, house.clock.at)

    done = acquisition(AcquisitionParams())

    assert house.accepted() == []
    assert done["new_leads"] > 0
    assert count(house.runtime, "targets", "live_codes", "coupons", "invitations") == {
        "targets": 0,
        "live_codes": 0,
        "coupons": 0,
        "invitations": 0,
    }


def test_the_same_day_twice_changes_nothing(house: Any) -> None:
    """A second run with the same input adds no row, no event and no message."""
    drop_leads(house)
    befriend(house, house.clock.at)
    acquisition(LIVE)
    here = house.runtime
    before, sent = count(here, *COUNTED, "history_batches"), house.accepted()

    again = acquisition(LIVE)

    assert count(here, *COUNTED, "history_batches") == before
    assert house.accepted() == sent
    assert (again["rows_out"], again["figures_changed"], again["invited"]) == (0, 0, 0)


def test_a_newcomer_is_welcomed_once_with_a_code_and_a_coupon(house: Any) -> None:
    """Within 20 seconds the welcome goes out by its code; it says where to scan, and a coupon is booked."""
    acquisition(LIVE)
    who = befriend(house, house.clock.at)

    first, second = acquisition(LIVE), acquisition(LIVE)

    here = house.runtime
    with here.store.reading() as conn:
        url = next(code.url for code in live_codes.codes_of(conn, KEY) if code.channel == "poster-a")
    sent = [line for line in house.ask("log").splitlines() if "send_welcome_msg" in line]
    assert (first["welcomed"], second["welcomed"], len(sent)) == (1, 0, 1)
    assert url in sent[0]
    with here.store.reading() as conn:
        owners = conn.execute(select(tables.coupons.c.person_id)).scalars().all()
    assert owners == [person(here, who)]


def test_a_welcome_that_comes_too_late_is_sent_privately(house: Any) -> None:
    """Whose 20 seconds are over is greeted by a private task in the helper's name, once."""
    acquisition(LIVE)
    who = befriend(house, house.clock.at)
    house.move_to(DAY, time(9, 0))

    acquisition(LIVE)
    acquisition(LIVE)

    here = house.runtime
    with here.store.reading() as conn:
        rows = conn.execute(
            select(tables.targets.c.way, tables.targets.c.state).where(
                tables.targets.c.slot_key.startswith("welcome/"), tables.targets.c.target_ref == person(here, who)
            )
        ).all()
    assert [tuple(row) for row in rows] == [("private_task", "sent")]


def test_contacts_outside_every_group_are_invited_within_the_rules(house: Any) -> None:
    """Old contacts in no group are asked in the morning window; a week later again with other words, never before."""
    first = acquisition(LIVE)
    here = house.runtime
    with here.store.reading() as conn:
        due = (
            conn.execute(select(tables.targets.c.due_at).where(tables.targets.c.slot_key.startswith("invite/")))
            .scalars()
            .all()
        )
        inside = {one.person_id for one in members.memberships_of(conn, KEY)}
        invited = set(conn.execute(select(tables.invitations.c.person_id)).scalars())
    assert first["invited"] == len(due) > 0
    assert {at.astimezone(here.workspace.communities[0].zone_info).time() for at in due} == {time(10, 0)}
    assert not invited & inside

    house.move_to(DAY + timedelta(days=6))
    acquisition(LIVE)
    house.move_to(DAY + timedelta(days=7))
    acquisition(LIVE)
    with here.store.reading() as conn:
        slots = conn.execute(
            select(tables.targets.c.target_ref, tables.targets.c.local_day, tables.targets.c.slot_key).where(
                tables.targets.c.slot_key.startswith("invite/"), tables.targets.c.target_ref.in_(invited)
            )
        ).all()
    again = [row for row in slots if row.local_day > DAY]
    assert {row.local_day for row in again} == {DAY + timedelta(days=7)}
    assert all("/2" in row.slot_key for row in again)


def test_whoever_refused_is_left_alone(house: Any) -> None:
    """A suppression ends every invitation, whatever the schedule says."""
    here = house.runtime
    acquisition(AcquisitionParams())
    with here.store.reading() as conn:
        contacts = [one.person_id for one in people.contacts_of(conn, KEY)]
    here.store.write(lambda conn: people.suppress(conn, contacts, "do_not_invite", here.clock.now(), "test"))

    assert acquisition(LIVE)["invited"] == 0


def test_an_answer_that_refuses_ends_the_invitations(house: Any) -> None:
    """`不用` takes the person off the schedule at once; another answer does not, and both are signs of life."""
    here = house.runtime
    first = acquisition(LIVE)
    with here.store.reading() as conn:
        invited = conn.execute(select(tables.invitations.c.person_id)).scalars().all()
        ids = here.vault.external_userids(conn, invited)
    refusing, friendly = invited[0], invited[1]
    for who, text in ((refusing, "不用了"), (friendly, "新鲜")):
        body = {"external_userid": ids[who], "text": text, "at": here.clock.now().isoformat()}
        here.store.write(
            lambda conn, b=body, t=text: inbox.keep(conn, [inbox.sealed(here.vault, "reply", t, b)], here.clock.now())
        )
    here.store.write(
        lambda conn: inbox.keep(conn, [inbox.sealed(here.vault, "reply", "x", {"text": "?"})], here.clock.now())
    )
    house.move_to(DAY + timedelta(days=7))

    acquisition(LIVE)

    with here.store.reading() as conn:
        again = set(
            conn.execute(select(tables.invitations.c.person_id).where(tables.invitations.c.attempt == 2)).scalars()
        )
    replies = here.history.query("SELECT person_id FROM events WHERE kind = 'reply'")
    assert first["invited"] > 1
    assert refusing not in again
    assert sorted(replies["person_id"]) == sorted([refusing, friendly])


def test_a_leave_keeps_its_exact_time_and_a_visit_is_not_forgotten(house: Any) -> None:
    """A callback dates the leave; somebody who joined and left between two looks is in the history twice."""
    acquisition(LIVE)
    here = house.runtime
    group = here.workspace.communities[0].groups[0]
    with here.store.reading() as conn:
        group_id = members.group_ids_of_chats(conn, [group.chat_id])[group.chat_id]
        leaver = next(iter(members.open_memberships(conn, group_id)))
        external = here.vault.external_userids(conn, [leaver])[leaver]
    house.tell("act", {"act": "leave", "chat_id": group.chat_id, "external_userid": external})
    at = house.clock.at + timedelta(minutes=5)
    moved = {"ChatId": group.chat_id, "UpdateDetail": "del_member"}
    callback(house, "change_external_chat", "update", at, **moved, MemChangeList=f"<Item>{external}</Item>")
    visitor = {"ChatId": group.chat_id, "JoinScene": "3", "MemChangeList": "<Item>wmVisitor0000000000000001</Item>"}
    callback(house, "change_external_chat", "update", at, **visitor, UpdateDetail="add_member")
    gone = at + timedelta(minutes=7)
    callback(house, "change_external_chat", "update", gone, **visitor, UpdateDetail="del_member")
    house.clock.at += timedelta(hours=1)

    acquisition(LIVE)

    sql = "SELECT kind, person_id, happened_at, props FROM events WHERE local_day = $day AND happened_at >= $at"
    events = here.history.query(sql, day=DAY, at=at)
    told = [(row.kind, row.person_id, row.happened_at.to_pydatetime()) for row in events.itertuples()]
    visit = person(here, "wmVisitor0000000000000001")
    assert sorted(told) == sorted([("leave", leaver, at), ("join", visit, at), ("leave", visit, gone)])
    assert all("callback" in row.props for row in events.itertuples() if row.kind == "leave")


def test_a_leave_nobody_told_of_is_bounded(house: Any) -> None:
    """Without a callback the leave is known by the roster, after the last sighting and before this look."""
    acquisition(LIVE)
    here = house.runtime
    seen_at = here.clock.now()
    group = here.workspace.communities[0].groups[0]
    with here.store.reading() as conn:
        group_id = members.group_ids_of_chats(conn, [group.chat_id])[group.chat_id]
        leaver = next(iter(members.open_memberships(conn, group_id)))
        external = here.vault.external_userids(conn, [leaver])[leaver]
    house.tell("act", {"act": "leave", "chat_id": group.chat_id, "external_userid": external})
    house.clock.at += timedelta(hours=2)

    acquisition(LIVE)

    with here.store.reading() as conn:
        (stay,) = [one for one in members.memberships_of(conn, KEY) if one.person_id == leaver and one.left_at]
    assert (stay.left_known_by, stay.last_seen_at, stay.left_at) == ("roster", seen_at, house.clock.at)


def test_a_broken_callback_is_kept_with_its_reason_and_stops_nobody(house: Any) -> None:
    """What cannot be understood is quarantined in the inbox; the day goes on."""
    here = house.runtime
    body = b'<!DOCTYPE x [<!ENTITY a "b">]><xml>&a;</xml>'
    here.store.write(
        lambda conn: inbox.keep(conn, [inbox.sealed(here.vault, "wecom", "broken", body)], here.clock.now())
    )

    acquisition(LIVE)

    with here.store.reading() as conn:
        rows = conn.execute(select(tables.inbox.c.state, tables.inbox.c.reason)).all()
    assert [row.state for row in rows] == ["quarantined"]
    assert "document type" in rows[0].reason


def test_an_unreadable_file_is_named_after_everything_else_is_done(house: Any) -> None:
    """One broken export fails the run in the end; the other file's leads are kept all the same."""
    drop_leads(house)
    drop_leads(house, "broken.json", b'[{"a": 1,]')

    with pytest.raises(BadInput, match=r"broken\.json:1:"):
        acquisition(LIVE)

    assert count(house.runtime, "leads")["leads"] > 0
    with house.runtime.store.reading() as conn:
        run = runs.of_day(conn, KEY, DAY)[-1]
    assert run.state == "failed"
    assert "broken.json" in run.problem


@pytest.mark.parametrize("name", ["welcome_contact.j2", "reinvite_a.j2"])
def test_broken_copy_is_named_after_the_rosters_were_read(house: Any, name: str) -> None:
    """Broken copy fails the run in the end with file and line; who is in a group is known all the same."""
    here = house.runtime
    path = here.directory / "templates" / "acquisition" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("好的\n{{ nothing_of_this_name }}", encoding="utf-8")
    befriend(house, house.clock.at)

    with pytest.raises(ConfigurationError, match=rf"{name}:2:"):
        acquisition(LIVE)

    assert value(here, "unique_members") > 0


def test_a_file_is_read_once_and_again_under_a_mended_mapping(house: Any) -> None:
    """A file that was read is passed over until its content or the mapping of the form changes."""
    drop_leads(house, content="联系方式,姓名,手机\n13800138000,小林,没有\n".encode())
    first, second = acquisition(LIVE), acquisition(LIVE)
    here = house.runtime
    form = here.workspace.forms[0]
    fields = form.fields.model_copy(update={"phone": "联系方式"})
    mended = here.workspace.model_copy(update={"forms": (form.model_copy(update={"fields": fields}),)})

    with runtime.using(replace(here, workspace=mended)):
        third = acquisition(LIVE)

    told = [(done["rows_in"], done["new_leads"], done["quarantined"]) for done in (first, second, third)]
    assert told == [(1, 0, 1), (0, 0, 0), (1, 1, 0)]


def test_a_community_reads_its_own_folder(house: Any) -> None:
    """With several communities a file goes into the folder of the one it is for."""
    folder = house.runtime.directory / "leads" / KEY
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("手机号\n13800138000\n", encoding="utf-8")
    elsewhere = house.runtime.directory / "leads" / "others"
    elsewhere.mkdir()
    (elsewhere / "b.csv").write_text("手机号\n13900139000\n", encoding="utf-8")

    assert acquisition(LIVE)["rows_in"] == 1


def test_a_push_of_a_form_becomes_a_lead_once(house: Any) -> None:
    """An entry in the inbox is read by the form's mapping; a second run finds it applied."""
    here = house.runtime
    form = here.workspace.forms[0]
    entry = {"serial_number": 1, form.fields.name: "小林", form.fields.phone: "13800138000"}
    body = {"form": form.form, "entry": {**entry, form.fields.channel: "poster-a"}}
    here.store.write(lambda conn: inbox.keep(conn, [inbox.sealed(here.vault, "form", "x/1", body)], here.clock.now()))

    first, second = acquisition(LIVE), acquisition(LIVE)

    assert (first["new_leads"], second["rows_in"]) == (1, 0)
    assert value(here, "leads", channel="poster-a") == 1


def test_a_short_outage_is_tried_again(house: Any, quick: Callable[[str], None]) -> None:
    """The platform answers with a proxy's error page for a while; the step recovers and nothing is counted twice."""
    quick("read_rosters")
    house.tell("faults", [{"path": "externalcontact/groupchat/get", "mode": "http_502", "times": 2}])

    done = acquisition(LIVE)

    struck = house.ask("faults")
    assert "2" in str(struck)
    assert done["checks_passed"] == done["checks_total"]
    assert value(house.runtime, "unique_members") > 0


def test_a_group_that_the_platform_refuses_is_named(house: Any) -> None:
    """A wrong chat_id stops no other group, and the run's result says which group and what to look at."""
    house.tell("faults", [{"path": "externalcontact/groupchat/get", "mode": "errcode", "code": 40050, "times": 1}])

    first, second = acquisition(LIVE), acquisition(LIVE)

    assert [("group g" in one, "chat_id" in one) for one in first["unread"]] == [(True, True)]
    assert "unread" not in second


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"mode": "errcode", "code": 60011}, ChannelRefused),
        ({"mode": "http_502"}, ChannelUnavailable),
    ],
)
def test_a_lasting_failure_is_reported(
    house: Any, quick: Callable[[str], None], fault: dict[str, Any], error: type[Exception]
) -> None:
    """A refusal stops at once and an outage after its tries; the run says why, and no message is queued."""
    quick("keep_contacts")
    house.tell("faults", [{"path": "externalcontact/batch/get_by_user", **fault}])

    with pytest.raises(error):
        acquisition(LIVE)

    with house.runtime.store.reading() as conn:
        run = runs.of_day(conn, KEY, DAY)[-1]
    assert (run.state, "get_by_user" in run.problem) == ("failed", True)
    assert count(house.runtime, "targets") == {"targets": 0}


def test_a_seat_is_given_once(house: Any) -> None:
    """When there are more leads than seats, a second run gives no seat again that the first one gave."""
    drop_leads(house)
    here = house.runtime
    fullest = max(len(here.wecom.group(one["chat_id"])["member_list"]) for one in house.ask("world")["groups"])
    community = here.workspace.communities[0]
    rules = community.acquisition.model_copy(update={"rotate_at": fullest + 1})
    small = here.workspace.model_copy(update={"communities": (community.model_copy(update={"acquisition": rules}),)})

    with runtime.using(replace(here, workspace=small)):
        first = acquisition(LIVE)
        seats = given_seats(here)
        again = acquisition(LIVE)

    assert first["without_room"] == again["without_room"] > 0
    assert given_seats(here) == seats
    assert None in seats
    assert len(set(seats)) > 1


def given_seats(here: Runtime) -> list[int | None]:
    with here.store.reading() as conn:
        return list(conn.execute(select(tables.leads.c.placed_group_id).order_by(tables.leads.c.lead_id)).scalars())
