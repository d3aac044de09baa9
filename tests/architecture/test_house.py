"""The tree keeps the shape the design promises."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {
    ".ci", ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "GLOSSARY.md", "LICENSE", "README.md", "README.zh-CN.md",
    "SECURITY.md", "benchmarks", "data_checks", "deploy", "docs", "examples", "flows", "prefect.yaml",
    "pyproject.toml", "qunflow", "run", "tasks", "templates", "tests", "uv.lock",
}  # fmt: skip
STAGES = ("acquisition", "daily_content", "weekly_activity", "retention", "conversion")
OWN_CODE = ("qunflow", "flows", "tasks", "data_checks")
LONGEST_FUNCTION_LINES = 60
LONGEST_FLOW_LINES = 40


def tracked() -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_nothing_at_the_root_that_is_not_in_the_design() -> None:
    """Whoever lists the root sees the house and nothing else."""
    assert {path.split("/")[0] for path in tracked()} <= TOP_LEVEL


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_word_recurs_in_every_layer(stage: str) -> None:
    """Whoever knows one row knows them all."""
    for place in (f"flows/{stage}.py", f"tasks/{stage}.py", f"data_checks/{stage}.py"):
        assert (ROOT / place).is_file(), place
    for place in (f"templates/{stage}", f"qunflow/{stage}"):
        assert (ROOT / place).is_dir(), place


def test_no_function_is_longer_than_the_limit() -> None:
    """A function does one thing."""
    long = [
        f"{path}:{function.name} {length(function)}"
        for path, tree in sources(*OWN_CODE)
        for function in functions(tree)
        if length(function) > LONGEST_FUNCTION_LINES
    ]
    assert long == []


def test_a_flow_reads_like_the_sop() -> None:
    """A flow body is a page a community operator could follow."""
    long = [
        f"{path}:{function.name} {length(function)}"
        for path, tree in sources("flows")
        if path.parent == Path("flows")
        for function in functions(tree)
        if any("flow" in ast.unparse(mark) for mark in function.decorator_list)
        and length(function) > LONGEST_FLOW_LINES
    ]
    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    """A reader finds the way from the first line of each file."""
    silent = [str(path) for path, tree in sources(*OWN_CODE) if tree.body and not ast.get_docstring(tree)]
    assert silent == []


def test_flow_and_task_files_define_no_classes() -> None:
    """Results unpickle anywhere only when their types live in the library: Prefect renames flow modules."""
    classes = [
        f"{path}:{node.name}"
        for path, tree in sources("flows", "tasks")
        if path.parent in (Path("flows"), Path("tasks"))
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    ]
    assert classes == []


def test_flow_files_shadow_nothing() -> None:
    """Prefect puts the folder of a flow first on the path, so a stem there must be nobody else's name."""
    stems = {path.stem for path in (ROOT / "flows").glob("*.py")} - {"__init__", "__main__"}
    taken = set(sys.stdlib_module_names) | {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert stems & taken == set()


def test_imports_in_flow_files_are_absolute() -> None:
    """A relative import fails when Prefect loads a flow by its path."""
    relative = [
        f"{path}:{node.lineno}"
        for path, tree in sources("flows", "tasks", "data_checks", "qunflow")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_the_door_is_plain_posix_shell() -> None:
    """./run works under any sh."""
    assert subprocess.run(["sh", "-n", str(ROOT / "run")], check=False).returncode == 0
