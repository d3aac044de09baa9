"""The whole house on loopback: one stage started by hand sets the chain going; down leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
API = "http://127.0.0.1:4200/api"
CHAIN = ["acquisition", "daily_content", "weekly_activity", "retention", "conversion"]
pytestmark = pytest.mark.soak_only


def flows(*words: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("QUNFLOW_", "PREFECT_"))}
    return subprocess.run(
        [sys.executable, "-m", "flows", *words], cwd=ROOT, env=clean, capture_output=True, text=True, timeout=400
    )


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Path]:
    """A season of one day, up."""
    assert flows("demo", "--days", "1", "--out", str(tmp_path / "season")).returncode == 0
    done = flows("up", "-w", str(tmp_path / "season"))
    assert done.returncode == 0, done.stderr
    yield tmp_path / "season"
    flows("down")


def completed_since(count: int) -> list[str]:
    """Names of the completed flow runs beyond the first ``count``, in order of their start."""
    asked = {"sort": "START_TIME_ASC", "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    runs = httpx.post(f"{API}/flow_runs/filter", json=asked, trust_env=False).json()[count:]
    return [httpx.get(f"{API}/flows/{run['flow_id']}", trust_env=False).json()["name"] for run in runs]


def test_acquisition_by_hand_sets_the_chain_going(house: Path) -> None:
    """Each completed stage starts the next by its event, whatever the clock says."""
    before = len(completed_since(0))
    deployment = httpx.get(f"{API}/deployments/name/acquisition/live", trust_env=False).json()["id"]
    params = {"parameters": {"params": {"dry_run": False}}}
    httpx.post(f"{API}/deployments/{deployment}/create_flow_run", json=params, trust_env=False).raise_for_status()

    deadline = time.monotonic() + 240
    while len(found := completed_since(before)) < len(CHAIN) and time.monotonic() < deadline:
        time.sleep(2)

    assert found == CHAIN
    assert flows("down").returncode == 0
    lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(house) not in lines
