"""After a day was lived: names, phones, ids and secrets are in the sealed vault and nowhere else."""

from __future__ import annotations

import csv
import io
import logging
from datetime import date, time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from prefect.settings import get_current_settings

from flows.commands.living import hand_over_to_prefect
from flows.community_cycle import community_cycle
from qunflow.settings.params import StageParams

pytestmark = pytest.mark.usefixtures("prefect_server")

MONDAY = date(2026, 3, 2)
PERSONAL = ("姓名", "手机号", "企微外部ID")
# A row that is refused, one that is kept, and a file that cannot be read at all.
DIRT = "序号,姓名,手机号,来源渠道,企微外部ID,提交时间\n1,甄不凡,13800138x77,poster-a,,2026-03-01 10:00:00\n"
BROKEN = '[{"姓名": "贾不存", "手机号": "13900139077"'


def secrets_of(folder: Path) -> set[str]:
    """The secret values of a workspace; addresses and the application's number are none."""
    lines = [line.partition("=") for line in (folder / ".env").read_text().splitlines() if not line.startswith("#")]
    return {value for name, _, value in lines if not name.endswith(("URL", "AGENT_ID")) and len(value) > 8}


def persons_of(export: str) -> set[str]:
    """Every name, phone and id of a form's export that is long enough to be told from a number or a word."""
    rows = csv.DictReader(io.StringIO(export))
    return {row[column] for row in rows for column in PERSONAL if len(row[column] or "") > 2}


def written(folder: Path) -> dict[str, bytes]:
    """What the workspace and Prefect keep on disk, without .env and the export itself; Parquet as plain text."""
    address = str(get_current_settings().server.database.connection_url.get_secret_value())  # type: ignore[union-attr]
    database = Path(address.partition("///")[2])
    ours = [path for path in folder.rglob("*") if path.is_file() and path.name != ".env" and "leads" not in path.parts]
    theirs = list(database.parent.glob(f"{database.name}*"))
    assert theirs, address
    return {
        str(path): pd.read_parquet(path).to_csv().encode() if path.suffix == ".parquet" else path.read_bytes()
        for path in [*ours, *theirs]
    }


def test_no_name_phone_id_or_secret_leaves_the_vault(house: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Neither database, nor history, nor Prefect's runs, logs and artifacts hold one in the clear, on a bad day too."""
    here = house.runtime
    leads = here.directory / "leads"
    leads.mkdir(exist_ok=True)
    export = house.ask("export/leads.csv")
    (leads / "leads.csv").write_text(export, encoding="utf-8")
    (leads / "dirt.csv").write_text(DIRT, encoding="utf-8")
    (leads / "broken.json").write_text(BROKEN, encoding="utf-8")
    house.move_to(MONDAY, time(10, 30))
    caplog.set_level(logging.DEBUG)

    with pytest.raises(Exception, match=r"broken\.json:1:") as told:
        community_cycle(StageParams(dry_run=False))
    hand_over_to_prefect(20)

    values = secrets_of(here.directory) | persons_of(export) | persons_of(DIRT) | {"贾不存", "13900139077"}
    kept = {**written(here.directory), "log": caplog.text.encode(), "error": str(told.value).encode()}
    found = {
        (name, value)
        for name, content in kept.items()
        for value in values
        if value.encode() in content or value.encode("unicode_escape") in content
    }
    assert found == set()
    # The search has something to search: many values, and this very run in Prefect's database.
    assert len(values) > 20
    assert any(b"broken.json" in content for name, content in kept.items() if str(here.directory) not in name)
    assert "not started" not in str(told.value), "a file that cannot be read stops no other stage"
