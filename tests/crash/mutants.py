"""
Does the proof prove anything? ``./run mutants`` takes one safeguard out of a copy of the code and expects to be caught.

A mutant is an edit of the syntax tree of a copy: a function that finds nothing, a key that is left out, an intent that
is written but not kept. Each is judged by the short simulation and by the tests that promise what was taken out.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS = 40
Edit = Callable[[ast.Module], int]


@dataclass(frozen=True)
class Mutant:
    """What is taken out, where, and which tests promise it beside the simulation."""

    name: str
    file: str
    edit: Edit
    tests: tuple[str, ...] = ()


def gives(function: str, value: object) -> Edit:
    """A function that gives a constant, whatever it is asked."""

    def edit(tree: ast.Module) -> int:
        found = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == function]
        for one in found:
            one.body = [ast.Return(ast.parse(repr(value), mode="eval").body)]
        return len(found)

    return edit


def without_unique_key(columns: Sequence[str]) -> Edit:
    """A table whose database does not mind the same key twice."""

    def is_it(one: ast.expr) -> bool:
        return (
            isinstance(one, ast.Call)
            and isinstance(one.func, ast.Name)
            and one.func.id == "UniqueConstraint"
            and [getattr(value, "value", None) for value in one.args] == list(columns)
        )

    def edit(tree: ast.Module) -> int:
        tables = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and any(map(is_it, one.args))]
        for table in tables:
            table.args = [one for one in table.args if not is_it(one)]
        return len(tables)

    return edit


def forgets(function: str, work: str) -> Edit:
    """Inside a function a write of ``work`` is carried out, and taken back before anything follows."""

    def is_it(one: ast.AST) -> bool:
        return (
            isinstance(one, ast.Call)
            and isinstance(one.func, ast.Attribute)
            and one.func.attr == "write"
            and any(isinstance(name, ast.Name) and name.id == work for name in ast.walk(one))
        )

    def edit(tree: ast.Module) -> int:
        places = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == function]
        calls = [one for place in places for one in ast.walk(place) if is_it(one)]
        for one in calls:
            assert isinstance(one, ast.Call)
            store = ast.unparse(one.func.value)  # type: ignore[attr-defined]
            forgotten = ast.parse(f"__import__('tests.crash.mutants', fromlist=['x']).forgotten({store}, None)")
            call = forgotten.body[0].value  # type: ignore[attr-defined]
            one.func, one.args = call.func, [call.args[0], *one.args]
        return len(calls)

    return edit


def forgotten(store: object, work: Callable[[object], object]) -> object:
    """Carry out ``work`` and undo it: what a mutant calls in place of ``store.write``."""

    class Undo(Exception):
        pass

    found: object = None
    try:
        with store.writing() as conn:  # type: ignore[attr-defined]
            found = work(conn)
            raise Undo
    except Undo:
        return found


_UNIT = "tests/unit/delivery"
MUTANTS = (
    Mutant("the intent is not committed", "qunflow/delivery/sender.py", forgets("_claimed", "claiming")),
    Mutant(
        "no unique key",
        "qunflow/store/tables/delivery.py",
        without_unique_key(("slot_key", "local_day", "target_kind", "target_ref", "content_version")),
        (f"{_UNIT}/test_outbox_key.py",),
    ),
    Mutant("nobody asks the platform", "qunflow/delivery/recover.py", gives("_matches", [])),
    Mutant("no quota", "qunflow/delivery/bounds.py", gives("_over_quota", None)),
    Mutant("no quiet hours", "qunflow/delivery/bounds.py", gives("quiet_now", False)),
    Mutant("no opt-out", "qunflow/delivery/bounds.py", gives("_suppressed", None)),
)


def caught_by(mutant: Mutant | None, seeds: int) -> str:
    """What catches a mutant: ``simulation``, ``tests``, or nothing; without a mutant nothing may."""
    with tempfile.TemporaryDirectory(prefix="qunflow-mutant-") as folder:
        copy = Path(folder)
        shutil.copytree(ROOT / "qunflow", copy / "qunflow", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("tests", "pyproject.toml", "templates"):
            (copy / name).symlink_to(ROOT / name)
        if mutant is not None:
            _edit(copy / mutant.file, mutant.edit)
        if _fails(copy, ["-m", "tests.crash.simulation.short", str(seeds)]):
            return "simulation"
        tests = mutant.tests if mutant is not None else ()
        promised = ["-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *tests]
        return "tests" if tests and _fails(copy, promised) else ""


def _edit(path: Path, edit: Edit) -> None:
    tree = ast.parse(path.read_text())
    places = edit(tree)
    if not places:
        raise SystemExit(f"{path.name} no longer has what this mutant takes out: mend tests/crash/mutants.py")
    path.write_text(ast.unparse(ast.fix_missing_locations(tree)))


def _fails(copy: Path, arguments: list[str]) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True)
    return done.returncode != 0


def main(arguments: list[str]) -> int:
    """Try every mutant, and the code as it is; print a table; 1 unless all mutants and nothing else are caught."""
    parser = argparse.ArgumentParser(prog="./run mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = parser.parse_args(arguments).seeds
    began = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda one: caught_by(one, seeds), (None, *MUTANTS)))
    width = max(len(one.name) for one in MUTANTS)
    print(f"{'the code as it is'.ljust(width)}  {'FAILS: ' + found[0] if found[0] else 'passes'}")
    for mutant, by in zip(MUTANTS, found[1:], strict=True):
        print(f"{mutant.name.ljust(width)}  {'caught by ' + by if by else 'NOT CAUGHT'}")
    caught = sum(bool(one) for one in found[1:])
    print(f"{caught} of {len(MUTANTS)} caught, {seeds} seeds each, {time.perf_counter() - began:.0f} s")
    return int(caught < len(MUTANTS) or bool(found[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
