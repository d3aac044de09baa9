"""A new workspace is valid at once, suits the sandbox it was asked for, and keeps its secrets to itself."""

from __future__ import annotations

import json
import stat
from datetime import date
from pathlib import Path

import pytest

from qunflow.errors import ConfigurationError
from qunflow.settings import paths
from qunflow.settings.environment import load_environment
from qunflow.settings.scaffold import schema_text, write_blank_workspace, write_workspace
from qunflow.settings.workspace import load_workspace

DAY = date(2026, 3, 2)


def test_the_demo_lives_a_warm_up_an_offer_and_a_close_in_its_first_week(tmp_path: Path) -> None:
    """Whatever day the season starts on, a week shows all five stages."""
    for start in (DAY, date(2026, 12, 30)):
        community = load_workspace(write_workspace(tmp_path / str(start), None, start)).community()
        (campaign,) = community.campaigns
        days = [(day - start).days for day in (campaign.warm_up_on, campaign.offer_on, campaign.closes_on)]
        assert days == [2, 4, 5]
        assert community.weekly_activity.sop == "checkin-week"
        assert [group.kind for group in community.groups] == ["benefit_group", "benefit_group", "member_group"]
        assert all(group.open_on(start) for group in community.groups)


def test_the_demo_takes_the_names_of_a_world(tmp_path: Path) -> None:
    """Chat ids, owners, helper and channels come from the sandbox, whatever characters they hold."""
    group = {"chat_id": "wrX", "name": '群"一": #1', "kind": "camp_group", "owner": "o", "admin": "a", "share": 0.5}
    world = {"helper": "h: {x}", "groups": [group], "channels": [{"key": "poster", "name": "海报, 一号"}]}
    community = load_workspace(write_workspace(tmp_path / "w", world, DAY)).community()
    (made,) = community.groups
    assert (made.chat_id, made.name, made.owner, made.admin, made.sop) == ("wrX", '群"一": #1', "o", "a", "camp-7day")
    assert community.helper == "h: {x}"
    assert [(channel.key, channel.name, channel.cost_fen) for channel in community.acquisition.channels] == [
        ("poster", "海报, 一号", 0)
    ]


def test_secrets_are_fresh_private_and_usable(tmp_path: Path) -> None:
    """Each workspace has its own key, which nobody else on the machine can read."""
    one = write_workspace(tmp_path / "one", None, DAY, variables={"QUNFLOW_WEB_URL": "http://127.0.0.1:8790"})
    two = write_blank_workspace(tmp_path / "two", DAY)
    assert stat.S_IMODE((one / ".env").stat().st_mode) == 0o600
    keys = {load_environment(made).master_key_bytes() for made in (one, two)}
    assert len(keys) == 2 and all(len(key) == 32 for key in keys)
    assert load_environment(one).web_url == "http://127.0.0.1:8790"
    assert ".env" in (one / ".gitignore").read_text().splitlines()


def test_the_example_of_the_environment_sets_nothing_by_accident(tmp_path: Path) -> None:
    """A copied .env.example leaves every empty variable empty, comments and all."""
    made = write_blank_workspace(tmp_path / "w", DAY)
    (made / ".env").write_text((made / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    environment = load_environment(made)
    assert environment.wecom_secret is None and environment.web_url == "" and environment.env == "development"


def test_a_workspace_is_never_overwritten(tmp_path: Path) -> None:
    """A second init names what is there; an .env that is already there stays."""
    (tmp_path / ".env").write_text("QUNFLOW_LANG=en\n")
    write_blank_workspace(tmp_path, DAY)
    assert (tmp_path / ".env").read_text() == "QUNFLOW_LANG=en\n"
    with pytest.raises(ConfigurationError, match="already is a workspace"):
        write_workspace(tmp_path, None, DAY)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in the way is a clear message, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_blank_workspace(tmp_path / "file" / "w", DAY)


def test_editors_find_the_schema(tmp_path: Path) -> None:
    """The first line of the settings points at a schema that describes them in Chinese."""
    made = write_blank_workspace(tmp_path / "w", DAY)
    first = (made / "qunflow.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=./qunflow.schema.json"
    schema = json.loads((made / "qunflow.schema.json").read_text(encoding="utf-8"))
    assert schema == json.loads(schema_text())
    assert schema["$defs"]["Community"]["properties"]["positioning"]["title"] == "社群定位"


def test_templates_are_found_in_the_wheel_and_in_the_source_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel's own copy is used where there is no source tree, and neither is a clear message."""
    assert (paths.builtin_templates() / "playbooks" / "benefit-daily.yaml").is_file()
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path / "qunflow")
    with pytest.raises(ConfigurationError, match="no templates"):
        paths.builtin_templates()
    (tmp_path / "qunflow" / "_templates" / "playbooks").mkdir(parents=True)
    assert paths.builtin_templates() == tmp_path / "qunflow" / "_templates"
