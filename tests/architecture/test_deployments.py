"""What is deployed: every entrypoint loads, and a changed schedule is a visible difference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS: list[dict[str, Any]] = YAML(typ="safe").load(ROOT / "prefect.yaml")["deployments"]

EXPECTED = {
    "flows/acquisition.py:acquisition": ("30 7 * * *", ""),
    "flows/daily_content.py:daily_content": ("50 7 * * *", "qunflow.acquisition.completed"),
    "flows/weekly_activity.py:weekly_activity": ("10 8 * * *", "qunflow.daily_content.completed"),
    "flows/retention.py:retention": ("30 8 * * *", "qunflow.weekly_activity.completed"),
    "flows/conversion.py:conversion": ("50 8 * * *", "qunflow.retention.completed"),
    "flows/community_cycle.py:community_cycle": ("", ""),
    "flows/upkeep.py:upkeep": ("0 9-21/2 * * *", ""),
}

LOADS = """
import sys
from prefect.flows import load_flow_from_entrypoint
for entrypoint in sys.argv[1:]:
    flow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    assert list(flow.parameters.properties) == ["params"], entrypoint
    assert not flow.parameters.required, f"{entrypoint} cannot be started without a form"
    print(entrypoint, flow.name)
"""


def test_every_entrypoint_loads_strictly() -> None:
    """A broken import fails here; `prefect deploy` would put a placeholder in its place and say nothing."""
    entrypoints = [deployment["entrypoint"] for deployment in DEPLOYMENTS]

    done = subprocess.run([sys.executable, "-c", LOADS, *entrypoints], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == len(EXPECTED)


def test_schedules_and_triggers_are_the_agreed_ones() -> None:
    """Whoever changes when a stage runs changes this table too."""
    found = {
        deployment["entrypoint"]: (
            "".join(schedule["cron"] for schedule in deployment.get("schedules", [])),
            "".join(event for trigger in deployment.get("triggers", []) for event in trigger["expect"]),
        )
        for deployment in DEPLOYMENTS
    }

    assert found == EXPECTED


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["entrypoint"])
def test_only_schedules_send_by_themselves(deployment: dict[str, Any]) -> None:
    """A run started by hand is a rehearsal unless its form says otherwise."""
    assert "dry_run" not in deployment.get("parameters", {}).get("params", {})
    for schedule in deployment.get("schedules", []):
        assert schedule["parameters"]["params"]["dry_run"] is False
        assert schedule["timezone"] == "Asia/Shanghai"
