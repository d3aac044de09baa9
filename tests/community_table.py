"""
Writes the tables of docs/reference/simulated-community.md from the code: ``python -m tests.community_table``.

The page's own words stay; what stands between its two marks of a table is replaced. A test fails where it differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ruamel.yaml import YAML

from qunflow.sandbox.world.planting import CampaignSpec, ContentSpec, OutageSpec, RingSpec
from qunflow.sandbox.world.spec import ChannelSpec, CommunitySpec, GroupSpec, StaffSpec
from qunflow.sandbox.world.staff import HABITS

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "fixtures" / "community_parameters.yaml"
PAGE = ROOT / "docs" / "reference" / "simulated-community.md"
MODULES = ("traits", "rules", "content", "arrivals", "readers", "past")
# Names for reading the code, not numbers of behaviour.
NO_BEHAVIOUR = {"FRIDAY", "WEDNESDAY", "RING"}
SPECS = {
    "(top)": CommunitySpec,
    "staff": StaffSpec,
    "groups": GroupSpec,
    "channels": ChannelSpec,
    "content": ContentSpec,
    "campaigns": CampaignSpec,
    "rings": RingSpec,
    "outages": OutageSpec,
}


@dataclass(frozen=True, slots=True)
class Row:
    """
    Constants of one module that belong together: what they do, and where they come from.

    ``what`` may show their values as ``{0}``, ``{1}`` and so on.
    """

    module: str
    names: tuple[str, ...]
    what: str
    source: str


def rows() -> list[Row]:
    """The list of numbers."""
    listed = YAML(typ="safe").load(LIST.read_text(encoding="utf-8"))
    return [Row(one["module"], tuple(one["names"]), one["what"], one["source"]) for one in listed]


def parameters() -> str:
    """Every number of the behaviour with its source."""
    lines = ["| what it does | value | in `world/` | source |", "|---|---|---|---|"]
    for row in rows():
        module = _module(row.module)
        values = [_shown(getattr(module, name)) for name in row.names]
        names = " ".join(f"`{name}`" for name in row.names)
        lines.append(f"| {row.what.format(*values)} | {' · '.join(values)} | `{row.module}`: {names} | {row.source} |")
    return "\n".join(lines)


def habits() -> str:
    """What prompt, late and never mean."""
    lines = [
        "| habit | confirms | after s: least · mean more | when reminded | opens a card | after s: least · mean more |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in HABITS.items():
        waits = [" · ".join(map(_shown, pair)) for pair in (one.confirm_s, one.open_s)]
        shares = [_shown(share) for share in (one.confirms, one.after_reminder, one.opens_card)]
        lines.append(f"| {name} | {shares[0]} | {waits[0]} | {shares[1]} | {shares[2]} | {waits[1]} |")
    return "\n".join(lines)


def spec_keys() -> str:
    """Every key of a spec file with its default."""
    lines = ["| list | key | default |", "|---|---|---|"]
    lines += [f"| {name} | `{one.name}` | {_default(one)} |" for name, spec in SPECS.items() for one in fields(spec)]
    return "\n".join(lines)


TABLES = {"parameters": parameters, "habits": habits, "spec keys": spec_keys}


def unlisted() -> list[str]:
    """Numbers of the behaviour's modules that no row names."""
    listed = {f"{row.module}.{name}" for row in rows() for name in row.names}
    found = [f"{name}.{constant}" for name in MODULES for constant in _numbers(_module(name))]
    return sorted(set(found) - listed)


def page(text: str) -> str:
    """The page with its tables made anew."""
    for name, table in TABLES.items():
        before, mark, rest = text.partition(f"<!-- table: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        assert mark and end, name
        text = f"{before}{mark}{table()}\n{end}{after}"
    return text


def _module(name: str) -> ModuleType:
    return import_module(f"qunflow.sandbox.world.{name}")


def _numbers(module: ModuleType) -> Iterator[str]:
    source = Path(str(module.__file__)).read_text(encoding="utf-8")
    for line in re.findall(r"^([A-Z][A-Z_, ]*) = [-\d(]", source, flags=re.MULTILINE):
        yield from (name for name in line.split(", ") if name not in NO_BEHAVIOUR)


def _default(one: Field[Any]) -> str:
    if one.default is MISSING:
        return "required"
    if isinstance(one.default, tuple):
        return f"{len(one.default)} of them" if one.default else "none"
    return f"`{one.default}`" if one.default != "" else "empty"


def _shown(value: Any) -> str:
    if isinstance(value, Sequence):
        return "(" + ", ".join(map(_shown, value)) + ")"
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else f"{value:g}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
