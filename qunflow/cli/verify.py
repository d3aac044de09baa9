"""
``qunflow verify``: whether a real platform still answers as the sandbox does, told in keys and types only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from qunflow.cli.options import JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from qunflow.clock import Clock
    from qunflow.connectors.wecom.client import WeCom
    from qunflow.connectors.wecom.shapes import Comparison
    from qunflow.connectors.wecom.verification import Answers, Witness
    from qunflow.language import Catalogue
    from qunflow.settings.environment import Environment

app = App(name="verify", result_action="return_value")

_NAME = "qunflow-verify"


@app.command
def wecom(
    *,
    workspace: WorkspaceOption = None,
    with_writes: Annotated[
        bool,
        Parameter(negative="", help="每类对象另建一个再删掉 (also make one of each and delete it)"),
    ] = False,
    yes: Annotated[bool, Parameter(negative="", help="这家是测试公司 (yes, it is a test company)")] = False,
    as_json: JsonOption = False,
) -> int:
    """拿真实企业微信的回答和沙箱比:只比键和类型 (compare keys and types with the sandbox's). Exit code 1 if unlike."""
    from qunflow.language import catalogue
    from qunflow.settings.environment import load_environment, workspace_directory

    environment = load_environment(workspace_directory(workspace))
    if with_writes and not yes:
        raise _unconfirmed(environment)
    found = comparisons(environment, write=with_writes)
    words = catalogue(environment.lang)
    _print_json(found) if as_json else _print_table(found, words)
    return 0 if all(one.state == "alike" for one in found) else 1


def comparisons(environment: Environment, *, write: bool) -> list[Comparison]:
    """
    Ask a company and a throw-away sandbox the same calls.

    Args:
        write: whether objects are made for trial, and deleted again.

    Raises:
        ConfigurationError: a setting is missing, or the address is not one for this QUNFLOW_ENV.
        ChannelUnavailable: the company's platform cannot be reached.
        ChannelRefused: an object made for trial is left behind; the error names it.
    """
    from qunflow.connectors.wecom.shapes import compared
    from qunflow.connectors.wecom.trials import WRITE
    from qunflow.connectors.wecom.verification import READ

    there = _answers_there(environment, write=write)
    here = _answers_here(write=write)
    return [compared(path, there.get(path), here.get(path)) for path in (*READ, *(WRITE if write else ()))]


def _unconfirmed(environment: Environment) -> Exception:
    from qunflow.errors import ConfigurationError

    return ConfigurationError(
        f"--with-writes makes and deletes test objects in the company {environment.require('wecom_corp_id')}",
        "use a test company; when this is one, say so with --yes",
    )


def _answers_there(environment: Environment, *, write: bool) -> Answers:
    from qunflow.clock import SandboxClock, SystemClock
    from qunflow.connectors.wecom.verification import Witness

    clock: Clock = SandboxClock(environment.clock_url) if environment.clock_url else SystemClock()
    corp_id, secret = environment.require("wecom_corp_id"), environment.require("wecom_secret")
    witness = Witness()
    with _calling(
        environment.wecom_base_url,
        corp_id,
        secret,
        agent_id=environment.wecom_agent_id,
        witness=witness,
        production=environment.production,
    ) as caller:
        _ask(caller, witness, clock, write=write)
    return witness.answers


def _answers_here(*, write: bool) -> Answers:
    from qunflow.clock import SandboxClock
    from qunflow.connectors.wecom.lived_in import furnish
    from qunflow.connectors.wecom.verification import Witness
    from qunflow.sandbox.options import Options
    from qunflow.sandbox.running import running

    options = Options("ww0000000000000000", "throw-away")
    app = (options.corp_id, options.secret)
    witness = Witness()
    with running(options) as url, _Control(url) as control:
        with _calling(url, *app, agent_id=options.agent_id) as caller:
            furnish(caller, _NAME, control.act, control.pass_time)
        with _calling(url, *app, agent_id=options.agent_id, witness=witness) as caller:
            _ask(caller, witness, SandboxClock(f"{url}/_sandbox/clock"), write=write)
    return witness.answers


class _Control:
    """The people and the clock of a throw-away sandbox."""

    def __init__(self, url: str) -> None:
        import httpx

        self._http = httpx.Client(base_url=f"{url}/_sandbox", trust_env=False, timeout=60)

    def __enter__(self) -> _Control:
        return self

    def __exit__(self, *about: object) -> None:
        self._http.close()

    def act(self, act: dict[str, Any]) -> dict[str, Any]:
        """Let somebody do something; what came of it."""
        found: dict[str, Any] = self._http.post("/act", json=act).raise_for_status().json()
        return found

    def pass_time(self, seconds: int) -> None:
        """Let time pass."""
        self._http.post("/clock", json={"advance_s": seconds}).raise_for_status()


@contextmanager
def _calling(
    base_url: str,
    corp_id: str,
    secret: str,
    *,
    agent_id: int,
    witness: Witness | None = None,
    production: bool = False,
) -> Iterator[WeCom]:
    from qunflow.connectors.wecom.client import WeCom

    caller = WeCom(
        base_url, corp_id, secret, agent_id, production=production, witness=witness, first_pages=witness is not None
    )
    try:
        yield caller
    finally:
        caller.close()


def _ask(caller: WeCom, witness: Witness, clock: Clock, *, write: bool) -> None:
    from secrets import token_hex

    from qunflow.connectors.wecom import trials, verification

    now = clock.now()
    verification.read(caller, witness, now)
    if write:
        trials.write(caller, witness, f"{_NAME}-{token_hex(2)}", now)


def _print_json(found: Sequence[Comparison]) -> None:
    import json
    from dataclasses import asdict

    print(json.dumps([{**asdict(one), "state": one.state} for one in found], ensure_ascii=False, indent=1))


def _print_table(found: Sequence[Comparison], words: Catalogue) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    names = ("call", "answered", "only_there", "only_here", "types")
    table = Table(*(words.text(f"verify.columns.{name}") for name in names), title=words.text("verify.title"))
    for one in found:
        table.add_row(*(escape(cell) for cell in _cells(one, words)))
    console = Console()
    console.print(table)
    alike = sum(one.state == "alike" for one in found)
    console.print(words.text("verify.summary", alike=alike, asked=len(found)))


def _cells(one: Comparison, words: Catalogue) -> Iterator[str]:
    yield one.call
    yield words.text(f"verify.state.{one.state}", there=one.code_there, here=one.code_here)
    yield "\n".join(_shown(path) for path in one.only_there)
    yield "\n".join(_shown(path) for path in one.only_here)
    yield "\n".join(f"{_shown(t.path)}: {'/'.join(t.there)} ≠ {'/'.join(t.here)}" for t in one.types)


def _shown(path: str) -> str:
    return path.removeprefix(".")
