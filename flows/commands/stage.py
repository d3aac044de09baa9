"""
``./run stage``: one flow for one day in this process, against the running Prefect server or one of its own.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from flows.commands import living
from flows.commands import season as seasons
from flows.commands.services import free_port, start, stop, wait_ready
from flows.commands.showing import tell_result
from qunflow.errors import BadInput, QunflowError
from qunflow.language import catalogue
from qunflow.settings.environment import workspace_directory

SHARED_PREFECT = "http://127.0.0.1:4200"
NAMES = ("acquisition", "daily_content", "weekly_activity", "retention", "conversion", "upkeep", "cycle")


def run_one(name: str, form: Mapping[str, Any], *, workspace: Path | None, as_json: bool) -> int:
    """
    Run one flow and print its result; returns the exit code.

    Raises:
        BadInput: no flow of that name.
        QunflowError: what stopped the flow.
    """
    name = name.replace("-", "_")
    if name not in NAMES:
        raise BadInput(f"no flow is called {name!r}", f"valid: {', '.join(NAMES)}")
    folder = workspace_directory(workspace)
    _open(folder)
    with _prefect(folder) as url:
        living.point_at(folder, url, folder / "prefect")
        with living.handed_over(), living.without_heartbeats(), _told_of_retries():
            result = _run(name, form)
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=str))
    else:
        tell_result(result, catalogue(), Console())
    for one in result.get("stages", [result]):
        for problem in one.get("unread", ()):
            print(f"! {problem}", file=sys.stderr)
    return 0


def _open(folder: Path) -> None:
    """A mistake in the workspace is told before a server is started for it."""
    from qunflow import runtime

    os.environ["QUNFLOW_WORKSPACE"] = str(folder)
    runtime.current()


@contextmanager
def _told_of_retries() -> Iterator[None]:
    """Nobody should watch half a minute of silence while a step is tried again."""
    from tasks.step import retries

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("· %(message)s"))
    retries.addHandler(handler)
    try:
        yield
    finally:
        retries.removeHandler(handler)


@contextmanager
def _prefect(folder: Path) -> Iterator[str]:
    """The server that is up, or one for the length of this run: Prefect's own temporary one gives up after 20 s."""
    named = os.environ.get("PREFECT_API_URL", "").removesuffix("/api")
    for url in filter(None, (named, SHARED_PREFECT)):
        if _answers(url):
            yield url
            return
    if named:
        raise BadInput(f"PREFECT_API_URL points at {named}, which does not answer", "start it, or unset the variable")
    port = free_port()
    print("· Prefect …", file=sys.stderr)
    try:
        wait_ready(start(seasons.prefect_service(folder / "prefect", port), folder / "run"))
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(folder / "run", ["prefect"])


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health", timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _run(name: str, form: Mapping[str, Any]) -> dict[str, Any]:
    flow, params = _flow(name)
    state = flow(_filled(params, form), return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, dict):
        return result
    if isinstance(result, QunflowError):
        raise result
    # What another error says may hold personal data; the run's log is sealed off from this terminal.
    raise QunflowError(
        f"{name}: {state.name}: {type(result).__name__}",
        f"read the run {state.state_details.flow_run_id} in Prefect; if it is no mistake of yours, it is a defect",
    )


def _filled(params: Callable[..., Any], form: Mapping[str, Any]) -> Any:
    from pydantic import ValidationError

    try:
        return params(**form)
    except ValidationError as error:
        wrong = error.errors()[0]
        field = str(wrong["loc"][0])
        raise BadInput(
            f"--{field} {form.get(field)!r}: {wrong['msg'].removeprefix('Value error, ')}", "./run stage --help"
        ) from error


def _flow(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    from flows.community_cycle import CHAIN, FORMS, community_cycle
    from flows.upkeep import upkeep
    from qunflow.settings.params import StageParams

    others: dict[str, Callable[..., Any]] = {"cycle": community_cycle, "upkeep": upkeep}
    return (others[name], StageParams) if name in others else (CHAIN[name], FORMS[name])
