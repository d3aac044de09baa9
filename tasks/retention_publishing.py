"""
Whether retention may publish its figures, by how complete the data behind them are (``retention.publish_from_grade``).

What is withheld is not recorded: the figures told before stay as they are, and the run fails with the reason.
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from data_checks.retention import publishable
from qunflow.errors import CheckFailed
from qunflow.runtime.stage import StageRun
from qunflow.store.figure_grades import grade_behind
from tasks.checks import check

UNGRADED = "-"


def require_grade(run: StageRun, day: date) -> None:
    """
    Let the figures of a day pass, or withhold them.

    Raises:
        CheckFailed: the data behind them are worse than the settings want, or nobody graded them.
    """
    wanted = run.community.retention.publish_from_grade
    if wanted == "never":
        return
    with run.runtime.store.reading() as conn:
        graded, letter = grade_behind(conn, run.community.key, day)
    frame = pd.DataFrame([{"day": graded.isoformat(), "grade": letter or UNGRADED}])
    try:
        check(frame, publishable(wanted, "" if day == run.day else f"_{day:%m%d}"), run.run_id)
    except CheckFailed as failed:
        why = f"completeness {letter}" if letter else "no completeness grade"
        raise CheckFailed(
            f"retention figures of {day} are withheld: the data of {graded} have {why}, "
            f"and publish_from_grade is {wanted}",
            "run acquisition so that rosters are read and the day is graded, then run retention of this day again; "
            "or set retention.publish_from_grade to a worse grade or never",
        ) from failed
