"""docs/explanation/reading-the-numbers.md: its pictures are the report's, and what it claims is what the rules say."""

from __future__ import annotations

import re
from pathlib import Path

from qunflow.community.finality import FINAL_AFTER_DAYS
from qunflow.report.sections.groups import WEAK, WELL
from qunflow.report.wording import SMALL_N
from qunflow.retention import comparing, health
from qunflow.retention.comparing import Reached, differences
from qunflow.retention.outlook import forecast
from qunflow.retention.params import RetentionParams
from qunflow.settings.workspace import Retention
from qunflow.store.retention_dimensions import DIMENSIONS
from tests.reading_pictures import FOLDER, WEEKS, pictures

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "reading-the-numbers.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_every_picture_is_drawn_by_the_report_and_shown() -> None:
    """The folder holds what ``python -m tests.reading_pictures`` writes, and the page shows each once."""
    drawn = pictures()

    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("reading-*.svg")} == drawn
    assert sorted(re.findall(r"\(images/(.*?)\)", TEXT)) == sorted(drawn)


def test_every_link_leads_somewhere() -> None:
    """No page that was moved."""
    links = [link for link in re.findall(r"\]\(([^)#]+)", TEXT) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_the_numbers_it_names_are_those_of_the_rules() -> None:
    """Few people, days until final, the band of the forecast, points of health, where a score is good."""
    parts = (health.STAY_POINTS, health.ACTIVITY_POINTS, health.CALM_POINTS, health.GROWTH_POINTS)

    assert SMALL_N == comparing.FEW == 30
    assert FINAL_AFTER_DAYS == 3
    assert forecast.LEVEL == 0.8
    assert "留得住 {}、有人动 {}、不天天退 {}、有新人 {}".format(*parts) in TEXT
    assert f"{WELL} 以上算好，{WEAK} 以下要马上看" in TEXT
    assert set(Retention().active_kinds) == {"message", "checkin", "click", "order", "reply"}
    assert RetentionParams().active_kinds == ()


def test_the_difference_in_its_picture_is_what_the_text_says() -> None:
    """Six points among a hundred people each: may be chance, and the small cohort is left alone."""
    cells = [
        Reached(name, day, round(share * size), size)
        for name, size, shares in WEEKS[:3]
        for day, share in zip((1, 3, 7, 14), shares, strict=True)
        if share is not None
    ]

    found = differences(cells, [name for name, _, _ in WEEKS[:3]])

    (told,) = [one for one in found if one.later.day == 7 and one.later.cohort == "03-02"]
    assert (round(told.share, 2), told.verdict) == (-0.06, "maybe_lower")


def test_every_part_cohorts_can_be_split_by_is_explained() -> None:
    """By the names the command takes."""
    assert [name for name in DIMENSIONS if f" {name}" not in TEXT] == []
