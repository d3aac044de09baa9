"""
``./run up`` and ``./run down``: the whole house on loopback, each part waited for, stopped by pid.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from flows.commands import prepare
from flows.commands import season as seasons
from flows.commands.season import Season
from flows.commands.services import Service, free_port, program, running_names, start, stop, wait_ready
from qunflow.errors import ChannelUnavailable, ConfigurationError
from qunflow.language import Catalogue, catalogue
from qunflow.settings.environment import Environment, load_environment, workspace_directory
from qunflow.settings.workspace import load_workspace

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / ".run"
DEMO = ROOT / "demo-season"
PREFECT_PORT = 4200
PREFECT_URL = f"http://127.0.0.1:{PREFECT_PORT}"
POOL = "qunflow"
# In the order in which they can be stopped without losing work.
NAMES = ("worker", "sender", "web", "sandbox", "prefect")


def up(workspace: Path | None) -> int:
    """
    Start everything for one workspace; returns 0 once all of it answers.

    Raises:
        ConfigurationError: it is up already, or the workspace has a mistake.
        ChannelUnavailable: a part did not start; names its log. What had started is stopped again.
    """
    console, words = Console(stderr=True), catalogue()
    if alive := running_names(RUN, NAMES):
        raise ConfigurationError(f"it is up already ({', '.join(alive)})", "./run down stops it")
    try:
        folder = _workspace(workspace, words, console)
        _start_all(folder, load_environment(folder), words, console)
        _deploy(folder, words, console)
    except BaseException:
        stop(RUN, NAMES)
        raise
    environment = load_environment(folder)
    told = {"prefect": PREFECT_URL, "web": environment.web_url, "folder": folder, "logs": RUN / "logs"}
    console.print(words.text("up.ready", **told), soft_wrap=True)
    if _is_loopback(environment.wecom_base_url):
        console.print(words.text("up.play", page=f"{environment.wecom_base_url}/_sandbox/"), soft_wrap=True)
    return 0


def down() -> int:
    """Stop what ``up`` started; nothing to stop is no mistake."""
    stopped = stop(RUN, NAMES)
    print(catalogue().text("up.stopped", names=", ".join(stopped) or "—"))
    return 0


def _workspace(named: Path | None, words: Catalogue, console: Console) -> Path:
    """The workspace asked for, else the demo season's, else a new season that has not been lived yet."""
    if named is not None or os.environ.get("QUNFLOW_WORKSPACE"):
        folder = workspace_directory(named)
    elif (DEMO / "qunflow.yaml").is_file():
        folder = DEMO
    else:
        folder = _new_season(words, console)
    load_workspace(folder)
    return folder


def _new_season(words: Catalogue, console: Console) -> Path:
    season = Season(DEMO, RUN, 1, free_port(), free_port())
    seasons.clear(DEMO)
    os.environ["QUNFLOW_WORKSPACE"] = str(DEMO)
    with console.status(words.text("demo.start")) as status:
        prepare.workspace(season, lambda step: status.update(words.text(f"demo.{step}")))
    return DEMO


def _start_all(folder: Path, environment: Environment, words: Catalogue, console: Console) -> None:
    for service in _services(folder, environment):
        if service.name in running_names(RUN, NAMES):
            continue
        began = time.monotonic()
        with console.status(words.text("up.waiting", name=service.name)):
            wait_ready(start(service, RUN))
        console.print(words.text("up.started", name=service.name, seconds=f"{time.monotonic() - began:.1f}"))
        if service.name == "prefect":
            _make_pool(_prefect_environment(folder))


def _services(folder: Path, environment: Environment) -> list[Service]:
    prefect = _prefect_environment(folder)
    services = [seasons.prefect_service(folder / "prefect", PREFECT_PORT)]
    if _is_loopback(environment.wecom_base_url):
        services.append(seasons.sandbox_service(_season(folder, environment), _credentials(environment)))
    return [
        *services,
        Service(
            "web",
            program("qunflow", "web", "--port", str(_port(environment.web_url)), "-w", str(folder)),
            health_url=f"{environment.web_url}/healthz",
        ),
        Service("sender", program("qunflow", "deliver", "-w", str(folder))),
        Service(
            "worker",
            program("prefect", "worker", "start", "--pool", POOL, "--name", "qunflow"),
            environment=prefect,
            settle_s=4,
        ),
    ]


def _prefect_environment(folder: Path) -> dict[str, str]:
    return {
        "PREFECT_API_URL": f"{PREFECT_URL}/api",
        "PREFECT_HOME": str(folder / "prefect"),
        "QUNFLOW_WORKSPACE": str(folder),
    }


def _season(folder: Path, environment: Environment) -> Season:
    return Season(folder, RUN, 1, _port(environment.wecom_base_url), _port(environment.web_url))


def _credentials(environment: Environment) -> dict[str, str]:
    names = ("wecom_corp_id", "wecom_secret", "wecom_callback_token", "wecom_callback_aes_key", "hook_secret")
    return {f"QUNFLOW_{name.upper()}": environment.require(name) for name in names}


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _port(url: str) -> int:
    port = urlsplit(url).port
    if port is None:
        raise ConfigurationError(
            f"{url or 'QUNFLOW_WEB_URL'} names no port", "for example QUNFLOW_WEB_URL=http://127.0.0.1:8790"
        )
    return port


def _make_pool(environment: Mapping[str, str]) -> None:
    _prefect(environment, "work-pool", "create", POOL, "--type", "process", "--overwrite")


def _deploy(folder: Path, words: Catalogue, console: Console) -> None:
    with console.status(words.text("up.deploying")):
        _prefect(_prefect_environment(folder), "deploy", "--all")
    console.print(words.text("up.deployed"))


def _prefect(environment: Mapping[str, str], *command: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        program("prefect", "--no-prompt", *command),
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        (RUN / "logs" / "deploy.log").write_text(done.stdout + done.stderr)
        raise ChannelUnavailable(
            f"`prefect {' '.join(command)}` failed (exit code {done.returncode})", f"read {RUN / 'logs' / 'deploy.log'}"
        )
