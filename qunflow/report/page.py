"""
The report as one HTML page that needs nothing else: no network, no font, no script.

Escaping is Jinja's; the only markup let through are the charts, which escape every word themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from markupsafe import Markup

from qunflow.rendering import pages
from qunflow.report.grading import legend
from qunflow.report.headline import completeness, tiles
from qunflow.report.model import ReportData, Words
from qunflow.report.sections import sections
from qunflow.report.wording import known

TEMPLATE = "report/report.html.j2"


def render_html(reports: Sequence[ReportData], words: Words, *, lang: str = "zh") -> str:
    """The whole page, one part a community."""
    template = pages().get_template(TEMPLATE)
    parts = [_community(data, words) for data in reports]
    return template.render(lang=lang, text=words.text, communities=parts, svg=Markup)


GUIDE = ("blank", "grade", "few", "open", "luck", "ahead", "why", "page")


def _guide(data: ReportData, words: Words) -> tuple[str, ...]:
    """When not to trust a number, a line each; docs/explanation/reading-the-numbers.md says more."""
    return tuple(words.text(f"compare.guide.{name}", days=data.final_after_days) for name in GUIDE)


def _community(data: ReportData, words: Words) -> dict[str, object]:
    made_at = data.made_at.astimezone(ZoneInfo(data.zone))
    return {
        "data": data,
        "title": words.text("report.title", brand=data.brand, community=data.community),
        "period": words.text("report.period", first=data.first_day, last=data.last_day),
        "made_at": words.text("report.made_at", at=f"{made_at:%Y-%m-%d %H:%M}", zone=data.zone),
        "type": words.text("report.type", kind=known(words, "community_type", data.kind)) if data.kind else "",
        "tiles": tiles(data, words),
        "completeness": completeness(data, words),
        "legend": legend(words) if data.figures else "",
        "guide": _guide(data, words) if data.figures else (),
        "sections": sections(data, words),
    }
