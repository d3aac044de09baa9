"""
The sections of the report, one module a stage: from figures to one sentence, one picture and a folded table.

Pure; every word comes from the language catalogue, every number from a recorded figure.
"""

from __future__ import annotations

from qunflow.report.model import ReportData, Section, Words
from qunflow.report.sections.acquisition import funnel
from qunflow.report.sections.activity_layers import activity_layers
from qunflow.report.sections.cohorts import side_by_side
from qunflow.report.sections.conversion import conversion
from qunflow.report.sections.daily_content import pushes
from qunflow.report.sections.groups import group_board
from qunflow.report.sections.leave_alarms import leave_alarms
from qunflow.report.sections.life_stages import life_stages
from qunflow.report.sections.outlook import churn_outlook, stay_outlook
from qunflow.report.sections.parts import split_sections
from qunflow.report.sections.quality import quality
from qunflow.report.sections.reactions import told_back
from qunflow.report.sections.retention import activity, stay
from qunflow.report.sections.weekly_activity import weekly

_RETENTION = (stay, side_by_side, stay_outlook, activity, churn_outlook, activity_layers)
_GROUPS = (group_board, life_stages, leave_alarms, pushes, told_back)
ORDER = (funnel, *_RETENTION, *_GROUPS, weekly, conversion, quality)


def sections(data: ReportData, words: Words) -> tuple[Section, ...]:
    """All sections of a report, in reading order."""
    found: list[Section] = []
    for build in ORDER:
        found.append(build(data, words))
        if build is side_by_side:
            found += split_sections(data, words)
    return tuple(found)
