"""
What ``qunflow doctor`` looks at: this machine, the workspace, its secrets, database, clock and addresses.

Looks and never repairs; no secret's value is read further than to see whether it can be used. Nothing is sent, unless
test messages are asked for.
"""

from __future__ import annotations

import shutil
import socket
import sqlite3
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from qunflow.clock import Clock, SandboxClock, SystemClock
from qunflow.errors import ConfigurationError, QunflowError
from qunflow.language import Catalogue
from qunflow.settings.environment import Environment, load_environment
from qunflow.settings.paths import builtin_templates
from qunflow.settings.workspace import load_workspace

State = Literal["ok", "warning", "bad"]

NEEDED = ("master_key", "hook_secret", "wecom_corp_id", "wecom_secret", "wecom_agent_id")
OPTIONAL = ("wecom_callback_token", "wecom_callback_aes_key")
LEAST_PYTHON = (3, 11)
FIRST_UNTRIED_PYTHON = (3, 14)
LEAST_SQLITE = (3, 35, 0)
LEAST_FREE_BYTES = 1_000_000_000
CONNECT_TIMEOUT_S = 3.0
# Written before any release: a clock that shows an earlier day has lost its battery.
NOT_BEFORE = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One item: its state, what was found, and the next step when it is not well."""

    item: str
    state: State
    found: str
    next_step: str = ""


def examine(directory: Path, words: Catalogue, *, send_test: bool = False) -> Iterator[Diagnosis]:
    """
    Everything about a workspace's machine, item by item.

    Args:
        directory: the workspace.
        words: the language of what is found.
        send_test: send a message through every robot, mail server and service, which nothing else here does.
    """
    exam = _Exam(directory, words)
    yield exam.python()
    yield exam.sqlite()
    yield exam.templates()
    yield exam.workspace()
    yield exam.dotenv()
    yield exam.disk()
    try:
        environment = load_environment(directory)
    except ConfigurationError as error:
        yield Diagnosis("secrets", "bad", error.problem, error.next_step)
        return
    yield exam.secrets(environment)
    yield exam.database(environment)
    yield exam.clock(environment)
    yield exam.wecom(environment)
    yield exam.web(environment)
    yield from exam.channels(environment, send_test)


@dataclass(frozen=True, slots=True)
class _Exam:
    directory: Path
    words: Catalogue

    def _tell(self, item: str, state: State, found: str = "", step: str = "", **values: object) -> Diagnosis:
        """A diagnosis in words; ``found`` and ``step`` are endings of the item's texts."""
        text = self.words.text(f"cli.doctor.{item}{found}", **values)
        return Diagnosis(item, state, text, self.words.text(f"cli.doctor.{item}{step}", **values) if step else "")

    def python(self) -> Diagnosis:
        seen = ".".join(str(part) for part in sys.version_info[:3])
        if LEAST_PYTHON <= sys.version_info[:2] < FIRST_UNTRIED_PYTHON:
            return self._tell("python", "ok", seen=seen)
        return self._tell("python", "bad", step="_next", seen=seen)

    def sqlite(self) -> Diagnosis:
        if sqlite3.sqlite_version_info < LEAST_SQLITE:
            return self._tell("sqlite", "bad", step="_next", seen=sqlite3.sqlite_version)
        return self._tell("sqlite", "ok", seen=sqlite3.sqlite_version)

    def templates(self) -> Diagnosis:
        try:
            return self._tell("templates", "ok", seen=builtin_templates())
        except ConfigurationError as error:
            return Diagnosis("templates", "bad", error.problem, error.next_step)

    def workspace(self) -> Diagnosis:
        try:
            workspace = load_workspace(self.directory)
        except ConfigurationError as error:
            where = f"{error.place}: " if error.place else ""
            return Diagnosis("workspace", "bad", f"{where}{error.problem}", error.next_step)
        return self._tell("workspace", "ok", brand=workspace.brand, groups=len(workspace.groups()))

    def dotenv(self) -> Diagnosis:
        path = self.directory / ".env"
        if not path.is_file():
            return self._tell("dotenv", "ok", "_absent")
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            return self._tell("dotenv", "bad", "_open", "_next", seen=f"{mode:o}", path=path)
        return self._tell("dotenv", "ok")

    def disk(self) -> Diagnosis:
        free = shutil.disk_usage(self.directory).free
        state: State = "ok" if free >= LEAST_FREE_BYTES else "bad"
        return self._tell("disk", state, "", "" if state == "ok" else "_next", free_gb=f"{free / 1e9:.1f}")

    def secrets(self, environment: Environment) -> Diagnosis:
        missing = [name for name in NEEDED if not getattr(environment, name)]
        if missing:
            return self._tell("secrets", "bad", "_missing", "_next", names=_variables(missing))
        try:
            environment.master_key_bytes()
        except ConfigurationError as error:
            return Diagnosis("secrets", "bad", error.problem, error.next_step)
        unset = [name for name in OPTIONAL if not getattr(environment, name)]
        if unset:
            return self._tell("secrets", "warning", "_optional", "_next", names=_variables(unset))
        return self._tell("secrets", "ok")

    def database(self, environment: Environment) -> Diagnosis:
        from qunflow.store.engine import Store
        from qunflow.store.migrate import version_of
        from qunflow.store.vault import require_key

        url = environment.database_url
        if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
            return self._tell("database", "bad", "_absent", "_next", directory=self.directory)
        try:
            store = Store.open(url)
            try:
                version = version_of(store)
                if version.is_current and environment.master_key:
                    # Opening the vault tells whether the key is the one the database was sealed with.
                    require_key(store, environment.master_key_bytes())
            finally:
                store.close()
        except QunflowError as error:
            return Diagnosis("database", "bad", error.problem, error.next_step)
        state: State = "ok" if version.is_current else "bad"
        seen = version.found or "0"
        step = "" if version.is_current else "_next"
        return self._tell("database", state, "", step, address=store.address, seen=seen, directory=self.directory)

    def clock(self, environment: Environment) -> Diagnosis:
        clock: Clock = SandboxClock(environment.clock_url) if environment.clock_url else SystemClock()
        source = self.words.text(f"cli.doctor.clock_{'sandbox' if environment.clock_url else 'system'}")
        try:
            now = clock.now()
        except QunflowError as error:
            return Diagnosis("clock", "bad", error.problem, error.next_step)
        state: State = "ok" if environment.clock_url or now >= NOT_BEFORE else "bad"
        step = "" if state == "ok" else "_next"
        return self._tell("clock", state, "", step, now=f"{now:%Y-%m-%d %H:%M:%S}", source=source)

    def wecom(self, environment: Environment) -> Diagnosis:
        address = environment.wecom_base_url
        local = urlsplit(address).hostname in LOOPBACK
        if environment.production and (local or not address.startswith("https://")):
            return self._tell("wecom", "bad", "_production", "_production_next", address=address)
        if not environment.production and not local:
            return self._tell("wecom", "warning", "_development", "_development_next", address=address)
        if not _answers(address):
            return self._tell("wecom", "bad", "_unreachable", "_next", address=address)
        return self._tell("wecom", "ok", address=address)

    def web(self, environment: Environment) -> Diagnosis:
        if not environment.web_url:
            return self._tell("web", "warning", "_absent", "_next")
        parts = urlsplit(environment.web_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return self._tell("web", "bad", "_wrong", "_next", address=environment.web_url)
        return self._tell("web", "ok", address=environment.web_url)

    def channels(self, environment: Environment, send_test: bool) -> Iterator[Diagnosis]:
        from qunflow.cli.channel_check import channel_diagnoses

        try:
            settings = load_workspace(self.directory).channels
        except ConfigurationError:
            # Told as the workspace's item already.
            return
        clock = SystemClock()
        yield from channel_diagnoses(self.directory, settings, environment, clock, self.words, send_test=send_test)


def _variables(names: list[str]) -> str:
    return ", ".join(f"QUNFLOW_{name.upper()}" for name in names)


def _answers(address: str) -> bool:
    """Whether something listens there; nothing is asked of it."""
    parts = urlsplit(address)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=CONNECT_TIMEOUT_S):
            return True
    except (OSError, ValueError):
        return False
