"""
``qunflow verify``: whether a real platform still answers as the sandbox does, told in keys and types only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from qunflow.cli.options import JsonOption, WorkspaceOption

if TYPE_CHECKING:
    from qunflow.clock import Clock
    from qunflow.connectors.wecom.shapes import Comparison
    from qunflow.connectors.wecom.verification import Answers, Caller
    from qunflow.language import Catalogue
    from qunflow.settings.environment import Environment

app = App(name="verify", result_action="return_value")

_NAME = "qunflow-verify"


@app.command
def wecom(
    *,
    workspace: WorkspaceOption = None,
    write: Annotated[
        bool, Parameter(negative="", help="另建一个标签组再删掉 (also make and delete a tag group)")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """拿真实企业微信的回答和沙箱比:只比键和类型 (compare keys and types with the sandbox's). Exit code 1 if unlike."""
    from qunflow.language import catalogue
    from qunflow.settings.environment import load_environment, workspace_directory

    environment = load_environment(workspace_directory(workspace))
    found = comparisons(environment, write=write)
    words = catalogue(environment.lang)
    _print_json(found) if as_json else _print_table(found, words)
    return 0 if all(one.state == "alike" for one in found) else 1


def comparisons(environment: Environment, *, write: bool) -> list[Comparison]:
    """
    Ask a company and a throw-away sandbox the same calls.

    Raises:
        ConfigurationError: a setting is missing, or the address is not one for this QUNFLOW_ENV.
        ChannelUnavailable: the company's platform cannot be reached.
    """
    from qunflow.connectors.wecom.shapes import compared

    there = _answers_there(environment, write=write)
    here = _answers_here(write=write)
    return [compared(path, answer, here[path]) for path, answer in there.items()]


def _answers_there(environment: Environment, *, write: bool) -> Answers:
    from qunflow.clock import SandboxClock, SystemClock

    clock: Clock = SandboxClock(environment.clock_url) if environment.clock_url else SystemClock()
    corp_id, secret = environment.require("wecom_corp_id"), environment.require("wecom_secret")
    with _calling(environment.wecom_base_url, corp_id, secret, production=environment.production) as caller:
        return _asked(caller, clock, write=write)


def _answers_here(*, write: bool) -> Answers:
    from qunflow.clock import SandboxClock
    from qunflow.connectors.wecom.verification import furnish
    from qunflow.sandbox.options import Options
    from qunflow.sandbox.running import running

    corp_id, secret = "ww0000000000000000", "throw-away"
    with running(Options(corp_id, secret)) as url, _calling(url, corp_id, secret, production=False) as caller:
        furnish(caller, _NAME)
        return _asked(caller, SandboxClock(f"{url}/_sandbox/clock"), write=write)


@contextmanager
def _calling(base_url: str, corp_id: str, secret: str, *, production: bool) -> Iterator[Caller]:
    from qunflow.connectors.wecom.verification import Caller

    caller = Caller(base_url, corp_id, secret, production=production)
    try:
        yield caller
    finally:
        caller.close()


def _asked(caller: Caller, clock: Clock, *, write: bool) -> Answers:
    from secrets import token_hex

    from qunflow.connectors.wecom import verification

    answers = verification.read(caller, clock.now())
    if write:
        answers |= verification.write(caller, f"{_NAME}-{token_hex(4)}")
    return answers


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
