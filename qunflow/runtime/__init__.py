"""
The composition root: the only place that chooses real implementations.

A process serves one workspace. Tasks, pages and commands ask ``current()`` for it; tests and the demo season put
their own in place with ``using``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from qunflow.clock import Clock, SandboxClock, SystemClock
from qunflow.connectors.pacer import Pacer
from qunflow.connectors.wecom.client import WeCom
from qunflow.connectors.wecom.session import CALL_RATES
from qunflow.delivery.ports import Liveness, Ports
from qunflow.delivery.workers import FileLocks, Leases
from qunflow.errors import ConfigurationError
from qunflow.language import Catalogue, catalogue
from qunflow.rendering import Templates
from qunflow.runtime.channels import Channels, open_channels
from qunflow.runtime.titles import slot_titles
from qunflow.settings.environment import Environment, load_environment, workspace_directory
from qunflow.settings.paths import template_paths
from qunflow.settings.workspace import Workspace, load_workspace
from qunflow.store.engine import Store
from qunflow.store.history import History
from qunflow.store.migrate import require_current
from qunflow.store.vault import Vault

LOOPBACK = ("http://127.0.0.1:", "http://localhost:", "http://[::1]:")


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything one workspace needs to work, opened and ready."""

    directory: Path
    workspace: Workspace
    environment: Environment
    clock: Clock
    store: Store
    vault: Vault
    history: History
    templates: Templates
    wecom: WeCom
    channels: Channels
    language: Catalogue

    @property
    def ports(self) -> Ports:
        """What delivery needs to send."""
        return Ports(
            store=self.store,
            vault=self.vault,
            wecom=self.wecom,
            clock=self.clock,
            workspace=self.workspace,
            liveness=_liveness(self.store, self.directory),
            web_url=self.environment.web_url,
            outside=self.channels.outside,
            templates=self.templates,
            titles=partial(slot_titles, self.workspace, self.templates),
        )

    def close(self) -> None:
        """Give connections back; the runtime is not usable afterwards."""
        self.channels.close()
        self.wecom.close()
        self.store.close()


def open_runtime(directory: Path | None = None) -> Runtime:
    """
    Open the workspace in ``directory`` (default: QUNFLOW_WORKSPACE, else the current directory).

    Raises:
        ConfigurationError: no workspace there, a mistake in it, or a missing secret.
        SchemaMismatch: the database belongs to another version.
    """
    home = workspace_directory(directory)
    environment = load_environment(home)
    workspace = load_workspace(home)
    store = Store.open(environment.database_url)
    require_current(store)
    clock = _clock(environment)
    return Runtime(
        directory=home,
        workspace=workspace,
        environment=environment,
        clock=clock,
        store=store,
        vault=Vault(store, environment.master_key_bytes()),
        history=History(environment.history_dir, store),
        templates=Templates(template_paths(home)),
        wecom=_wecom(home, environment),
        channels=open_channels(home, workspace.channels, environment, clock),
        language=catalogue(environment.lang),
    )


def _liveness(store: Store, directory: Path) -> Liveness:
    # An SQLite file has one machine; a server may have several, which see no lock of one another.
    locks = FileLocks(directory)
    return locks if store.dialect == "sqlite" else Leases(store, locks)


def _clock(environment: Environment) -> Clock:
    if not environment.clock_url:
        return SystemClock()
    if environment.production or not environment.clock_url.startswith(LOOPBACK):
        raise ConfigurationError(
            f"QUNFLOW_CLOCK_URL is {environment.clock_url}, which is not a sandbox on this machine",
            "unset it: only a season in the sandbox runs on another clock than the machine's",
        )
    return SandboxClock(environment.clock_url)


def _wecom(home: Path, environment: Environment) -> WeCom:
    # A simulated minute passes in no time, so counting calls by the minute would only be in its way.
    rates = () if environment.clock_url else CALL_RATES
    return WeCom(
        base_url=environment.wecom_base_url,
        corp_id=environment.require("wecom_corp_id"),
        secret=environment.require("wecom_secret"),
        agent_id=environment.wecom_agent_id,
        production=environment.production,
        token_file=home / "state" / "wecom-token",
        media_file=home / "state" / "wecom-uploads.json",
        rates=rates,
        pacer=Pacer(home / "state" / "pace"),
    )


_lock = threading.RLock()
_held: list[Runtime] = []


def current() -> Runtime:
    """The runtime of this process, opened at the first call."""
    with _lock:
        if not _held:
            _held.append(open_runtime())
        return _held[-1]


@contextmanager
def using(runtime: Runtime) -> Iterator[Runtime]:
    """Make ``runtime`` the current one inside the block."""
    with _lock:
        _held.append(runtime)
    try:
        yield runtime
    finally:
        with _lock:
            _held.remove(runtime)
