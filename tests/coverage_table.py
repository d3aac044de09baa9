"""
``python -m tests.coverage_table`` writes docs/reference/wecom-coverage.md: what of WeCom is served, and what proves it.

Rows come from tests/fixtures/wecom_endpoints.yaml, proofs from the ``covers`` marks at the tests; a proof that is not
there is shown as missing.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ruamel.yaml import YAML

from qunflow.sandbox.areas import TABLE

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "fixtures" / "wecom_endpoints.yaml"
PAGE = ROOT / "docs" / "reference" / "wecom-coverage.md"
PROOFS = ("success", "read_back", "refusal")
MISSING = "**missing**"
HEAD = """# WeCom calls: what the sandbox serves and what proves it

Made by `python -m tests.coverage_table` from `tests/fixtures/wecom_endpoints.yaml` and from the `covers` marks at the
tests; do not edit. Each row names a test over real HTTP of a success, of the read-back (what was written can be read,
what was deleted is gone, what happened shows) and of a refusal with its documented code; there may be more of them.
Paths are below `/cgi-bin/`; § is the section of the reference the limits and codes were taken from. A path that is not
served answers HTTP 404.
"""


class BadMark(Exception):
    """A ``covers`` mark that names no call or no kind of proof, or stands where no test is."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One call of the list."""

    area: str
    method: str
    path: str
    section: str


@dataclass(frozen=True, slots=True)
class Proof:
    """One test that proves something about a call."""

    path: str
    how: str
    file: str
    test: str


def listed() -> list[Listed]:
    """The list, in its order."""
    return [Listed(**row) for row in YAML(typ="safe").load(LIST.read_text(encoding="utf-8"))]


def proofs(folder: Path = ROOT / "tests") -> list[Proof]:
    """
    Every ``covers`` mark below a folder, by file and line.

    Raises:
        BadMark: naming file and line.
    """
    files = sorted(folder.rglob("test_*.py"), key=lambda path: ("conformance" in path.parts, path))
    return [proof for file in files for proof in _proofs_of(file)]


def page(calls: Iterable[Listed], found: Iterable[Proof], served: Iterable[str]) -> str:
    """The Markdown page."""
    calls, served = list(calls), set(served)
    by_call: dict[str, dict[str, list[Proof]]] = defaultdict(lambda: defaultdict(list))
    for proof in found:
        by_call[proof.path][proof.how].append(proof)
    whole = sum(all(by_call[call.path][how] for how in PROOFS) for call in calls)
    there = sum(call.path in served for call in calls)
    lines = [HEAD, f"{len(calls)} calls are listed, {there} of them are served, {whole} have all three proofs."]
    for area, rows in groupby(calls, key=lambda call: (call.area, call.section)):
        lines += ["", f"## {area[0]} (§{area[1]})", "", *_table(rows, by_call, served)]
    beyond = sorted(served - {call.path for call in calls})
    if beyond:
        extra = [Listed("", "", path, "") for path in beyond]
        lines += ["", "## Served beyond the list", "", *_table(extra, by_call, served)]
    return "\n".join(lines) + "\n"


def current() -> str:
    """
    The page as it should be now.

    Raises:
        BadMark: for a mark that names neither a listed nor a served call.
    """
    calls, found = listed(), proofs()
    known = {call.path for call in calls} | set(TABLE)
    for proof in found:
        if proof.path not in known:
            raise BadMark(f"{proof.file}: {proof.test} covers {proof.path!r}, which is neither listed nor served")
    return page(calls, found, TABLE)


def _table(rows: Iterable[Listed], by_call: Mapping[str, Mapping[str, list[Proof]]], served: set[str]) -> Iterator[str]:
    yield "| call | served | success | read-back | refusal |"
    yield "|---|---|---|---|---|"
    for row in rows:
        cells = [_cell(by_call[row.path][how]) for how in PROOFS]
        name = f"{row.method} `{row.path}`".strip()
        yield f"| {name} | {'yes' if row.path in served else 'no'} | {' | '.join(cells)} |"


def _cell(found: list[Proof]) -> str:
    if not found:
        return MISSING
    return f"[{found[0].test.removeprefix('test_')}](../../{found[0].file})"


def _proofs_of(file: Path) -> Iterator[Proof]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    name = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
    placed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for mark in [mark for decorator in node.decorator_list for mark in _marks(decorator)]:
                placed.add(id(mark))
                yield Proof(*_said(mark, name), name, node.name)
    for mark in _marks(tree):
        if id(mark) not in placed:
            raise BadMark(f"{name}:{mark.lineno}: a covers mark stands at a test, so that the table can name it")


def _marks(node: ast.AST) -> Iterator[ast.Call]:
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and ast.unparse(part.func) == "pytest.mark.covers":
            yield part


def _said(mark: ast.Call, file: str) -> tuple[str, str]:
    said = [argument.value for argument in mark.args if isinstance(argument, ast.Constant)]
    if len(mark.args) != 2 or len(said) != 2 or said[1] not in PROOFS:
        raise BadMark(f"{file}:{mark.lineno}: covers takes a path and one of {', '.join(PROOFS)}, written out")
    return str(said[0]), str(said[1])


def main() -> int:
    """Write the page."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(current(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
