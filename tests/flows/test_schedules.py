"""A schedule leads to runs: a server that keeps schedules and never runs them looks healthy from everywhere else."""

from __future__ import annotations

import pytest
from prefect import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.schedules import CronSchedule

from flows.retention import retention


@pytest.mark.usefixtures("prefect_server")
def test_the_server_makes_runs_from_a_schedule() -> None:
    """The parameters of the schedule travel with each run."""
    daily = DeploymentScheduleCreate(
        schedule=CronSchedule(cron="30 8 * * *", timezone="Asia/Shanghai"),
        active=True,
        parameters={"params": {"dry_run": False, "claim": "once"}},
    )
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow(retention)
        deployment = client.create_deployment(flow_id, name="scheduled", schedules=[daily])
        asked = client.request(
            "POST", "/deployments/{id}/schedule", path_params={"id": deployment}, json={"min_runs": 3}
        )
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))
        )

    assert asked.status_code == 200
    assert len(runs) >= 3
    assert {run.parameters["params"]["claim"] for run in runs} == {"once"}
