"""
``./run stage``: one flow for one day in this process, against the running Prefect server or one of its own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from flows.commands import living
from flows.commands import season as seasons
from flows.commands.services import free_port, start, stop, wait_ready
from qunflow.errors import BadInput, QunflowError
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
    with _prefect(folder) as url:
        living.point_at(folder, url, folder / "prefect")
        with living.without_heartbeats():
            result = _run(name, form)
        living.hand_over_to_prefect()
    print(json.dumps(result, ensure_ascii=False, default=str) if as_json else _table(result))
    return 0


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
    from qunflow import runtime

    runtime.current()  # a mistake in the workspace is told before a run is registered
    flow, params = _flow(name)
    state = flow(params(**form), return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, dict):
        return result
    raise (
        result
        if isinstance(result, QunflowError)
        else BadInput(f"{name}: {state.name}: {result!r}", "read the run's log")
    )


def _flow(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    from flows.community_cycle import CHAIN, FORMS, community_cycle
    from flows.upkeep import upkeep
    from qunflow.settings.params import StageParams

    others: dict[str, Callable[..., Any]] = {"cycle": community_cycle, "upkeep": upkeep}
    return (others[name], StageParams) if name in others else (CHAIN[name], FORMS[name])


def _table(result: Mapping[str, Any]) -> str:
    stages = result.get("stages", [result])
    return "\n".join("  ".join(f"{key}={value}" for key, value in stage.items()) for stage in stages)
