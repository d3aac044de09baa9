"""One access token for all: several processes over a real sandbox, expiry, withdrawal, a damaged file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qunflow.connectors.wecom.client import WeCom
from qunflow.errors import ConfigurationError
from tests.integration.sandbox_anywhere import Anywhere, anywhere
from tests.integration.sandbox_caller import CORP, SECRET

COUNTED = [{"path": "gettoken", "mode": "slow", "seconds": 0.02}]
WORKER = """
import sys
from pathlib import Path
from qunflow.connectors.wecom.client import WeCom

base, corp, secret, file = sys.argv[1:]
wecom = WeCom(base, corp, secret, 1, production=False, token_file=Path(file))
print("ready", flush=True)
for line in sys.stdin:
    print("called" if wecom.follow_users() else "nobody", flush=True)
wecom.close()
"""


@pytest.fixture
def caller() -> Iterator[Anywhere]:
    """A sandbox that counts requests for tokens, slow enough for processes to meet."""
    with anywhere() as found:
        assert found.http.post("/_sandbox/faults", json=COUNTED).status_code == 200
        yield found


def fetched(caller: Anywhere) -> int:
    """How often a token was asked for."""
    return int(caller.http.get("/_sandbox/faults").json()["plan"][0]["asked"])


@contextmanager
def a_connector(caller: Anywhere, file: Path | None, secret: str = SECRET) -> Iterator[WeCom]:
    """A connector that shares its token in a file."""
    made = WeCom(str(caller.http.base_url), CORP, secret, 1, production=False, token_file=file)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def four_processes(caller: Anywhere, file: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Four workers that make one call for each line they read."""
    asked = [sys.executable, "-c", WORKER, str(caller.http.base_url), CORP, SECRET, str(file)]
    workers = [subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    try:
        assert [worker.stdout.readline() for worker in workers if worker.stdout] == ["ready\n"] * 4
        yield workers
    finally:
        for worker in workers:
            worker.communicate(timeout=10)


def call_at_once(workers: list[subprocess.Popen[str]], calls: int) -> list[str]:
    """Let every worker make its calls side by side; what they print."""
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("call\n" * calls)
        worker.stdin.flush()
    return [worker.stdout.readline() for worker in workers for _ in range(calls) if worker.stdout]


def test_four_processes_ask_once_for_each_token_that_ends(caller: Anywhere, tmp_path: Path) -> None:
    """With a token that ends every few calls, each end costs one request, and no call fails."""
    with four_processes(caller, tmp_path / "state" / "token") as workers:
        for ended in range(6):
            assert call_at_once(workers, 3) == ["called\n"] * 12
            assert fetched(caller) == ended + 1
            caller.act("expire_token" if ended % 2 else "revoke_token")


def test_the_next_process_takes_the_token_that_is_there(caller: Anywhere, tmp_path: Path) -> None:
    """A command that starts asks for nothing while the token is good."""
    for _ in range(3):
        with a_connector(caller, tmp_path / "token") as wecom:
            wecom.follow_users()
    assert fetched(caller) == 1


def test_without_a_file_each_connector_has_its_own(caller: Anywhere) -> None:
    """Sharing is a choice."""
    for _ in range(2):
        with a_connector(caller, None) as wecom:
            wecom.follow_users()
    assert fetched(caller) == 2


def test_only_this_user_can_read_the_file_and_nobody_the_token(caller: Anywhere, tmp_path: Path) -> None:
    """Mode 600, and sealed all the same."""
    file = tmp_path / "token"
    old = os.umask(0)
    try:
        with a_connector(caller, file) as wecom:
            wecom.follow_users()
    finally:
        os.umask(old)
    assert file.stat().st_mode & 0o777 == 0o600
    assert caller.token.encode() not in file.read_bytes()


@pytest.mark.parametrize("damage", [b"", b"\x00" * 5, b"\x00" * 200], ids=["empty", "cut short", "garbage"])
def test_a_damaged_file_counts_as_empty(caller: Anywhere, tmp_path: Path, damage: bytes) -> None:
    """A crash while writing costs one request."""
    file = tmp_path / "token"
    for damaged in (None, damage):
        if damaged is not None:
            file.write_bytes(damaged)
        with a_connector(caller, file) as wecom:
            wecom.follow_users()
    assert fetched(caller) == 2


def test_another_secret_does_not_use_the_token(caller: Anywhere, tmp_path: Path) -> None:
    """A changed secret is checked by the platform, and a wrong one is not hidden by an old token."""
    with a_connector(caller, tmp_path / "token") as wecom:
        wecom.follow_users()
    with a_connector(caller, tmp_path / "token", "wrong") as wecom, pytest.raises(ConfigurationError, match="SECRET"):
        wecom.follow_users()


def test_a_place_that_cannot_be_written_is_named(caller: Anywhere, tmp_path: Path) -> None:
    """The operator learns which file it is about."""
    with a_connector(caller, tmp_path) as wecom, pytest.raises(ConfigurationError, match=str(tmp_path)):
        wecom.follow_users()
