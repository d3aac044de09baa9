"""Channel codes over real HTTP: made, listed, changed, scanned with their state, ended; temporary ones too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from qunflow.sandbox.options import App, Limits
from tests.integration.sandbox_caller import HELPER, OTHER, OWNER, Caller, calling, hearing

DAY_S = 86_400
ADMINS = {"admin_lin", "admin_tang"}
WAY = {"type": 1, "scene": 2, "user": [HELPER]}
SEVERAL = {"type": 2, "scene": 2, "user": [HELPER, OWNER]}
TEMPORARY = {**WAY, "is_temp": True}


@pytest.fixture
def sandbox() -> Iterator[Caller]:
    """A sandbox with the documented limits."""
    with calling() as caller:
        yield caller


def make(sandbox: Caller, **settings: Any) -> str:
    """The config_id of a new code."""
    answer = sandbox.call("add_contact_way", **settings)
    assert answer["errcode"] == 0, answer
    return str(answer["config_id"])


def shown(sandbox: Caller, config: str) -> dict[str, Any]:
    """A code's settings."""
    found: dict[str, Any] = sandbox.call("get_contact_way", config_id=config)["contact_way"]
    return found


@pytest.mark.covers("externalcontact/add_contact_way", "success")
@pytest.mark.covers("externalcontact/add_contact_way", "read_back")
@pytest.mark.covers("externalcontact/get_contact_way", "success")
@pytest.mark.covers("externalcontact/get_contact_way", "read_back")
def test_contact_ways_add_contact_way_succeeds_and_reads_back(sandbox: Caller) -> None:
    """All settings come back with their defaults; a QR address is there for scene 2 only."""
    given = {
        **SEVERAL,
        "party": [1],
        "remark": "长" * 30,
        "state": "s" * 30,
        "skip_verify": False,
        "is_exclusive": True,
    }
    answer = sandbox.call("add_contact_way", **given)
    way = shown(sandbox, answer["config_id"])
    assert {name: way[name] for name in given} == given
    assert (way["config_id"], way["qr_code"]) == (answer["config_id"], answer["qr_code"])
    assert (way["is_temp"], way["mark_source"]) == (False, True)
    button = sandbox.call("add_contact_way", type=1, scene=1, style=3, user=[HELPER])
    assert "qr_code" not in button
    assert (shown(sandbox, button["config_id"])["style"], shown(sandbox, button["config_id"])["skip_verify"]) == (
        3,
        True,
    )


@pytest.mark.covers("externalcontact/add_contact_way", "refusal")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": None}, 41037),
        ({"scene": None}, 41038),
        ({"type": 3}, 41039),
        ({"scene": 3}, 41040),
        ({"scene": 1, "style": 4}, 41042),
        ({"type": 2, "scene": 1, "style": 3}, 41042),
        ({"user": []}, 40058),
        ({"user": [HELPER, OWNER]}, 40058),
        ({"party": [1]}, 40058),
        ({"type": 2, "user": []}, 40063),
        ({"type": 2, "user": ["x"] * 101}, 41041),
        ({"type": 2, "party": [99]}, 60003),
        ({"user": ["nobody"]}, 60111),
        ({"remark": "长" * 31}, 40058),
        ({"state": "s" * 31}, 40058),
        ({"skip_verify": "yes"}, 40058),
        ({"is_temp": True, "type": 2}, 40058),
        ({"is_temp": True, "expires_in": 14 * DAY_S + 1}, 40058),
        ({"is_temp": True, "chat_expires_in": 14 * DAY_S + 1}, 40058),
        ({"is_temp": True, "conclusions": {"text": {"content": "长" * 1_334}}}, 40058),
        ({"is_temp": True, "conclusions": {"image": {"media_id": "no"}}}, 40007),
    ],
)
def test_contact_ways_add_contact_way_refuses(sandbox: Caller, change: dict[str, Any], code: int) -> None:
    """Each documented mistake has its own code, and nothing is made."""
    assert sandbox.code("add_contact_way", **{**WAY, **change}) == code
    assert sandbox.call("list_contact_way")["contact_way"] == []


def test_contact_ways_add_contact_way_counts_join_ways_and_temporary_codes() -> None:
    """Lasting codes share their quota with live group codes; temporary ones have one of each day."""
    with calling(Limits(codes=2, temporary_codes_per_day=1)) as sandbox:
        sandbox.call("groupchat/add_join_way", scene=2, chat_id_list=[sandbox.chat()])
        first = make(sandbox, **WAY)
        assert sandbox.code("add_contact_way", **WAY) == 41045
        assert sandbox.code("del_contact_way", config_id=first) == 0
        assert sandbox.code("add_contact_way", **TEMPORARY) == 0
        assert sandbox.code("add_contact_way", **TEMPORARY) == 41045
        sandbox.wait(DAY_S)
        sandbox.renew()
        assert sandbox.code("add_contact_way", **TEMPORARY) == 0


@pytest.mark.covers("externalcontact/get_contact_way", "refusal")
def test_contact_ways_get_contact_way_refuses_unknown_ones_and_those_of_other_apps() -> None:
    """No id is 41043, an unknown one 41044; another app's code is unknown and not listed."""
    with calling(apps=(App(1_000_003, "other"),)) as sandbox:
        config = make(sandbox, **WAY)
        assert sandbox.code("get_contact_way") == 41043
        assert sandbox.code("get_contact_way", config_id="0" * 32) == 41044
        other = Caller(str(sandbox.http.base_url), "other")
        assert other.code("get_contact_way", config_id=config) == 41044
        assert other.call("list_contact_way")["contact_way"] == []
        other.http.close()


def test_contact_ways_a_restricted_app_cannot_lead_to_members_outside_its_range() -> None:
    """Neither by name nor through a department."""
    with calling(apps=(App(1_000_003, "other", sees=(HELPER,)),)) as sandbox:
        other = Caller(str(sandbox.http.base_url), "other")
        assert other.code("add_contact_way", **WAY) == 0
        assert other.code("add_contact_way", **{**WAY, "user": [OWNER]}) == 60011
        assert other.code("add_contact_way", type=2, scene=2, party=[1]) == 60011
        other.http.close()


@pytest.mark.covers("externalcontact/list_contact_way", "success")
@pytest.mark.covers("externalcontact/list_contact_way", "read_back")
def test_contact_ways_list_contact_way_succeeds_in_pages(sandbox: Caller) -> None:
    """Lasting codes of the last 90 days, or of a span, once each; temporary and deleted ones are left out."""
    old = make(sandbox, **WAY)
    sandbox.wait(90 * DAY_S + 1)
    sandbox.renew()
    new = [make(sandbox, **WAY) for _ in range(3)]
    make(sandbox, **TEMPORARY)
    sandbox.call("del_contact_way", config_id=new.pop())
    first = sandbox.call("list_contact_way", limit=1)
    rest = sandbox.call("list_contact_way", limit=1, cursor=first["next_cursor"])
    assert [row["config_id"] for row in first["contact_way"] + rest["contact_way"]] == new
    assert rest["next_cursor"] == ""
    everything = sandbox.call("list_contact_way", start_time=0)["contact_way"]
    assert [row["config_id"] for row in everything] == [old, *new]
    assert sandbox.call("list_contact_way", start_time=0, end_time=1)["contact_way"] == []


@pytest.mark.covers("externalcontact/list_contact_way", "refusal")
def test_contact_ways_list_contact_way_refuses_bad_spans_and_pages(sandbox: Caller) -> None:
    """At most 1,000 a page, the start before the end, only cursors that were given out."""
    assert sandbox.code("list_contact_way", limit=1_001) == 40058
    assert sandbox.code("list_contact_way", start_time=2, end_time=1) == 40058
    assert sandbox.code("list_contact_way", cursor="zzz") == 50100


@pytest.mark.covers("externalcontact/update_contact_way", "success")
@pytest.mark.covers("externalcontact/update_contact_way", "read_back")
def test_contact_ways_update_contact_way_succeeds_on_what_is_named(sandbox: Caller) -> None:
    """People and remark are overwritten as a whole, what is left out stays, type and scene cannot change."""
    config = make(sandbox, **SEVERAL, remark="旧", state="poster-a", skip_verify=False)
    before = shown(sandbox, config)
    assert sandbox.code("update_contact_way", config_id=config, user=[OTHER], remark="", type=1, scene=1) == 0
    assert shown(sandbox, config) == {**before, "user": [OTHER], "remark": ""}
    assert sandbox.code("update_contact_way", config_id=config, state="", skip_verify=True) == 0
    assert (shown(sandbox, config)["state"], shown(sandbox, config)["skip_verify"]) == ("", True)
    temporary = make(sandbox, **TEMPORARY)
    assert sandbox.code("update_contact_way", config_id=temporary, expires_in=60) == 0
    assert (shown(sandbox, temporary)["expires_in"], shown(sandbox, temporary)["chat_expires_in"]) == (60, DAY_S)


@pytest.mark.covers("externalcontact/update_contact_way", "refusal")
def test_contact_ways_update_contact_way_refuses_what_add_refuses(sandbox: Caller) -> None:
    """The rules are those of making one, and a refused change changes nothing."""
    config = make(sandbox, **WAY, remark="旧")
    before = shown(sandbox, config)
    cases = [
        ({"user": [HELPER, OWNER]}, 40058),
        ({"user": ["nobody"]}, 60111),
        ({"remark": "长" * 31}, 40058),
        ({"state": "s" * 31}, 40058),
    ]
    for change, code in cases:
        assert sandbox.code("update_contact_way", config_id=config, **change) == code
    assert sandbox.code("update_contact_way", config_id="0" * 32, remark="a") == 41044
    assert sandbox.code("update_contact_way", remark="a") == 41043
    assert shown(sandbox, config) == before


@pytest.mark.covers("externalcontact/del_contact_way", "success")
@pytest.mark.covers("externalcontact/del_contact_way", "read_back")
@pytest.mark.covers("externalcontact/del_contact_way", "refusal")
def test_contact_ways_del_contact_way_succeeds_once(sandbox: Caller) -> None:
    """A deleted code is unknown to every call and can no longer be scanned."""
    config = make(sandbox, **WAY)
    assert sandbox.code("del_contact_way", config_id=config) == 0
    for name in ("get_contact_way", "update_contact_way", "del_contact_way"):
        assert sandbox.code(name, config_id=config) == 41044
    assert sandbox.try_act("scan_contact_way", config_id=config).status_code == 400


def test_contact_ways_scanning_returns_the_state_in_the_event_and_with_the_customer() -> None:
    """The channel of a code reaches the product twice; making the code raised no event."""
    with hearing() as (callback, heard), calling(callback=callback) as sandbox:
        config = make(sandbox, **WAY, state="poster-a")
        assert heard == []
        met = sandbox.act("scan_contact_way", config_id=config, name="小林")
        (event,) = heard
        assert (event["ChangeType"], event["State"]) == ("add_external_contact", "poster-a")
        assert (event["UserID"], event["ExternalUserID"]) == (HELPER, met["external_userid"])
        assert event["WelcomeCode"] == met["welcome_code"]
        (follow,) = sandbox.ask("get", external_userid=met["external_userid"])["follow_user"]
        assert (follow["state"], follow["add_way"]) == ("poster-a", 1)
        assert sandbox.try_act("scan_contact_way", **{**met, "config_id": config}).status_code == 400


def test_contact_ways_a_code_that_asks_for_approval_waits_for_a_yes() -> None:
    """Nothing happens before the member accepts; a half friendship brings its welcome code at once."""
    with hearing() as (callback, heard), calling(callback=callback) as sandbox:
        config = make(sandbox, **WAY, state="poster-a", skip_verify=False)
        asked = sandbox.act("scan_contact_way", config_id=config)
        assert (asked["welcome_code"], heard) == ("", [])
        assert sandbox.ask("get", external_userid=asked["external_userid"])["errcode"] == 84061
        accepted = sandbox.act("accept_contact", userid=HELPER, external_userid=asked["external_userid"])
        assert accepted["welcome_code"] == heard[0]["WelcomeCode"]
        half = sandbox.act("scan_contact_way", config_id=make(sandbox, **WAY), half=True)
        assert heard[1]["ChangeType"] == "add_half_external_contact"
        assert sandbox.code("send_welcome_msg", welcome_code=half["welcome_code"], text={"content": "早"}) == 0
        later = sandbox.act("accept_contact", userid=HELPER, external_userid=half["external_userid"])
        assert later["welcome_code"] == ""
        assert heard[2]["ChangeType"] == "add_external_contact"
        again = {"userid": HELPER, "external_userid": half["external_userid"]}
        assert sandbox.try_act("accept_contact", **again).status_code == 400


def test_contact_ways_an_exclusive_code_leads_a_company_to_one_member(sandbox: Caller) -> None:
    """A code of several members spreads people; an exclusive one keeps those of one company together."""
    spread, exclusive = make(sandbox, **SEVERAL), make(sandbox, **SEVERAL, is_exclusive=True)
    led = {sandbox.act("scan_contact_way", config_id=spread)["userid"] for _ in range(12)}
    assert led == {HELPER, OWNER}
    colleagues = [sandbox.act("add_customer", company={"corp_name": "远山果业"})["external_userid"] for _ in range(12)]
    led = {sandbox.act("scan_contact_way", config_id=exclusive, external_userid=c)["userid"] for c in colleagues}
    assert len(led) == 1


def test_contact_ways_a_temporary_code_dies_after_the_first_scan_or_its_time(sandbox: Caller) -> None:
    """It works once, for seven days unless told otherwise, and only for the person it was made for."""
    config = make(sandbox, **TEMPORARY)
    way = shown(sandbox, config)
    assert (way["is_temp"], way["expires_in"], way["chat_expires_in"]) == (True, 7 * DAY_S, DAY_S)
    sandbox.act("scan_contact_way", config_id=config)
    assert sandbox.try_act("scan_contact_way", config_id=config).status_code == 400
    late = make(sandbox, **TEMPORARY, expires_in=60)
    personal = make(sandbox, **TEMPORARY, unionid="oSomebody")
    assert sandbox.try_act("scan_contact_way", config_id=personal).status_code == 400
    sandbox.wait(60)
    assert sandbox.try_act("scan_contact_way", config_id=late).status_code == 400


@pytest.mark.covers("externalcontact/close_temp_chat", "success")
@pytest.mark.covers("externalcontact/close_temp_chat", "read_back")
@pytest.mark.covers("externalcontact/close_temp_chat", "refusal")
def test_contact_ways_close_temp_chat_succeeds_once_while_the_session_lasts(sandbox: Caller) -> None:
    """A session is closed once; without one it is 40058, between strangers 84061."""
    conclusions = {"text": {"content": "下次见"}, "link": {"title": "单", "url": "https://shop.example.com"}}
    config = make(sandbox, **TEMPORARY, conclusions=conclusions)
    assert shown(sandbox, config)["conclusions"] == conclusions
    met = sandbox.act("scan_contact_way", config_id=config)
    about = {"userid": HELPER, "external_userid": met["external_userid"]}
    assert sandbox.code("close_temp_chat", **about) == 0
    assert sandbox.code("close_temp_chat", **about) == 40058
    late = sandbox.act("scan_contact_way", config_id=make(sandbox, **TEMPORARY, chat_expires_in=60))
    sandbox.wait(60)
    assert sandbox.code("close_temp_chat", userid=HELPER, external_userid=late["external_userid"]) == 40058
    assert sandbox.code("close_temp_chat", userid=OWNER, external_userid=late["external_userid"]) == 84061
    assert sandbox.code("close_temp_chat", userid=HELPER) == 41035


def test_contact_ways_expand_departments_to_active_members(sandbox: Caller) -> None:
    """A department leads to those in it who ever logged in; naming one who did not is 41054."""
    config = make(sandbox, type=2, scene=2, party=[4])
    assert {sandbox.act("scan_contact_way", config_id=config)["userid"] for _ in range(12)} == ADMINS
    sandbox.act("activate", userid="admin_lin", active=False)
    assert {sandbox.act("scan_contact_way", config_id=config)["userid"] for _ in range(6)} == {"admin_tang"}
    assert sandbox.code("add_contact_way", **{**WAY, "user": ["admin_lin"]}) == 41054
    sandbox.act("activate", userid="admin_lin")
    assert sandbox.code("add_contact_way", **{**WAY, "user": ["admin_lin"]}) == 0


def test_contact_ways_lead_past_members_who_left(sandbox: Caller) -> None:
    """Who left the corp gets nobody any more; when nobody is left the code leads nowhere."""
    config = make(sandbox, **SEVERAL)
    sandbox.act("resign", userid=HELPER)
    assert {sandbox.act("scan_contact_way", config_id=config)["userid"] for _ in range(6)} == {OWNER}
    sandbox.act("resign", userid=OWNER)
    assert sandbox.try_act("scan_contact_way", config_id=config).status_code == 400
