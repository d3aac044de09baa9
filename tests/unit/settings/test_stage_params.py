"""The form that every stage shares."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from qunflow.settings.params import StageParams


def test_nothing_goes_out_unless_it_is_asked_for() -> None:
    """A manual run is a dry run, and a backfill never sends."""
    assert not StageParams().sends
    assert StageParams(dry_run=False).sends
    assert not StageParams(dry_run=False, backfill=True).sends


def test_an_empty_day_means_today() -> None:
    """业务日期 left empty is the community's local date."""
    assert StageParams().logical_day(date(2026, 3, 2)) == date(2026, 3, 2)
    assert StageParams(day="2026-02-01").logical_day(date(2026, 3, 2)) == date(2026, 2, 1)


@pytest.mark.parametrize("fields", [{"day": "tomorrow"}, {"day": "2026-02-30"}, {"dryrun": False}, {"claim": "never"}])
def test_a_form_that_is_filled_in_wrongly_is_refused(fields: dict[str, object]) -> None:
    """Wrong days, unknown fields and unknown choices never start a run."""
    with pytest.raises(ValidationError):
        StageParams.model_validate(fields)


def test_the_form_is_chinese() -> None:
    """Prefect shows the titles, so every field has one in Chinese."""
    properties = StageParams.model_json_schema()["properties"]
    assert all(any("一" <= char <= "鿿" for char in field["title"]) for field in properties.values())
