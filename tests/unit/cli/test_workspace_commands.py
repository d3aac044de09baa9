"""init, check, schema and doctor as a person uses them."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from qunflow.cli import main
from qunflow.settings.environment import Environment


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Environment.model_fields:
        monkeypatch.delenv(f"QUNFLOW_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run("init", str(tmp_path / "demo"), "--demo") == 0
    capsys.readouterr()
    return tmp_path / "demo"


@pytest.fixture
def listening() -> Iterator[str]:
    """The address of something on loopback that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(words)
    return int(left.value.code or 0)


def change(directory: Path, written: str, instead: str) -> None:
    file = directory / "qunflow.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(written, instead, 1), encoding="utf-8")


def test_init_says_what_it_wrote_and_what_is_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new user reads the files and three commands; the secrets are not shown."""
    assert run("init", str(tmp_path / "w")) == 0
    said = capsys.readouterr().out
    key = (tmp_path / "w" / ".env").read_text(encoding="utf-8").split("QUNFLOW_MASTER_KEY=")[1].splitlines()[0]
    assert "qunflow.yaml" in said and "qunflow check -w" in said and key not in said
    assert run("init", str(tmp_path / "w")) == 2
    assert "already is a workspace" in capsys.readouterr().err


def test_check_is_content_with_a_new_workspace(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo has no mistake and no warning."""
    assert run("check", "-w", str(demo)) == 0
    said = capsys.readouterr()
    assert "3 个群" in said.out and said.err == ""


def test_check_finds_the_workspace_it_stands_in(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without -w the variable or the current directory is used; elsewhere the next step is named."""
    assert run("check") == 2
    assert "qunflow init DIR" in capsys.readouterr().err
    monkeypatch.chdir(demo)
    assert run("check") == 0
    monkeypatch.chdir(demo.parent)
    monkeypatch.setenv("QUNFLOW_WORKSPACE", str(demo))
    assert run("check") == 0


def test_check_tells_mistakes_of_the_settings(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Place, problem and valid words are printed, as text and as JSON, with exit code 2."""
    change(demo, "type: 购物", "type: 购务")
    assert run("check", "-w", str(demo)) == 2
    assert "qunflow.yaml:10:11: found '购务'" in capsys.readouterr().err
    assert run("check", "-w", str(demo), "--json") == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert (answer["mistakes"][0]["line"], answer["mistakes"][0]["column"]) == (10, 11)


def test_check_tells_mistakes_of_own_copy(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An override with a typo, and one with a banned word, are told at their file."""
    own = demo / "templates" / "daily_content"
    own.mkdir(parents=True)
    (own / "closing.j2").write_text("全网最低,晚安。{{ tomorrow.item }}", encoding="utf-8")
    assert run("check", "-w", str(demo)) == 2
    said = capsys.readouterr()
    assert "closing.j2:1:1" in said.err and "全网最低" in said.err and "1 处要改" in said.out
    (own / "closing.j2").write_text("晚安。{{ tomorow.item }}", encoding="utf-8")
    assert run("check", "-w", str(demo)) == 2
    assert "'tomorow'" in capsys.readouterr().err


def test_check_warns_of_a_misspelled_variable(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown QUNFLOW_ name in .env is a warning with the likely one; its value is not shown."""
    with (demo / ".env").open("a") as file:
        file.write("QUNFLOW_WECOM_SECRT=c4n4ry\n")
    assert run("check", "-w", str(demo)) == 0
    said = capsys.readouterr().err
    assert "QUNFLOW_WECOM_SECRT" in said and "QUNFLOW_WECOM_SECRET" in said and "c4n4ry" not in said


@pytest.mark.parametrize(("option", "title"), [([], "社群"), (["--playbook"], "节点")])
def test_schema_prints_a_json_schema(option: list[str], title: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Editors complete and explain in Chinese."""
    assert run("schema", *option) == 0
    schema = json.loads(capsys.readouterr().out)
    assert title in {field["title"] for field in schema["properties"].values()}


def states(capsys: pytest.CaptureFixture[str], directory: Path) -> tuple[int, dict[str, str], str]:
    """Exit code, state by item, and everything said, of `doctor --json`."""
    code = run("doctor", "-w", str(directory), "--json")
    said = capsys.readouterr().out
    return code, {item["item"]: item["state"] for item in json.loads(said)["items"]}, said


def test_doctor_names_what_a_new_workspace_lacks(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing secrets and database are bad with a next step, and no database is made by looking."""
    code, found, said = states(capsys, demo)
    assert code == 1
    assert (found["secrets"], found["database"], found["workspace"], found["dotenv"]) == ("bad", "bad", "ok", "ok")
    assert "qunflow db upgrade" in said and "QUNFLOW_WECOM_SECRET" in said
    assert list((demo / "state").iterdir()) == []


def test_doctor_is_content_when_all_is_there(
    demo: Path, listening: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With secrets, database and addresses nothing is left to do, and no secret is printed."""
    values = {
        "WECOM_CORP_ID": "ww1",
        "WECOM_SECRET": "c4n4ry-a",
        "WECOM_AGENT_ID": "1000002",
        "WECOM_CALLBACK_TOKEN": "c4n4ry-b",
        "WECOM_CALLBACK_AES_KEY": "c4n4ry-c",
        "WECOM_BASE_URL": listening,
        "WEB_URL": "http://127.0.0.1:8790",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"QUNFLOW_{name}", value)
    from qunflow.store.migrate import upgrade

    upgrade(f"sqlite:///{demo}/state/qunflow.sqlite3")
    code, found, said = states(capsys, demo)
    assert (code, set(found.values())) == (0, {"ok"}), said
    assert "c4n4ry" not in said
    assert run("doctor", "-w", str(demo)) == 0
    shown = capsys.readouterr().out
    assert "没有问题" in shown and "c4n4ry" not in shown


def test_doctor_minds_an_address_that_is_none(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Links made of a bare host name would lead nowhere, on everybody's phone."""
    monkeypatch.setenv("QUNFLOW_WEB_URL", "qunflow.example.com")
    code, found, said = states(capsys, demo)
    assert (code, found["web"]) == (1, "bad")
    assert "https://" in said


def test_doctor_minds_who_can_read_the_secrets(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An .env that others can read is bad, with the command that mends it."""
    (demo / ".env").chmod(0o644)
    _, found, said = states(capsys, demo)
    assert found["dotenv"] == "bad" and "chmod 600" in said
    assert stat.S_IMODE((demo / ".env").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("env", "address", "state"),
    [
        ("production", "http://127.0.0.1:1", "bad"),
        ("production", "http://qyapi.weixin.qq.com", "bad"),
        ("development", "https://qyapi.weixin.qq.com", "warning"),
        ("development", "http://127.0.0.1:1", "bad"),
    ],
)
def test_doctor_keeps_sandbox_and_production_apart(
    demo: Path, env: str, address: str, state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A production environment never points at a sandbox, nor the other way round; nothing listening is bad."""
    monkeypatch.setenv("QUNFLOW_ENV", env)
    monkeypatch.setenv("QUNFLOW_WECOM_BASE_URL", address)
    assert states(capsys, demo)[1]["wecom"] == state


@pytest.mark.parametrize(
    ("name", "value", "item"),
    [
        ("QUNFLOW_CLOCK_URL", "http://127.0.0.1:1/_sandbox/clock", "clock"),
        ("QUNFLOW_MASTER_KEY", "c2hvcnQ=", "secrets"),
        ("QUNFLOW_WECOM_AGENT_ID", "many", "secrets"),
        ("QUNFLOW_DATABASE_URL", "mysql://nowhere/db", "database"),
    ],
)
def test_doctor_tells_a_setting_that_cannot_work(
    demo: Path, name: str, value: str, item: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dead clock, a short key, a bad number or an unknown database is told, not thrown."""
    for variable in ("CORP_ID", "SECRET"):
        monkeypatch.setenv(f"QUNFLOW_WECOM_{variable}", "x")
    monkeypatch.setenv("QUNFLOW_WECOM_AGENT_ID", "1")
    monkeypatch.setenv(name, value)
    code, found, _ = states(capsys, demo)
    assert code == 1 and found[item] == "bad"


def test_doctor_tells_a_broken_workspace(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake in the settings is one bad item with its place; the rest is still examined."""
    change(demo, "brand: ", "brnad: ")
    _, found, said = states(capsys, demo)
    assert found["workspace"] == "bad" and "qunflow.yaml:5:1" in said and "disk" in found
