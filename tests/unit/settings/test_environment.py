"""The environment: where values come from, which one wins, and that secrets stay secret."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from qunflow.errors import ConfigurationError
from qunflow.settings.environment import Environment, load_environment, unknown_variables, workspace_directory

CANARY = "c4n4ry-s3cr3t"


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Environment.model_fields:
        monkeypatch.delenv(f"QUNFLOW_{name.upper()}", raising=False)


def test_defaults_lie_inside_the_workspace(tmp_path: Path) -> None:
    """Without any setting, database and history are in the workspace and WeCom is the real one."""
    environment = load_environment(tmp_path)
    assert environment.database_url == f"sqlite:///{tmp_path}/state/qunflow.sqlite3"
    assert environment.history_dir == tmp_path / "history"
    assert environment.wecom_base_url == "https://qyapi.weixin.qq.com"
    assert (environment.lang, environment.production) == ("zh", False)


def test_the_process_wins_over_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sets a variable for one run gets it."""
    (tmp_path / ".env").write_text("QUNFLOW_WECOM_CORP_ID=from-file\nQUNFLOW_WEB_URL=http://127.0.0.1:1\n")
    assert load_environment(tmp_path).wecom_corp_id == "from-file"
    monkeypatch.setenv("QUNFLOW_WECOM_CORP_ID", "from-process")
    environment = load_environment(tmp_path)
    assert (environment.wecom_corp_id, environment.web_url) == ("from-process", "http://127.0.0.1:1")


def test_a_secret_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NAME_FILE works in the process and in .env, and the plain name wins over it."""
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    (tmp_path / ".env").write_text(f"QUNFLOW_HOOK_SECRET_FILE={tmp_path / 'secret'}\n")
    assert load_environment(tmp_path).require("hook_secret") == CANARY
    monkeypatch.setenv("QUNFLOW_WECOM_SECRET_FILE", str(tmp_path / "secret"))
    assert load_environment(tmp_path).require("wecom_secret") == CANARY
    monkeypatch.setenv("QUNFLOW_WECOM_SECRET", "plain")
    assert load_environment(tmp_path).require("wecom_secret") == "plain"
    monkeypatch.setenv("QUNFLOW_WECOM_SECRET_FILE", str(tmp_path / "gone"))
    with pytest.raises(ConfigurationError, match=r"QUNFLOW_WECOM_SECRET_FILE names .*gone"):
        load_environment(tmp_path)


def test_no_secret_shows_in_a_picture_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither repr nor str nor an error repeats a secret or a database password."""
    names = ("MASTER_KEY", "HOOK_SECRET", "WECOM_SECRET", "WECOM_CALLBACK_TOKEN", "WECOM_CALLBACK_AES_KEY")
    for name in names:
        monkeypatch.setenv(f"QUNFLOW_{name}", CANARY)
    monkeypatch.setenv("QUNFLOW_DATABASE_URL", f"postgresql://user:{CANARY}@host/db")
    environment = load_environment(tmp_path)
    assert CANARY not in repr(environment) + str(environment)
    with pytest.raises(ConfigurationError) as caught:
        environment.master_key_bytes()
    assert CANARY not in str(caught.value)


def test_a_missing_secret_is_named_with_an_example(tmp_path: Path) -> None:
    """The variable's name and a line to copy stand in the message."""
    with pytest.raises(ConfigurationError, match=r"QUNFLOW_HOOK_SECRET is not set\n.*openssl rand"):
        load_environment(tmp_path).require("hook_secret")
    with pytest.raises(ConfigurationError, match="QUNFLOW_WECOM_AGENT_ID is not set"):
        load_environment(tmp_path).require("wecom_agent_id")


@pytest.mark.parametrize(("value", "problem"), [("%%%", "not base64"), ("c2hvcnQ=", "5 bytes, not 32")])
def test_a_bad_master_key_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    """A key of another length would fail much later and much stranger."""
    monkeypatch.setenv("QUNFLOW_MASTER_KEY", value)
    with pytest.raises(ConfigurationError, match=problem):
        load_environment(tmp_path).master_key_bytes()


def test_a_good_master_key_comes_as_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """32 bytes in base64 are 32 bytes."""
    monkeypatch.setenv("QUNFLOW_MASTER_KEY", base64.b64encode(bytes(range(32))).decode())
    assert load_environment(tmp_path).master_key_bytes() == bytes(range(32))


def test_a_value_that_cannot_be_used_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong language or number is refused at the start, by name."""
    monkeypatch.setenv("QUNFLOW_WECOM_AGENT_ID", "many")
    with pytest.raises(ConfigurationError, match="QUNFLOW_WECOM_AGENT_ID cannot be used"):
        load_environment(tmp_path)


def test_a_misspelled_variable_is_noticed(tmp_path: Path) -> None:
    """A typo in .env would otherwise be silence."""
    (tmp_path / ".env").write_text("QUNFLOW_HOK_SECRET=x\nQUNFLOW_WECOM_SECRET_FILE=/x\nOTHER=1\n")
    ((name, hint),) = unknown_variables(tmp_path / ".env")
    assert name == "QUNFLOW_HOK_SECRET" and "did you mean 'QUNFLOW_HOOK_SECRET'" in hint


def test_the_workspace_is_the_given_one_then_the_variable_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order in which a workspace is looked for, and the message when there is none."""
    for name in ("given", "named", "here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "qunflow.yaml").write_text("brand: x\n")
    monkeypatch.chdir(tmp_path / "here")
    assert workspace_directory() == tmp_path / "here"
    monkeypatch.setenv("QUNFLOW_WORKSPACE", str(tmp_path / "named"))
    assert workspace_directory() == tmp_path / "named"
    assert workspace_directory(tmp_path / "given") == tmp_path / "given"
    with pytest.raises(ConfigurationError, match="is not a workspace"):
        workspace_directory(tmp_path)
