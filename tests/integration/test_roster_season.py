"""A season in which a third of the callbacks are lost, doubled or late ends like one in which none is."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from qunflow.cli import main
from qunflow.runtime.memberships import not_before
from qunflow.store import merging
from qunflow.store.members import Membership
from qunflow.store.tables import memberships
from tests.integration.callback_season import OPEN, Season, lived

SPEC = "people: 250\npast_days: 3\narrivals_per_day: 90\n"
DAYS = 60 if os.environ.get("QUNFLOW_SOAK") == "1" else 6
TROUBLE: list[dict[str, Any]] = [
    {"path": "callback", "mode": "dropped", "probability": 0.14},
    {"path": "callback", "mode": "duplicate", "probability": 0.14},
    {"path": "callback", "mode": "reorder", "probability": 0.14},
]


def replayed_by_command(season: Season) -> object:
    """The exit code of `qunflow db replay` on a season's workspace."""
    with pytest.raises(SystemExit) as left:
        main(["db", "replay", "-w", str(season.runtime.directory)])
    return left.value.code


def test_a_membership_the_raw_rows_do_not_give_is_found(
    tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`qunflow db replay` is 0 on an honest file; after a row was changed by hand it is 1 and names the number."""
    with lived(tmp_path / "calm", sqlite_template, [], "people: 60\npast_days: 3\n") as season:
        season.live(1)
        assert replayed_by_command(season) == 0
        stay = next(one for one in season.stays().values() if one.left_at is None)
        row = memberships.c.membership_id == stay.membership_id
        forged = {"left_at": stay.joined_at + timedelta(hours=1), "left_known_by": "callback"}
        season.runtime.store.write(lambda conn: conn.execute(update(memberships).where(row).values(forged)))
        capsys.readouterr()
        assert replayed_by_command(season) == 1

    assert f"第 {stay.person_id} 号" in capsys.readouterr().out


@pytest.mark.soak
def test_lost_doubled_and_late_callbacks_change_nothing_in_the_end(tmp_path: Path, sqlite_template: Path) -> None:
    """The same roster as the platform's, the same stays, leaves exact or within their bounds, the same grades."""
    with lived(tmp_path / "calm", sqlite_template, [], SPEC) as calm:
        grades = calm.live(DAYS)
        truth = calm.stays()
        assert calm.on_file() == calm.rosters()
    with lived(tmp_path / "rough", sqlite_template, TROUBLE, SPEC) as rough:
        rough_grades = rough.live(DAYS)
        found = rough.stays()
        assert rough.on_file() == rough.rosters()
        assert replayed_by_command(rough) == 0
        assert rough.history() == sorted(_as_told(one) for one in found.values())

    bounded = [one for one in found.values() if one.left_known_by == "roster"]
    assert bounded, "no leave got lost: the faults did nothing"
    assert found.keys() == truth.keys()
    for key, stay in truth.items():
        mine = found[key]
        if mine.left_known_by == "roster":
            assert stay.left_at is not None
            assert not_before(mine) <= stay.left_at <= mine.left_at + timedelta(microseconds=1)
        else:
            assert mine.left_at == stay.left_at
    assert {day: one.letter for day, one in rough_grades.items()} == {day: one.letter for day, one in grades.items()}


def _as_told(stay: Membership) -> tuple[int, int, datetime, datetime]:
    return stay.group_id, stay.person_id, stay.joined_at, stay.left_at or OPEN


def test_people_are_looked_at_joined_and_split_from_the_command_line(
    tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The review list, a merge by hand and its undoing; numbers and kinds only, no id and no phone."""
    with lived(tmp_path / "calm", sqlite_template, [], "people: 60\npast_days: 3\n") as season:
        season.live(1)
        before = season.stays()
        one, other = sorted({stay.person_id for stay in before.values()})[:2]
        here = season.runtime
        here.store.write(lambda conn: merging.ask(conn, "phone_two_accounts", one, other, season.clock.at))
        told = [
            people(season, capsys, *words)
            for words in (
                ["review"],
                ["merge", str(one), str(other), "--by", "zhou"],
                ["review"],
                ["merges"],
                ["split", "1", "--by", "zhou"],
                ["apart", "1", "--by", "zhou"],
            )
        ]
        assert season.stays().keys() == before.keys()

    assert [code for code, _ in told] == [0, 0, 0, 0, 0, 1]
    assert f"{one}（external_userid" in told[0][1]
    assert "待核对：0 对" in told[2][1]
    assert "zhou" in told[3][1]
    assert "wm" not in "".join(text for _, text in told)


def people(season: Season, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str]:
    """Exit code and output of `qunflow people` on a season's workspace."""
    with pytest.raises(SystemExit) as left:
        main(["people", *words, "-w", str(season.runtime.directory)])
    said = capsys.readouterr()
    return left.value.code, said.out + said.err
