"""
Groups written into ``qunflow.yaml`` as a person would: lines added behind the last group, nothing else touched.

Comments, blank lines and the way the rest is written stay byte for byte. Whether the file is right afterwards is
checked by reading it, before anything is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from qunflow.errors import ConfigurationError
from qunflow.settings.checked import checked
from qunflow.settings.paths import playbook_names, template_paths
from qunflow.settings.references import require_references
from qunflow.settings.workspace import FILE_NAME, Workspace
from qunflow.settings.yaml import parse_yaml

_PLAIN = re.compile(r"[A-Za-z_\u4e00-\u9fff][\w\u4e00-\u9fff-]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
# What a group of the settings holds, in the order it is written.
KEYS = ("key", "name", "kind", "chat_id", "owner", "admin", "sop", "opened_on")


@dataclass(frozen=True, slots=True)
class Addition:
    """The text of the file with more groups, and the lines that were added."""

    text: str
    lines: str


def with_groups(text: str, community: str, groups: Sequence[Mapping[str, str | date]]) -> Addition:
    """
    Add groups to a community.

    Raises:
        ConfigurationError: the community is not in the file, or its groups are written in one line.
    """
    home = _community(text, community)
    break_ = "\r\n" if "\r\n" in text else "\n"
    key, value = _part(home, "groups")
    rows = text.splitlines(keepends=True)
    if key is None or value is None:
        at, column = _last_line(home) + 1, home.value[0][0].start_mark.column
        block = [f"{' ' * column}groups:", *_lines(groups, column + 2)]
    elif isinstance(value, SequenceNode) and value.value and not value.flow_style:
        at, column = _last_line(value) + 1, _dash(rows, value.value[0])
        block = _lines(groups, column)
    else:
        raise ConfigurationError(
            f"the groups of community {community!r} are written in one line",
            "take the `groups: []` away, or write one group a line, and import again",
        )
    lines = "".join(f"{line}{break_}" for line in block)
    if at and not rows[at - 1].endswith("\n"):
        rows[at - 1] += break_
    return Addition("".join([*rows[:at], lines, *rows[at:]]), lines)


def require_valid(text: str, directory: Path) -> Workspace:
    """
    Read a text as the settings of a workspace.

    Raises:
        ConfigurationError: with every mistake and its place.
    """
    document = parse_yaml(text, file=str(directory / FILE_NAME))
    workspace = checked(Workspace, document)
    require_references(workspace, document, playbook_names(template_paths(directory)))
    return workspace


def _community(text: str, key: str) -> MappingNode:
    root = YAML(typ="safe", pure=True).compose(text.removeprefix("\ufeff"))
    listed = _part(root, "communities")[1] if isinstance(root, MappingNode) else None
    for one in listed.value if isinstance(listed, SequenceNode) else ():
        named = _part(one, "key")[1] if isinstance(one, MappingNode) and not one.flow_style else None
        if named is not None and str(named.value) == key:
            found: MappingNode = one
            return found
    raise ConfigurationError(f"the settings hold no community {key!r}", "write it down first, one key a line")


def _part(mapping: MappingNode, name: str) -> tuple[Node | None, Node | None]:
    for key, value in mapping.value:
        if str(key.value) == name:
            return key, value
    return None, None


def _last_line(node: Node) -> int:
    """The line (from 0) on which the last thing of a node stands."""
    if not isinstance(node, MappingNode | SequenceNode) or node.flow_style or not node.value:
        # A block of text ends where the next thing begins.
        return int(node.end_mark.line) - (1 if node.end_mark.column == 0 else 0)
    last = node.value[-1]
    return _last_line(last[1] if isinstance(node, MappingNode) else last)


def _dash(rows: Sequence[str], first: Node) -> int:
    return int(rows[first.start_mark.line][: first.start_mark.column].rindex("-"))


def _lines(groups: Sequence[Mapping[str, str | date]], column: int) -> list[str]:
    found: list[str] = []
    for group in groups:
        listed = [(key, group[key]) for key in KEYS if group.get(key)]
        for place, (key, value) in enumerate(listed):
            found.append(f"{' ' * column}{'  ' if place else '- '}{key}: {_written(value)}")
    return found


def _written(value: str | date) -> str:
    if isinstance(value, date):
        return value.isoformat()
    plain = _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
    return value if plain else json.dumps(value, ensure_ascii=False)
