"""
What a machine tells Qunflow: addresses, directories and secrets, from the environment and the workspace's ``.env``.

The process environment wins over ``.env``; each variable may also be given as a file (``NAME_FILE``).
Secrets are never printed: they are ``SecretStr`` here and leave only through ``require``.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from qunflow.errors import ConfigurationError
from qunflow.settings.words import did_you_mean

PREFIX = "QUNFLOW_"
WECOM_HOST = "https://qyapi.weixin.qq.com"

EXAMPLES: Mapping[str, str] = {
    "master_key": 'QUNFLOW_MASTER_KEY="$(openssl rand -base64 32)"',
    "hook_secret": 'QUNFLOW_HOOK_SECRET="$(openssl rand -hex 24)"',
    "wecom_corp_id": "QUNFLOW_WECOM_CORP_ID=ww0123456789abcdef",
    "wecom_secret": "QUNFLOW_WECOM_SECRET_FILE=/run/secrets/wecom_secret",
    "wecom_agent_id": "QUNFLOW_WECOM_AGENT_ID=1000002",
    "wecom_callback_token": "QUNFLOW_WECOM_CALLBACK_TOKEN=the token of the callback page",
    "wecom_callback_aes_key": "QUNFLOW_WECOM_CALLBACK_AES_KEY=43 letters and digits",
    "web_url": "QUNFLOW_WEB_URL=https://qunflow.example.com",
}
# Secrets of these kinds are named after keys in the workspace file.
NAMED_PREFIXES = (f"{PREFIX}ROBOT_", f"{PREFIX}SERVICE_")


class Environment(BaseSettings):
    """Everything that differs between machines; made by ``load_environment``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    workspace: Path = Path()
    env: Literal["development", "production"] = "development"
    database_url: str = Field("", repr=False)
    history_dir: Path = Path()
    master_key: SecretStr | None = None
    hook_secret: SecretStr | None = None
    wecom_base_url: str = WECOM_HOST
    wecom_corp_id: str = ""
    wecom_secret: SecretStr | None = None
    wecom_agent_id: int = 0
    wecom_callback_token: SecretStr | None = None
    wecom_callback_aes_key: SecretStr | None = None
    dingtalk_base_url: str = ""
    feishu_base_url: str = ""
    mail_password: SecretStr | None = None
    web_url: str = ""
    clock_url: str = ""
    lang: Literal["zh", "en"] = "zh"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        dotenv = dotenv_settings.env_vars if isinstance(dotenv_settings, DotEnvSettingsSource) else {}
        return (
            init_settings,
            env_settings,
            _FileVariables(settings_cls, os.environ),
            dotenv_settings,
            _FileVariables(settings_cls, {name.upper(): value or "" for name, value in dotenv.items()}),
        )

    @property
    def production(self) -> bool:
        """Whether this machine talks to real people."""
        return self.env == "production"

    def require(self, name: str) -> str:
        """
        The value of a variable that must be there, in clear.

        Args:
            name: the field's name, such as ``wecom_secret``.

        Raises:
            ConfigurationError: it is not set; names the variable and an example.
        """
        value = getattr(self, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if not value:
            raise missing_variable(name)
        return str(value)

    def master_key_bytes(self) -> bytes:
        """The workspace's key: 32 bytes. Raises: ConfigurationError when it is absent or of another length."""
        try:
            key = base64.b64decode(self.require("master_key"), validate=True)
        except binascii.Error as error:
            raise _bad_master_key("is not base64") from error
        if len(key) != 32:
            raise _bad_master_key(f"holds {len(key)} bytes, not 32")
        return key


class _FileVariables(PydanticBaseSettingsSource):
    """Reads ``QUNFLOW_NAME_FILE=/path`` for each field ``name``."""

    def __init__(self, settings_cls: type[BaseSettings], variables: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self._variables = variables

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{PREFIX}{field_name.upper()}_FILE"
        path = self._variables.get(variable)
        return (_first_text(variable, Path(path)) if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def _first_text(variable: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"{variable} names {path}, which cannot be read ({error.strerror})",
            f"put the value into that file, or unset {variable}",
        ) from error


def named_secret(workspace: Path, name: str) -> str:
    """
    A secret that is named after a key of the workspace file, found as every variable is; empty when it is not set.

    Args:
        name: in capitals, without the prefix: ``ROBOT_OPS_ADDRESS``.

    Raises:
        ConfigurationError: its file cannot be read.
    """
    variable = f"{PREFIX}{name}"
    for variables in (os.environ, _dotenv_values(workspace / ".env")):
        if value := variables.get(variable):
            return value.strip()
        if path := variables.get(f"{variable}_FILE"):
            return _first_text(f"{variable}_FILE", Path(path))
    return ""


def missing_variable(name: str) -> ConfigurationError:
    """The error for a variable that is not set; ``name`` is the field's name."""
    variable = f"{PREFIX}{name.upper()}"
    example = EXAMPLES.get(name, f"{variable}=…")
    return ConfigurationError(
        f"{variable} is not set", f"set it in the environment or in the workspace's .env, for example: {example}"
    )


def _bad_master_key(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"QUNFLOW_MASTER_KEY {what}", f"use 32 random bytes in base64, for example: {EXAMPLES['master_key']}"
    )


def workspace_directory(given: Path | None = None) -> Path:
    """
    The workspace to work in: the given one, else QUNFLOW_WORKSPACE, else the current directory if it is one.

    Raises:
        ConfigurationError: none of them holds a qunflow.yaml.
    """
    named = given or (Path(os.environ["QUNFLOW_WORKSPACE"]) if os.environ.get("QUNFLOW_WORKSPACE") else None)
    directory = (named or Path.cwd()).expanduser().resolve()
    if (directory / "qunflow.yaml").is_file():
        return directory
    raise ConfigurationError(
        f"{directory} is not a workspace: it holds no qunflow.yaml",
        "name one with -w DIR or QUNFLOW_WORKSPACE, or make one with `qunflow init DIR`",
    )


def load_environment(workspace: Path) -> Environment:
    """
    The environment of a workspace, with every path absolute.

    Raises:
        ConfigurationError: a variable that cannot be understood; its value is not repeated.
    """
    workspace = workspace.expanduser().resolve()
    dotenv = workspace / ".env"
    try:
        read = Environment(_env_file=dotenv if dotenv.is_file() else None, workspace=workspace)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        variable = f"{PREFIX}{str(first['loc'][0]).upper()}"
        raise ConfigurationError(f"{variable} cannot be used", f"valid: {first['msg']}") from None
    return _with_defaults(read)


def _with_defaults(read: Environment) -> Environment:
    database = f"sqlite:///{read.workspace / 'state' / 'qunflow.sqlite3'}"
    history = read.workspace / "history"
    if read.history_dir != Path():
        history = read.workspace / read.history_dir.expanduser()
    return read.model_copy(update={"database_url": read.database_url or database, "history_dir": history})


def unknown_variables(dotenv: Path) -> tuple[tuple[str, str], ...]:
    """The QUNFLOW_ names in a ``.env`` that no setting has, each with what was probably meant."""
    valid = [f"{PREFIX}{name.upper()}" for name in Environment.model_fields]
    names = [name for name in _dotenv_values(dotenv) if name.startswith(PREFIX) and not name.startswith(NAMED_PREFIXES)]
    unknown = [name for name in names if name.removesuffix("_FILE") not in valid]
    return tuple((name, did_you_mean(name, valid)) for name in unknown)


def _dotenv_values(dotenv: Path) -> Mapping[str, str]:
    from dotenv import dotenv_values

    found = dotenv_values(dotenv) if dotenv.is_file() else {}
    return {name: value or "" for name, value in found.items()}
