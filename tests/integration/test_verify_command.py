"""``qunflow verify wecom`` against a second sandbox that plays the real company, with differences planted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from qunflow.cli import main
from qunflow.cli.verify import comparisons
from qunflow.connectors.wecom.verification import READ, WRITE
from qunflow.errors import ChannelRefused, ChannelUnavailable, ConfigurationError
from qunflow.sandbox.options import Options
from qunflow.sandbox.running import running
from qunflow.settings.environment import load_environment
from tests.integration.sandbox_caller import CORP, SECRET, Caller

Change = Callable[[dict[str, Any]], Any]
TAGS = "externalcontact/get_corp_tag_list"
GROUP = "externalcontact/groupchat/get"


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
    with running(Options(CORP, SECRET, seed=5)) as url:
        caller = Caller(url)
        caller.call("add_corp_tag", group_name="常客", tag=[{"name": "每周"}])
        chat = caller.call("groupchat/get", chat_id=caller.chat())["group_chat"]
        caller.call(
            "add_msg_template",
            chat_type="group",
            sender=chat["owner"],
            chat_id_list=[chat["chat_id"]],
            text={"content": "砂糖橘"},
        )
        caller.http.close()
        yield url


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
            answer = httpx.request(self.command, f"{platform}{self.path}", content=content, trust_env=False).json()
            call = self.path.partition("?")[0].removeprefix("/cgi-bin/")
            company.asked.append(call)
            changed = company.changes.get(call, dict)(answer)
            body = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Say nothing."""

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


def run(company: Company, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["verify", "wecom", "-w", str(company.workspace), *words])
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_a_sandbox_is_like_itself_in_every_call_and_is_only_read(
    company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten calls, all alike, exit code 0, and nothing but reading calls was made."""
    code, out, _ = run(company, capsys, "--json")
    found = json.loads(out)
    assert [(one["call"], one["state"]) for one in found] == [(path, "alike") for path in READ]
    assert code == 0
    assert sorted(company.asked) == sorted(READ)


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
    ("call", "items"),
    [
        ("batch/get_by_user", "external_contact_list"),
        ("get_corp_tag_list", "tag_group"),
        ("get_groupmsg_list_v2", "group_msg_list"),
        ("get_user_behavior_data", "behavior_data"),
        ("groupchat/statistic", "items"),
    ],
)
def test_the_items_of_every_list_are_compared(company: Company, call: str, items: str) -> None:
    """The throw-away sandbox is lived in: none of its lists is empty, which would hide a difference."""
    path = f"externalcontact/{call}"
    company.changes[path] = lambda body: {**body, items: [{**one, "colour": "red"} for one in body[items]]}
    found = company.differing()
    assert {one.call: one.only_there for one in found.values()} == {path: (f".{items}[].colour",)}


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
    assert "10 个调用里 9 个一致" in out
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


def test_writing_makes_a_tag_group_and_leaves_none(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    """With --write two more calls are compared, and the company has the tag groups it had."""
    before = company.platform.call("get_corp_tag_list")["tag_group"]
    code, out, _ = run(company, capsys, "--write", "--json")
    assert (code, [one["call"] for one in json.loads(out)]) == (0, [*READ, *WRITE])
    assert [call for call in company.asked if call in WRITE] == list(WRITE)
    assert company.platform.call("get_corp_tag_list")["tag_group"] == before


@pytest.mark.parametrize(
    ("call", "change"),
    [
        (WRITE[0], lambda body: b"<html>"),
        (WRITE[0], lambda body: {"errcode": 0, "tag_group": [body["tag_group"]]}),
    ],
)
def test_a_tag_group_that_may_be_left_is_named(company: Company, call: str, change: Change) -> None:
    """Whoever gets no answer to a write, or one without an id, learns what to look for."""
    company.changes[call] = change
    with pytest.raises((ChannelUnavailable, ChannelRefused)) as told:
        comparisons(load_environment(company.workspace), write=True)
    left = company.platform.call("get_corp_tag_list")["tag_group"]
    [group] = [one for one in left if one["group_name"].startswith("qunflow-verify-")]
    assert group["group_name"] in told.value.next_step
    company.platform.call("del_corp_tag", group_id=[group["group_id"]])


def test_a_refused_write_leaves_nothing_to_delete(company: Company) -> None:
    """An app that may not make tags is told so in the table, and nothing is deleted."""
    company.changes[WRITE[0]] = lambda body: {"errcode": 48002, "errmsg": "api forbidden"}
    before = company.platform.call("get_corp_tag_list")["tag_group"]
    found = comparisons(load_environment(company.workspace), write=True)
    assert [one.state for one in found[-2:]] == ["refused", "not_asked"]
    assert WRITE[1] not in company.asked
    for one in company.platform.call("get_corp_tag_list")["tag_group"]:
        if one not in before:
            company.platform.call("del_corp_tag", group_id=[one["group_id"]])


def test_a_real_address_needs_production(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reaches a real company by mistake: the error names the variable."""
    monkeypatch.setenv("QUNFLOW_WECOM_BASE_URL", "https://qyapi.weixin.qq.com")
    with pytest.raises(ConfigurationError, match="QUNFLOW_ENV=production"):
        comparisons(load_environment(company.workspace), write=False)
    assert company.asked == []
