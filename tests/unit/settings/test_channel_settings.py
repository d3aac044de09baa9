"""The ways out beside WeCom's own: what stands in the workspace file, and where their secrets come from."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from qunflow.errors import ConfigurationError
from qunflow.settings.channels import Robot, Service
from qunflow.settings.checked import SettingsError
from qunflow.settings.environment import named_secret, unknown_variables
from qunflow.settings.scaffold import write_workspace
from qunflow.settings.workspace import Workspace, load_workspace

HERE = "  wecom: {enabled: true}\n"
ROBOTS = "  robots:\n    - {key: ops, platform: dingtalk}\n    - {key: boss-1, platform: feishu}\n"
MAIL = "  mail: {host: smtp.brand.example, port: 587, security: starttls, sender: news@brand.example}\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The demo's settings."""
    return write_workspace(tmp_path / "demo", None, date(2026, 3, 2))


def with_channels(directory: Path, lines: str) -> Workspace:
    """The settings with more under ``channels:``."""
    file = directory / "qunflow.yaml"
    text = file.read_text(encoding="utf-8")
    assert HERE in text
    file.write_text(text.replace(HERE, HERE + lines, 1), encoding="utf-8")
    return load_workspace(directory)


def test_robots_mail_and_services_are_read(directory: Path) -> None:
    """Each with the names of its secrets."""
    channels = with_channels(directory, ROBOTS + MAIL + "  services: [{key: slack}]\n").channels
    assert [one.platform for one in channels.robots] == ["dingtalk", "feishu"]
    assert channels.robots[1].address_name == "ROBOT_BOSS_1_ADDRESS"
    assert channels.robots[1].secret_name == "ROBOT_BOSS_1_SECRET"
    assert channels.services == (Service(key="slack"),)
    assert channels.services[0].address_name == "SERVICE_SLACK_ADDRESS"
    assert channels.mail is not None
    assert (channels.mail.port, channels.mail.security) == (587, "starttls")


def test_what_the_scaffold_proposes_can_be_used(directory: Path) -> None:
    """Without its leading signs it is a part of the file."""
    file = directory / "qunflow.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    shown = [
        line.replace("  # ", "  ", 1) if line.startswith(("  # robots", "  #   - ", "  # mail")) else line
        for line in lines
    ]
    file.write_text("\n".join(shown), encoding="utf-8")
    channels = load_workspace(directory).channels
    assert channels.robots == (Robot(key="ops", platform="dingtalk"),)
    assert channels.mail is not None


def test_the_page_about_channels_can_be_followed(directory: Path) -> None:
    """Its example is read as it stands, and it names the variables the settings ask for."""
    page = (Path(__file__).parents[3] / "docs/how-to/robots-mail-and-other-channels.md").read_text(encoding="utf-8")
    example = page.split("```yaml\nchannels:\n")[1].split("```")[0].replace(HERE, "")
    channels = with_channels(directory, example).channels
    names = [channels.robots[0].address_name, channels.robots[0].secret_name, channels.services[0].address_name]
    assert all(f"`QUNFLOW_{name}`" in page for name in names)


MISTAKES = [
    (ROBOTS.replace("feishu", "feishuu"), "feishuu", "found 'feishuu'", "did you mean 'feishu'"),
    (ROBOTS.replace("feishu}", "feishu, secret: canary}"), "secret", "unknown key 'secret'", "key"),
    (ROBOTS.replace("boss-1", "ops"), "ops, platform: feishu", "a second time in robots", "another key"),
    (ROBOTS + "    - {key: boss_1, platform: feishu}\n", "boss_1", "a second time in robots", "another key"),
    (MAIL.replace("587", "70000"), "70000", "found 70000", "65535 or less"),
    (MAIL.replace("starttls", "ssl"), "ssl", "found 'ssl'", "valid: tls, starttls, none"),
    (
        MAIL.replace("news@brand.example", "brand.example"),
        "brand.example}",
        "'brand.example'",
        "a mail address such as",
    ),
    (MAIL.replace("port", "prot"), "prot", "unknown key 'prot'", "did you mean 'port'"),
]


@pytest.mark.parametrize(("lines", "at", "problem", "step"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_says_where_and_what_is_valid(directory: Path, lines: str, at: str, problem: str, step: str) -> None:
    """With file, line and column, and without repeating a secret that was put there."""
    with pytest.raises(SettingsError) as raised:
        with_channels(directory, lines)
    text = (directory / "qunflow.yaml").read_text(encoding="utf-8").splitlines()
    number, line = next((number, line) for number, line in enumerate(text, start=1) if at in line)
    place = raised.value.place
    assert place is not None
    assert (Path(place.file).name, place.line, place.column) == ("qunflow.yaml", number, line.index(at) + 1)
    assert problem in raised.value.problem
    assert step in raised.value.next_step
    assert "canary" not in str(raised.value)


def test_a_named_secret_is_found_as_every_variable_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process before ``.env``, the plain name before the file."""
    dotenv = tmp_path / ".env"
    assert named_secret(tmp_path, "ROBOT_OPS_ADDRESS") == ""
    (tmp_path / "address").write_text("from-a-file\n")
    dotenv.write_text(f"QUNFLOW_ROBOT_OPS_ADDRESS_FILE={tmp_path / 'address'}\n")
    assert named_secret(tmp_path, "ROBOT_OPS_ADDRESS") == "from-a-file"
    dotenv.write_text("QUNFLOW_ROBOT_OPS_ADDRESS=from-dotenv\n")
    assert named_secret(tmp_path, "ROBOT_OPS_ADDRESS") == "from-dotenv"
    monkeypatch.setenv("QUNFLOW_ROBOT_OPS_ADDRESS_FILE", str(tmp_path / "address"))
    assert named_secret(tmp_path, "ROBOT_OPS_ADDRESS") == "from-a-file"
    monkeypatch.setenv("QUNFLOW_ROBOT_OPS_ADDRESS", "from-the-process")
    assert named_secret(tmp_path, "ROBOT_OPS_ADDRESS") == "from-the-process"
    monkeypatch.setenv("QUNFLOW_ROBOT_BOSS_ADDRESS_FILE", str(tmp_path / "gone"))
    with pytest.raises(ConfigurationError, match=r"QUNFLOW_ROBOT_BOSS_ADDRESS_FILE names .*gone"):
        named_secret(tmp_path, "ROBOT_BOSS_ADDRESS")


def test_named_secrets_are_no_unknown_variables(tmp_path: Path) -> None:
    """Only what no setting could have is reported."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("QUNFLOW_ROBOT_OPS_ADDRESS=a\nQUNFLOW_SERVICE_X_ADDRESS_FILE=b\nQUNFLOW_MAIL_PASWORD=c\n")
    ((name, meant),) = unknown_variables(dotenv)
    assert name == "QUNFLOW_MAIL_PASWORD"
    assert "QUNFLOW_MAIL_PASSWORD" in meant
