"""
Driving node-easywechat and @wecom/crypto from Python: installing them once, and a running Node to command.

The packages go into a cache folder outside the tree, exactly as `package-lock.json` says; nothing of them is kept here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.ground import AES_KEY, CORP, SECRET, TOKEN, Ground

HERE = Path(__file__).parent
MANIFESTS = ("package.json", "package-lock.json")
INSTALL_S = 120


def installed() -> Path:
    """
    The `node_modules` folder with the locked packages, installed when it is not there yet.

    Without npm or without a registry the test fails and says which.
    """
    locked = sha256(b"".join((HERE / name).read_bytes() for name in MANIFESTS)).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qunflow"
    folder = cache / f"conformance-node-{locked}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as fresh:
            _install(Path(fresh))
            # Complete or not there: a second process that was quicker has installed the same.
            try:
                (Path(fresh) / "packages").rename(folder)
            except OSError:
                assert folder.is_dir()
    return folder / "node_modules"


def _install(fresh: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("node is here but npm is not: install npm, so that the Node clients can be fetched", pytrace=False)
    packages = fresh / "packages"
    packages.mkdir()
    for name in MANIFESTS:
        shutil.copy(HERE / name, packages)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"]
    try:
        done = subprocess.run(command, cwd=packages, capture_output=True, text=True, check=False, timeout=INSTALL_S)
        problem = done.stderr if done.returncode else ""
    except subprocess.TimeoutExpired:
        problem = f"no answer within {INSTALL_S} s"
    if problem:
        said = "\n".join(line for line in problem.splitlines() if "warn" not in line)
        pytest.fail(
            "npm could not fetch node-easywechat and @wecom/crypto; these tests need a registry once "
            f"(npm config get registry shows which):\n{said}",
            pytrace=False,
        )


@dataclass(frozen=True, slots=True)
class Node:
    """A Node process that holds the clients."""

    process: subprocess.Popen[str]

    def do(self, command: str, **about: Any) -> dict[str, Any]:
        """Give one command and read what the client returned."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"command": command, **about}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"Node ended with {self.process.wait(5)}: {self._said()}"
        found: dict[str, Any] = json.loads(line)
        assert "error" not in found, found["error"]
        answer: dict[str, Any] = found["answer"]
        return answer

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """A POST of node-easywechat; the body it parsed."""
        return self.do("post", path=path, body=body)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """A GET of node-easywechat; the body it parsed."""
        return self.do("get", path=path, query=query)

    def code(self, path: str, **body: Any) -> int:
        """The errcode of a POST."""
        return int(self.post(path, **body)["errcode"])

    def _said(self) -> str:
        return self.process.stderr.read() if self.process.stderr else ""


@contextmanager
def running_node(modules: Path, ground: Ground, cache: Path) -> Iterator[Node]:
    """A Node process with its clients pointed at a sandbox; ends with the block."""
    command = ["node", str(HERE / "node_clients.cjs"), ground.base, CORP, SECRET, TOKEN, AES_KEY, str(cache)]
    environment = {**os.environ, "NODE_PATH": str(modules), "NO_PROXY": "127.0.0.1"}
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
    try:
        yield Node(process)
    finally:
        process.communicate(timeout=10)
