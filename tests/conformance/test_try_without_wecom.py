"""docs/how-to/try-without-wecom.md is true: its commands run as they stand and answer what it says."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "try-without-wecom.md"
PORT_ON_THE_PAGE = "18471"
START_S = 30.0
# Everything up to the second block starts the sandbox; the rest is one shell session.
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
EXPECTED = "#→ "


@pytest.fixture
def port(tmp_path: Path) -> Iterator[str]:
    """The sandbox as the first block starts it, on a free port and with its file elsewhere."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = str(free.getsockname()[1])
    door, *words = shlex.split(BLOCKS[0])
    assert (door, words[0]) == ("./run", "qunflow")
    command = [str(Path(sys.executable).parent / "qunflow"), *words[1:], "--port", number]
    process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        _wait(process, f"http://127.0.0.1:{number}/_sandbox/clock")
        yield number
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    patience = time.monotonic() + START_S
    while time.monotonic() < patience:
        assert process.poll() is None, "the sandbox ended at once"
        try:
            httpx.get(address, trust_env=False)
        except httpx.ConnectError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the sandbox did not start")


@pytest.mark.needs_curl
def test_the_page_says_what_happens(port: str, tmp_path: Path) -> None:
    """Every command of the page runs in one shell, and each promised piece of output comes in its turn."""
    session = "\n".join(BLOCKS[1:]).replace(PORT_ON_THE_PAGE, port)
    done = subprocess.run(["sh", "-eu"], input=session, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    place = 0
    promised = [line.removeprefix(EXPECTED) for line in session.splitlines() if line.startswith(EXPECTED)]
    assert len(promised) > 15
    for piece in promised:
        found = done.stdout.find(piece, place)
        assert found >= 0, f"{piece!r} does not come after: …{done.stdout[max(0, place - 300) : place]}"
        place = found + len(piece)
