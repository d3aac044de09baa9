"""
The sections of the report, one module a stage: from figures to one sentence, one picture and a folded table.

Pure; every word comes from the language catalogue, every number from a recorded figure.
"""

from __future__ import annotations

from qunflow.report.model import ReportData, Section, Words
from qunflow.report.sections.acquisition import funnel
from qunflow.report.sections.conversion import conversion
from qunflow.report.sections.daily_content import pushes
from qunflow.report.sections.groups import group_board
from qunflow.report.sections.outlook import churn_outlook, stay_outlook
from qunflow.report.sections.quality import quality
from qunflow.report.sections.retention import activity, stay
from qunflow.report.sections.weekly_activity import weekly

ORDER = (funnel, stay, stay_outlook, activity, churn_outlook, group_board, pushes, weekly, conversion, quality)


def sections(data: ReportData, words: Words) -> tuple[Section, ...]:
    """All sections of a report, in reading order."""
    return tuple(build(data, words) for build in ORDER)
