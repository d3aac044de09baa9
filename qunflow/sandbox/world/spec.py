"""
Who and what the simulated community is at the start; every number can be changed by a ``--spec`` YAML file.

Keys of the file are the attribute names here; lists replace the defaults as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from qunflow.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class StaffSpec:
    """A member of the corp; ``role`` is helper, owner, admin or support; ``habit`` prompt, late or never."""

    userid: str
    name: str
    role: str
    habit: str = "prompt"


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A customer group; ``share`` of the newcomers who go there, 0 for groups entered by buying."""

    key: str
    name: str
    kind: str
    owner: str
    admin: str
    share: float


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """Where people come from; ``keen`` lifts or lowers their interest (1 is average)."""

    key: str
    name: str
    cost_fen: int
    weight: float
    keen: float = 1.0


@dataclass(frozen=True, slots=True)
class CommunitySpec:
    """
    The community and its newcomers.

    ``people`` arrived within the ``past_days`` before the clock's start; ``arrivals_per_day`` go on afterwards;
    ``pulled_share`` of them are pulled in by members, the others come through a channel and the helper account.
    """

    brand: str = "小满生活"
    people: int = 600
    past_days: int = 60
    arrivals_per_day: float = 9.0
    pulled_share: float = 0.18
    form: str = "Oet50U"
    helper: str = "helper_xm"
    staff: tuple[StaffSpec, ...] = (
        StaffSpec("helper_xm", "小满", "helper"),
        StaffSpec("owner_zhou", "周启明", "owner"),
        StaffSpec("owner_he", "何秀兰", "owner", "late"),
        StaffSpec("owner_shen", "沈知白", "owner"),
        StaffSpec("admin_lin", "林小满", "admin"),
        StaffSpec("admin_tang", "唐果", "admin", "late"),
        StaffSpec("support_wu", "吴安", "support"),
    )
    groups: tuple[GroupSpec, ...] = (
        GroupSpec("g1", "小满邻里·春熙路1群", "benefit_group", "owner_zhou", "admin_lin", 0.55),
        GroupSpec("g2", "小满邻里·玉林2群", "benefit_group", "owner_he", "admin_tang", 0.45),
        GroupSpec("g3", "小满老友会", "member_group", "owner_shen", "admin_lin", 0.0),
    )
    channels: tuple[ChannelSpec, ...] = (
        ChannelSpec("poster-a", "电梯海报", 80_000, 4, 0.9),
        ChannelSpec("store-b", "门店收银台", 30_000, 3, 1.2),
        ChannelSpec("article-c", "公众号文章", 50_000, 2, 1.0),
        ChannelSpec("fission-d", "老客带新", 20_000, 1, 0.7),
    )


_LISTS: dict[str, Callable[..., Any]] = {"staff": StaffSpec, "groups": GroupSpec, "channels": ChannelSpec}


def read_spec(path: Path) -> CommunitySpec:
    """
    The defaults with a file's changes.

    Raises:
        ConfigurationError: for a missing file, YAML that cannot be read, or an unknown key.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        given = YAML(typ="safe").load(path.read_text(encoding="utf-8")) or {}
    except (OSError, YAMLError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}", "give --spec a YAML file, or leave it out"
        ) from error
    known = {field.name for field in fields(CommunitySpec)}
    if not isinstance(given, dict) or set(given) - known:
        raise ConfigurationError(f"{path} has unknown keys", f"known keys: {', '.join(sorted(known))}")
    return replace(CommunitySpec(), **{name: _value(path, name, value) for name, value in given.items()})


def _value(path: Path, name: str, value: Any) -> Any:
    if name not in _LISTS:
        return value
    try:
        return tuple(_LISTS[name](**item) for item in value)
    except TypeError as error:
        raise ConfigurationError(
            f"{path}: {name} cannot be read: {error}", "look at the defaults in world/spec.py"
        ) from error
