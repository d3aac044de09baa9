"""``qunflow verify wecom`` against a second sandbox that plays the real company, with differences planted."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from threading import Thread
from typing import Any

import httpx
import pytest

from qunflow.cli import main
from qunflow.cli.verify import _answers_here, comparisons
from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.lived_in import furnish
from qunflow.connectors.wecom.shapes import compared
from qunflow.connectors.wecom.trials import WRITE, write
from qunflow.connectors.wecom.verification import READ, Answers, Witness
from qunflow.errors import ChannelRefused, ChannelUnavailable, ConfigurationError
from qunflow.sandbox.options import Options
from qunflow.sandbox.running import running
from qunflow.settings.environment import load_environment
from tests.integration.sandbox_caller import CORP, SECRET, Caller

OPTIONS = Options(CORP, SECRET, seed=5)
Change = Callable[[Any], Any]
EC = "externalcontact"
TAGS = f"{EC}/get_corp_tag_list"
GROUP = f"{EC}/groupchat/get"
MADE_BY_DELETING = {
    "del_contact_way": "add_contact_way",
    "groupchat/del_join_way": "groupchat/add_join_way",
    "group_welcome_template/del": "group_welcome_template/add",
    "customer_acquisition/delete_link": "customer_acquisition/create_link",
    "del_intercept_rule": "add_intercept_rule",
    "delete_product_album": "add_product_album",
}


@dataclass
class Company:
    """A platform behind a proxy that changes the answers it is told to; ``asked`` are the paths of all requests."""

    url: str
    workspace: Path
    platform: Caller
    changes: dict[str, Change] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def differing(self) -> dict[str, Any]:
        found = comparisons(load_environment(self.workspace), write=False)
        return {one.call: one for one in found if one.state != "alike"}


@pytest.fixture(scope="module")
def platform() -> Iterator[str]:
    """A populated company, so that no list is empty; nothing here changes it for long."""
    with running(OPTIONS) as url:
        caller = Caller(url)
        with closing(WeCom(url, CORP, SECRET, OPTIONS.agent_id, production=False)) as wecom:
            furnish(wecom, "常客", lambda act: caller.act(**act), caller.wait)
        caller.http.close()
        yield url


@pytest.fixture(scope="module")
def alike() -> Answers:
    """What the throw-away sandbox answers."""
    return _answers_here(write=False)


@pytest.fixture
def company(platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    """A workspace whose WeCom is the proxy."""
    for name in [name for name in os.environ if name.startswith("QUNFLOW_")]:
        monkeypatch.delenv(name)
    (tmp_path / "qunflow.yaml").write_text("brand: 小满生活\n", encoding="utf-8")
    with proxied(platform) as found:
        found.workspace = tmp_path
        lines = {
            "WECOM_BASE_URL": found.url,
            "WECOM_CORP_ID": CORP,
            "WECOM_SECRET": SECRET,
            "CLOCK_URL": f"{platform}/_sandbox/clock",
        }
        (tmp_path / ".env").write_text("".join(f"QUNFLOW_{name}={value}\n" for name, value in lines.items()))
        yield found
        found.platform.http.close()


@contextmanager
def proxied(platform: str) -> Iterator[Company]:
    """A server that hands requests on and changes what ``Company.changes`` names."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._hand_on()

        def do_POST(self) -> None:
            self._hand_on()

        def _hand_on(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {"Content-Type": self.headers.get("Content-Type") or "application/json"}
            url = f"{platform}{self.path}"
            answer = through.request(self.command, url, content=content, headers=headers)
            call = self.path.partition("?")[0].removeprefix("/cgi-bin/")
            company.asked.append(call)
            self.send_response(200)
            if disposition := answer.headers.get("Content-Disposition"):
                self.send_header("Content-Disposition", disposition)
                changed = company.changes.get(call, bytes)(answer.content)
            else:
                changed = company.changes.get(call, dict)(answer.json())
            body = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

    through = httpx.Client(trust_env=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    company = Company(f"http://127.0.0.1:{server.server_port}", Path(), Caller(platform))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield company
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        through.close()


def run(company: Company, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["verify", "wecom", "-w", str(company.workspace), *words])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_a_sandbox_is_like_itself_in_every_call_and_is_only_read(
    company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every reading call of the connector, all alike, exit code 0, and nothing but these was made."""
    code, out, _ = run(company, capsys, "--json")
    found = json.loads(out)
    assert [(one["call"], one["state"]) for one in found] == [(path, "alike") for path in READ]
    assert code == 0
    assert set(company.asked) == set(READ)


def test_a_key_only_there_one_only_here_and_another_type_are_each_found(company: Company) -> None:
    """A planted difference is named by its place, and only that."""

    def change(body: dict[str, Any]) -> dict[str, Any]:
        group = body["group_chat"]
        members = [{k: v for k, v in one.items() if k != "join_scene"} for one in group["member_list"]]
        return {**body, "group_chat": {**group, "member_list": members, "colour": "red", "create_time": "1700000000"}}

    company.changes[GROUP] = change
    found = company.differing()
    assert list(found) == [GROUP]
    assert found[GROUP].only_there == (".group_chat.colour",)
    assert found[GROUP].only_here == (".group_chat.member_list[].join_scene",)
    kinds = [(one.path, one.there, one.here) for one in found[GROUP].types]
    assert kinds == [(".group_chat.create_time", ("string",), ("number",))]


@pytest.mark.parametrize(
    ("path", "items"),
    [
        ("user/list_id", "dept_user"),
        ("user/simplelist", "userlist"),
        ("department/list", "department"),
        ("message/get_statistics", "statistics"),
        (f"{EC}/batch/get_by_user", "external_contact_list"),
        (f"{EC}/contact_list", "info_list"),
        (f"{EC}/get", "follow_user"),
        (f"{EC}/get_corp_tag_list", "tag_group"),
        (f"{EC}/list_contact_way", "contact_way"),
        (f"{EC}/groupchat/list", "group_chat_list"),
        (f"{EC}/groupchat/statistic", "items"),
        (f"{EC}/groupchat/statistic_group_by_day", "items"),
        (f"{EC}/get_user_behavior_data", "behavior_data"),
        (f"{EC}/get_groupmsg_list_v2", "group_msg_list"),
        (f"{EC}/get_groupmsg_task", "task_list"),
        (f"{EC}/get_groupmsg_send_result", "send_list"),
        (f"{EC}/get_moment_list", "moment_list"),
        (f"{EC}/get_moment_task", "task_list"),
        (f"{EC}/get_moment_customer_list", "customer_list"),
        (f"{EC}/get_moment_send_result", "customer_list"),
        (f"{EC}/get_moment_comments", "comment_list"),
        (f"{EC}/get_moment_comments", "like_list"),
        (f"{EC}/customer_acquisition/customer", "customer_list"),
        (f"{EC}/customer_acquisition_quota", "quota_list"),
        (f"{EC}/get_product_album_list", "product_list"),
        (f"{EC}/get_intercept_rule_list", "rule_list"),
        (f"{EC}/transfer_result", "customer"),
        (f"{EC}/get_unassigned_list", "info"),
    ],
)
def test_the_items_of_every_list_are_compared(alike: Answers, path: str, items: str) -> None:
    """The throw-away sandbox is lived in: none of its lists is empty, which would hide a difference."""
    body = alike[path]
    assert body is not None
    there = {**body, items: [{**one, "colour": "red"} for one in body[items]]}
    assert compared(path, there, body).only_there == (f".{items}[].colour",)


def test_the_table_is_chinese_and_shows_places_without_values(
    company: Company, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name, an id or a token never reaches the screen, not even as a key."""
    monkeypatch.setenv("COLUMNS", "200")
    company.changes[TAGS] = lambda body: {**body, "wmQ7Secret": "林小满", "colour": "林小满"}
    code, out, err = run(company, capsys)
    assert (code, err) == (1, "")
    assert "只有企业微信有" in out
    assert "colour" in out
    assert f"{len(READ)} 个调用里 {len(READ) - 1} 个一致" in out
    chat = company.platform.call("groupchat/get", chat_id=company.platform.chat(), need_name=1)["group_chat"]
    private = ["林小满", "wmQ7Secret", chat["chat_id"], chat["name"], chat["owner"], company.platform.token, SECRET]
    assert [one for one in private if one in out] == []


def test_a_refusal_is_told_by_its_code_and_is_no_proof(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    """A call that the company's app may not make is not compared, and the exit code says so."""
    company.changes[TAGS] = lambda body: {"errcode": 48002, "errmsg": "api forbidden"}
    found = company.differing()
    assert (list(found), found[TAGS].state, found[TAGS].code_there) == ([TAGS], "refused", 48002)
    assert run(company, capsys)[0] == 1


def test_without_a_token_nothing_more_is_asked(company: Company) -> None:
    """A wrong secret is one call, as too many of them block the address."""
    company.changes["gettoken"] = lambda body: {"errcode": 40001, "errmsg": "invalid credential"}
    found = company.differing()
    assert company.asked == ["gettoken"]
    assert [one.state for one in found.values()] == ["refused", *["not_asked"] * (len(READ) - 1)]


def test_an_empty_company_proves_nothing_about_items(company: Company) -> None:
    """Without groups there is no group to ask for, and an empty list does not lack the keys of items."""
    company.changes["externalcontact/groupchat/list"] = lambda body: {**body, "group_chat_list": []}
    found = company.differing()
    assert {call: one.state for call, one in found.items()} == {GROUP: "not_asked"}


def test_an_answer_the_connector_cannot_read_is_a_difference_and_no_end(company: Company) -> None:
    """A list that is none stands in the table, and the other calls are asked all the same."""
    company.changes["department/list"] = lambda body: {**body, "department": "none"}
    found = company.differing()
    assert {call: one.types[0].path for call, one in found.items()} == {"department/list": ".department"}


def test_a_platform_that_answers_no_json_is_an_error(company: Company) -> None:
    """A page of a proxy in between is not taken for an answer."""
    company.changes[TAGS] = lambda body: b"<html>"
    with pytest.raises(ChannelUnavailable, match="unreadable"):
        company.differing()


def test_of_a_long_list_only_the_first_page_is_read(company: Company) -> None:
    """However many customers a company has, one call is made for them."""
    company.changes[f"{EC}/batch/get_by_user"] = lambda body: {**body, "next_cursor": "more"}
    company.differing()
    assert company.asked.count(f"{EC}/batch/get_by_user") == 1


def left(company: Company) -> list[tuple[str, str]]:
    """What was made and not deleted, by the platform's own log."""
    there: list[tuple[str, str]] = []
    for line in company.platform.log():
        name = line["path"].rpartition("externalcontact/")[2]
        if name in MADE_BY_DELETING.values():
            there.append((name, line["msgid"]))
        elif name in MADE_BY_DELETING:
            there.remove((MADE_BY_DELETING[name], line["msgid"]))
    return there


def trial(company: Company) -> None:
    """Make one of each and delete it, as the command does after reading."""
    witness = Witness()
    with closing(WeCom(company.url, CORP, SECRET, 1, production=False, witness=witness, first_pages=True)) as wecom:
        wecom.follow_users()
        write(wecom, witness, f"qunflow-verify-{token_hex(2)}", datetime.now(UTC))


def test_writing_makes_one_of_each_and_leaves_none(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    """With --with-writes more calls are compared, each was made, and the company has what it had."""
    before = left(company)
    code, out, _ = run(company, capsys, "--with-writes", "--yes", "--json")
    found = json.loads(out)
    assert [(one["call"], one["state"]) for one in found] == [(path, "alike") for path in (*READ, *WRITE)]
    assert code == 0
    assert set(company.asked) >= set(WRITE)
    assert left(company) == before


def test_the_token_is_not_kept_with_the_answers(alike: Answers) -> None:
    """Keys and types are compared, so its text is of no use."""
    assert (alike["gettoken"] or {})["access_token"] == "***"


def test_nothing_is_written_and_asked_without_confirmation(
    company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal names the company and the option, and no call was made."""
    code, _, err = run(company, capsys, "--with-writes")
    assert code == 2
    assert CORP in err
    assert "--yes" in err
    assert company.asked == []


@pytest.mark.parametrize("call", [one for one in WRITE if "add" in one or "create" in one])
def test_an_object_that_may_be_left_is_named(company: Company, call: str) -> None:
    """Whoever gets no answer to a write, or one without an id, learns what to look for."""
    for change in (lambda body: b"<html>", lambda body: {"errcode": 0, "errmsg": "ok"}):
        company.changes[call] = change
        with pytest.raises(ChannelUnavailable) as told:
            trial(company)
        assert re.search(r"look for an? .*'qunflow-verify-[0-9a-f]{4}' .*delete it", told.value.next_step)


@pytest.mark.parametrize("call", [one for one in WRITE if "del" in one])
def test_an_object_that_is_not_deleted_is_named(company: Company, call: str) -> None:
    """A refused deletion, too, says what to look for."""
    company.changes[call] = lambda body: {"errcode": 48002, "errmsg": "api forbidden"}
    with pytest.raises(ChannelRefused, match="does not delete it") as told:
        trial(company)
    assert "qunflow-verify-" in told.value.next_step


def test_a_refused_write_leaves_nothing_to_delete(company: Company) -> None:
    """An app that may not make tags is told so in the table, nothing is deleted, and the other trials go on."""
    company.changes[WRITE[0]] = lambda body: {"errcode": 48002, "errmsg": "api forbidden"}
    found = {one.call: one.state for one in comparisons(load_environment(company.workspace), write=True)}
    assert [found[path] for path in WRITE[:3]] == ["refused", "not_asked", "not_asked"]
    assert {found[path] for path in WRITE[3:]} == {"alike"}
    assert WRITE[2] not in company.asked


def test_a_file_that_comes_back_changed_is_no_success(company: Company) -> None:
    """The content counts, as a file has no keys to compare."""
    company.changes["media/get"] = lambda content: content + b"."
    found = {one.call: one.state for one in comparisons(load_environment(company.workspace), write=True)}
    assert found["media/get"] == "not_asked"


def test_a_trial_that_breaks_off_deletes_what_it_made(company: Company) -> None:
    """Between making and deleting anything may fail; the object is deleted all the same."""
    before = left(company)
    company.changes[f"{EC}/update_contact_way"] = lambda body: b"<html>"
    with pytest.raises(ChannelUnavailable):
        trial(company)
    assert left(company) == before


def test_a_real_address_needs_production(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reaches a real company by mistake: the error names the variable."""
    monkeypatch.setenv("QUNFLOW_WECOM_BASE_URL", "https://qyapi.weixin.qq.com")
    with pytest.raises(ConfigurationError, match="QUNFLOW_ENV=production"):
        comparisons(load_environment(company.workspace), write=False)
    assert company.asked == []
