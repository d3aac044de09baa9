"""
Acquisition 拉新: from a form to a group, and who came by which channel.

Effects (live codes, welcomes, invitations) happen only when the run may send; what is seen is written down either way.
"""

from __future__ import annotations

from typing import Any

from prefect import flow

from data_checks.acquisition import DRIFT, INPUT, OUTPUT, completeness
from qunflow.acquisition.params import AcquisitionParams
from tasks import acquisition as bringing_in
from tasks.acquisition_intake import intake_frame, set_aside
from tasks.checks import check
from tasks.stage_run import stage_run


@flow(name="acquisition", description="拉新:线索、群活码、欢迎、再次邀请、名单、渠道漏斗")
def acquisition(params: AcquisitionParams = AcquisitionParams()) -> dict[str, Any]:
    """
    Bring people in for one community and one day.

    Args:
        params: 社群、业务日期、试运行、是否再次邀请
    """
    with stage_run("acquisition", params) as run:
        if run.already_done:
            return run.summary()
        found = bringing_in.read_leads(run)
        frame = intake_frame(found, run.community, run.now)
        check(frame, INPUT, run.run_id, set_aside=set_aside(found), source=f"acquisition:{run.community.key}")
        kept = bringing_in.keep_leads(run, found)
        contacts = bringing_in.keep_contacts(run)
        scans = bringing_in.keep_scans(run)
        welcomed = bringing_in.welcome_newcomers(run)
        roster = bringing_in.keep_roster(run, params.groups_per_task)
        placing = bringing_in.place_leads(run)
        codes = bringing_in.ensure_live_codes(run)
        changed = bringing_in.keep_figures(run, roster, placing)
        graded = bringing_in.keep_completeness(run)
        late = bringing_in.welcome_late(run)
        invited = bringing_in.invite_again(run, wanted=params.reinvite)
        check(bringing_in.roster_frame(roster, invited.persons, run), OUTPUT, run.run_id)
        check(bringing_in.drift_frame(run), DRIFT, run.run_id)
        stops = run.community.acquisition.completeness_stops
        check(bringing_in.completeness_frame(graded), completeness(stops), run.run_id)
        if run.dry_run:
            bringing_in.show_plan(run)
        run.rows_in, run.rows_out = found.rows, kept.new + contacts.added + contacts.deleted + roster.changed
        run.notes |= {"new_leads": kept.new, "quarantined": len(found.refused), "without_room": placing.without_room}
        run.notes |= {"scans": scans}
        run.notes |= {"welcomed": welcomed + len(late.persons), "invited": len(invited.persons)}
        run.notes |= {"completeness": graded[0].letter}
        run.notes |= {"live_codes": codes, "figures_changed": changed} | bringing_in.unread_groups(roster)
        bringing_in.require_whole(found, late, invited)
        return run.summary()
